"""`GNMTCell` against NumPy, of cells of several kinds, and with dropout in each of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.attention import additive_attention
from reference.cells import gru_step, lstm_step, simple_step, with_weights
from reference.mechanisms import gnmt_step
from reference.training import assert_close

from keras_rnn import (
    RNN,
    BahdanauAttention,
    GNMTCell,
    GRUCell,
    LSTMCell,
    MultiHeadDotAttention,
    SimpleRNNCell,
    ZoneoutCell,
)

SHAPE, VALUES, UNITS = (3, 5, 2), (3, 4, 6), 3
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]], dtype=bool)
FLOAT64 = {"dtype": "float64"}
STEPS = {
    "lstm": (LSTMCell, lstm_step),
    "gru": (GRUCell, gru_step),
    "simple": (SimpleRNNCell, simple_step),
    "keras": (keras.layers.LSTMCell, lstm_step),
}


def gnmt(rng, cells, **options):
    cell = GNMTCell(cells, BahdanauAttention(7, **FLOAT64), **options)
    cell.build((3, SHAPE[-1]), VALUES)
    cell.set_weights([rng.normal(size=w.shape) * 0.7 for w in cell.weights])
    return cell


def memory_of(cell, rng, mask=MASK):
    return cell.attention.memory(tf.constant(rng.normal(size=VALUES)), mask)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("use_new_attention", [False, True])
@pytest.mark.parametrize(
    "names", [("lstm", "lstm"), ("gru", "lstm", "simple", "gru"), ("lstm", "keras", "keras")]
)
def test_steps_equal_the_numpy_reference(names, use_new_attention, residual, rng):
    made = [STEPS[name][0](UNITS, **FLOAT64) for name in names]
    cell = gnmt(rng, made, use_new_attention=use_new_attention, residual=residual)
    memory = memory_of(cell, rng)
    pairs = zip(names, made, strict=True)
    steps = [with_weights(STEPS[name][1], one.get_weights()) for name, one in pairs]

    def attend(query):
        weights = cell.attention.get_weights()
        return additive_attention(query, memory.values.numpy(), *weights, mask=MASK)

    zeros = cell.get_initial_state(3, memory)
    states = tf.nest.map_structure(lambda zero: rng.normal(size=zero.shape), zeros)
    x, wanted_states = rng.normal(size=SHAPE), states
    for t in range(3):
        output, states = cell(x[:, t], states, memory=memory)
        wanted, wanted_states = gnmt_step(
            x[:, t], wanted_states, steps, attend, use_new_attention, residual
        )
        assert_close([output, *tf.nest.flatten(states)], [wanted, *tf.nest.flatten(wanted_states)])
    np.testing.assert_array_equal(cell.alignments(states), states[2])
    assert cell.output_size == UNITS


def test_cells_may_be_of_different_sizes_without_a_residual(rng):
    cell = gnmt(rng, [GRUCell(size, **FLOAT64) for size in (5, 2, 4)])
    memory, layer = memory_of(cell, rng), RNN(cell, return_sequences=True, return_state=True)
    output, states, context, alignments = layer(
        rng.normal(size=SHAPE), constants={"memory": memory}
    )
    assert [tuple(t.shape) for t in (output, *tf.nest.flatten(states), context, alignments)] == [
        *((3, 5, 4), (3, 5), (3, 2), (3, 4), (3, 6), (3, 4))
    ]
    assert cell.state_size == [[5, 2, 4], 6, None]


def test_a_residual_may_start_above_cells_of_another_size(rng):
    cell = gnmt(rng, [GRUCell(size, **FLOAT64) for size in (5, 2, 2)], residual=True)
    memory = memory_of(cell, rng)
    output, _ = cell(np.ones((3, 2)), cell.get_initial_state(3, memory), memory=memory)
    assert output.shape == (3, 2)


def test_the_old_attention_leaves_the_upper_cells_no_look_at_this_step(rng):
    found = []
    for use_new_attention in (True, False):
        cell = gnmt(
            np.random.default_rng(0),
            [GRUCell(UNITS, **FLOAT64) for _ in range(2)],
            use_new_attention=use_new_attention,
        )
        x, outputs = np.ones((3, 2)), []
        for _ in range(2):
            memory = memory_of(cell, rng, None)
            outputs.append(cell(x, cell.get_initial_state(3, memory), memory=memory)[0])
        found.append(np.abs(outputs[0] - outputs[1]).max())
    assert found[0] > 1e-3
    assert found[1] == 0


def test_each_cell_drops_entries_of_what_it_reads(rng):
    cell = gnmt(rng, [GRUCell(UNITS, dropout=rate, **FLOAT64) for rate in (0.5, 0.0, 0.5)])
    (bottom, of_mechanism), plain, top = cell.draw_noise(3, 2)
    assert bottom.inputs.shape == (3, 2 + 6)
    assert top.inputs.shape == (3, UNITS + 6)
    assert of_mechanism is plain is None
    assert gnmt(rng, [GRUCell(UNITS), GRUCell(UNITS)]).draw_noise(3, 2) is None
    x, constants = rng.normal(size=SHAPE), {"memory": memory_of(cell, rng)}
    first, second = (RNN(cell)(x, constants=constants, training=True) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    first, second = (RNN(cell)(x, constants=constants) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("place", [0, 2])
def test_behind_a_cell_that_drops_all_it_reads_nothing_is_known_of_the_input(place, rng):
    rates = [1.0 if index == place else 0.0 for index in range(3)]
    cell = gnmt(rng, [GRUCell(UNITS, dropout=rate, **FLOAT64) for rate in rates])
    constants = {"memory": memory_of(cell, rng)}
    inputs = [tf.constant(rng.normal(size=SHAPE)) for _ in range(2)]
    for training in (True, False):
        first, second = (RNN(cell)(x, constants=constants, training=training) for x in inputs)
        assert (np.abs(first - second).max() < 1e-12) == training


def test_the_config_makes_the_same_cell_again():
    cells = [ZoneoutCell(LSTMCell(UNITS), 0.1), keras.layers.GRUCell(UNITS), GRUCell(UNITS)]
    attention = MultiHeadDotAttention(4, heads=2)
    cell = GNMTCell(cells, attention, use_new_attention=False, residual=True, name="mine")
    again = GNMTCell.from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    assert [again.use_new_attention, again.residual, again.name] == [False, True, "mine"]
    for one in (cell, again):
        one.build((None, 2), VALUES)
    shapes = [[weight.shape for weight in one.weights] for one in (cell, again)]
    assert shapes[0] == shapes[1]
    assert again.state_size == [[[3, 3], 3, 3], 4, None]


def test_it_computes_in_the_type_of_its_lowest_cell():
    cell = GNMTCell([GRUCell(UNITS, **FLOAT64), GRUCell(UNITS, **FLOAT64)], BahdanauAttention(7))
    assert cell.compute_dtype == cell.bottom.compute_dtype == "float64"


def test_without_the_shape_of_its_memory_it_says_what_to_call():
    cell = GNMTCell([GRUCell(UNITS), GRUCell(UNITS)], BahdanauAttention(7))
    with pytest.raises(ValueError, match=r"needs the shape of its memory.*`cell.build"):
        RNN(cell)(np.zeros(SHAPE))
