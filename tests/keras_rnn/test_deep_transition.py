"""`DeepTransitionCell`: in one step of time the states pass through several cells."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.cells import gru_step, lstm_step
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained,
    trained_in_graph,
)
from reference.twins import MASKS, give_random_weights
from reference.wrapper_oracles import deep_transition_step

from keras_rnn import (
    RNN,
    Bidirectional,
    DeepTransition,
    DeepTransitionCell,
    DropoutCell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    ZoneoutCell,
)

SHAPE = (3, 5, 2)
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.3, "seed": 1}
CELLS = {
    "gru": (GRUCell, gru_step),
    "lstm": (LSTMCell, lstm_step),
    "keras": (keras.layers.GRUCell, gru_step),
}


def without_input(step, cell):
    """The step of a cell that reads nothing: no product with an input stands in it."""
    _, recurrent_kernel, bias = cell.get_weights()
    nothing, no_kernel = np.zeros((3, 0)), np.zeros((0, recurrent_kernel.shape[1]))
    return lambda states: step(nothing, states, no_kernel, recurrent_kernel, bias)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("name", CELLS)
def test_step_equals_the_numpy_reference(name, depth, rng):
    cell_class, step = CELLS[name]
    cell = DeepTransitionCell([cell_class(4, dtype="float64") for _ in range(depth)])
    cell.build((None, 2))
    give_random_weights(cell, rng)
    first, *others = cell.cells
    x = rng.normal(size=(3, 2))
    states = [rng.normal(size=(3, 4)) for _ in cell.get_initial_state(3)]
    output, after = cell(x, states)
    wanted, wanted_states = deep_transition_step(
        lambda x, states: step(x, states, *first.get_weights()),
        [without_input(step, other) for other in others],
        x,
        states,
    )
    assert_close([output, *after], [wanted, *wanted_states])


def deep_layer(rng, **options):
    cells = [
        DropoutCell(SimpleRNNCell(3, dtype="float64"), 0.3, 0.3, seed=2),
        ZoneoutCell(SimpleRNNCell(3, dtype="float64", **DROPOUT), 0.3, seed=3),
    ]
    layer = RNN(DeepTransitionCell(cells), return_sequences=True, **options)
    layer.build(SHAPE)
    return give_random_weights(layer, rng)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"recompute": 2}])
def test_all_ways_back_give_equal_gradients(options, rng, monkeypatch):
    layer, x = deep_layer(rng, **options), tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, mask=MASKS["holes"])
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, mask=MASKS["holes"]), wanted)
    assert len(taken) == 1


def test_only_the_first_cell_learns_from_an_input(rng):
    layer = deep_layer(rng)
    gradients = trained(layer, tf.constant(rng.normal(size=SHAPE)))[-len(layer.trainable_weights) :]
    names = [weight.path.rsplit("/", 1)[-1] for weight in layer.trainable_weights]
    kernels = [g for name, g in zip(names, gradients, strict=True) if name == "kernel"]
    assert [kernel.shape for kernel in kernels] == [(2, 3), (1, 3)]
    assert [bool(np.any(kernel)) for kernel in kernels] == [True, False]


def test_each_cell_draws_noise_of_its_own():
    cells = [GRUCell(3, recurrent_dropout=0.5, seed=seed) for seed in (1, 2)]
    first, second = DeepTransitionCell(cells).draw_noise(9, 2)
    assert np.any(np.not_equal(first.recurrent, second.recurrent))
    assert DeepTransitionCell([GRUCell(3), GRUCell(3)]).draw_noise(9, 2) is None


def test_config_makes_the_same_cells_again():
    cell = DeepTransitionCell([GRUCell(3), GRUCell(3, reset_after=False)])
    again = DeepTransitionCell.from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    assert [part.reset_after for part in again.cells] == [True, False]


def test_the_layer_is_the_cell_over_time(rng):
    layer = DeepTransition([GRUCell(3), GRUCell(3)], return_sequences=True)
    x = rng.normal(size=SHAPE).astype("float32")
    wanted = RNN(layer.cell, return_sequences=True)(x)
    np.testing.assert_array_equal(layer(x), wanted)
    again = DeepTransition.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert [type(cell) for cell in again.cells] == [GRUCell, GRUCell]


def test_the_layer_stands_in_a_model_that_is_saved(tmp_path, rng):
    layer = Bidirectional(DeepTransition([GRUCell(3), GRUCell(3)], return_sequences=True))
    model = keras.Sequential([keras.Input((None, 2)), layer])
    model.save(tmp_path / "model.keras")
    x = rng.normal(size=SHAPE).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-5, atol=1e-6)


def test_cells_of_one_state_size_may_differ():
    assert DeepTransitionCell([GRUCell(3), SimpleRNNCell(3)]).state_size == 3
    stacks = [StackedRNNCells([GRUCell(2), LSTMCell(3)]) for _ in range(2)]
    assert DeepTransitionCell(stacks).state_size == [2, [3, 3]]


@pytest.mark.parametrize("other", [GRUCell(4), LSTMCell(3), StackedRNNCells([GRUCell(3)] * 2)])
def test_states_of_other_sizes_are_refused(other):
    message = r"`DeepTransitionCell` needs cells with states of equal sizes.*Received: .*\[3, "
    with pytest.raises(ValueError, match=message):
        DeepTransitionCell([GRUCell(3), other])


def test_what_is_no_list_of_cells_is_refused():
    with pytest.raises(ValueError, match=r"`DeepTransitionCell` needs a list of at least one cell"):
        DeepTransitionCell([])
    with pytest.raises(ValueError, match="`DeepTransitionCell` needs a cell with `call"):
        DeepTransitionCell([GRUCell(3), keras.layers.Dense(3)])
