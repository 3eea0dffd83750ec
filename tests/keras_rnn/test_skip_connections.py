"""`ResidualCell` and `HighwayCell`: the input goes past the cell."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.cells import gru_step, lstm_step, with_weights
from reference.training import assert_close, spy_on_written_out, trained_in_graph
from reference.twins import give_random_weights
from reference.wrapper_oracles import highway_step

from keras_rnn import RNN, DropoutCell, GRUCell, HighwayCell, LSTMCell, ResidualCell

SHAPE = (3, 5, 4)
CELLS = {
    "gru": (lambda: GRUCell(4, dtype="float64"), gru_step),
    "lstm": (lambda: LSTMCell(4, dtype="float64"), lstm_step),
    "keras": (lambda: keras.layers.LSTMCell(4, dtype="float64"), lstm_step),
}
AROUND = [ResidualCell, HighwayCell]


def built(cell, rng):
    cell.build((None, 4))
    return give_random_weights(cell, rng)


@pytest.mark.parametrize("name", CELLS)
def test_residual_equals_the_numpy_reference(name, rng):
    make, step = CELLS[name]
    cell = built(ResidualCell(make()), rng)
    x = rng.normal(size=(3, 4))
    states = [rng.normal(size=(3, 4)) for _ in cell.get_initial_state(3)]
    output, after = cell(x, states)
    wanted, wanted_states = step(x, states, *cell.cell.get_weights())
    assert_close([output, *after], [wanted + x, *wanted_states])


@pytest.mark.parametrize("name", CELLS)
def test_highway_equals_the_numpy_reference(name, rng):
    make, step = CELLS[name]
    cell = built(HighwayCell(make()), rng)
    x = rng.normal(size=(3, 4))
    states = [rng.normal(size=(3, 4)) for _ in cell.get_initial_state(3)]
    output, after = cell(x, states)
    gate = cell.transform_kernel.numpy(), cell.transform_bias.numpy()
    oracle = with_weights(step, cell.cell.get_weights())
    wanted, wanted_states = highway_step(oracle, x, states, *gate)
    assert_close([output, *after], [wanted, *wanted_states])


@pytest.mark.parametrize("around", AROUND)
def test_the_input_goes_past_whole_and_the_cell_reads_what_its_dropout_leaves(around, rng):
    cell = built(around(DropoutCell(GRUCell(4, dtype="float64"), 1.0, 1.0)), rng)
    x = rng.normal(size=(3, 4))
    output, _ = cell(x, cell.get_initial_state(3), training=True)
    passed = 1.0
    if around is HighwayCell:
        passed = 1 / (1 + np.exp(x @ cell.transform_kernel.numpy() + cell.transform_bias.numpy()))
    assert_close([output], [x * passed])


def test_at_first_the_transform_gate_lets_the_input_pass():
    cell = HighwayCell(GRUCell(4))
    cell.build((None, 4))
    np.testing.assert_array_equal(cell.transform_bias, -np.ones(4))
    assert np.any(cell.transform_kernel)
    cell = HighwayCell(GRUCell(4), kernel_initializer="zeros", bias_initializer="ones")
    cell = HighwayCell.from_config(cell.get_config())
    cell.build((None, 4))
    np.testing.assert_array_equal(cell.transform_bias, np.ones(4))
    np.testing.assert_array_equal(cell.transform_kernel, np.zeros((4, 4)))


def test_the_gate_is_computed_for_all_steps_at_once(rng, monkeypatch):
    layer = RNN(HighwayCell(GRUCell(4, dtype="float64")), return_sequences=True)
    layer.build(SHAPE)
    ranks, project = [], HighwayCell.project

    def spied(cell, inputs, *noise):
        ranks.append(len(inputs.shape))
        return project(cell, inputs, *noise)

    monkeypatch.setattr(HighwayCell, "project", spied)
    taken = spy_on_written_out(monkeypatch)
    trained_in_graph(layer, tf.constant(rng.normal(size=SHAPE)))
    assert ranks == [3]
    assert len(taken) == 1


@pytest.mark.parametrize("around", AROUND)
def test_an_input_of_another_size_than_the_output_is_refused(around, rng):
    message = rf"`{around.__name__}` needs an input of the size of the cell's output, 4.*size 3"
    with pytest.raises(ValueError, match=message):
        RNN(around(LSTMCell(4)))(rng.normal(size=(2, 5, 3)))
