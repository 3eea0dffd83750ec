"""One step of each cell, its dropout, its config and its errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.cells import gru_step, lstm_step, run, sigmoid, simple_step, with_weights

import keras_rnn
from keras_rnn import (
    RNN,
    GRUCell,
    LSTMCell,
    ProjectedLSTMCell,
    RecurrentCell,
    SimpleRNNCell,
    StackedRNNCells,
)
from keras_rnn.cells.gated import GatedCell

ALL = {
    "simple": (SimpleRNNCell, simple_step, {}),
    "gru_after": (GRUCell, gru_step, {"reset_after": True}),
    "gru_before": (GRUCell, gru_step, {"reset_after": False}),
    "lstm": (LSTMCell, lstm_step, {}),
}
CELLS = [SimpleRNNCell, GRUCell, LSTMCell]


def randomise(layer, rng):
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def built(cell, features, rng):
    cell.build((None, features))
    return randomise(cell, rng)


def random_states(cell, batch, rng):
    return [rng.normal(size=zeros.shape) for zeros in cell.get_initial_state(batch)]


def assert_step_equal(cell, x, states, oracle):
    output, next_states = cell(x, states)
    expected, expected_states = oracle(x, states)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    assert len(next_states) == len(expected_states)
    for state, expected_state in zip(next_states, expected_states, strict=True):
        np.testing.assert_allclose(state, expected_state, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("batch", "features", "units"), [(1, 1, 1), (3, 5, 4)])
def test_step_equals_numpy_reference(name, batch, features, units, rng):
    cell_class, step, options = ALL[name]
    cell = built(cell_class(units, **options), features, rng)
    x, states = rng.normal(size=(batch, features)), random_states(cell, batch, rng)
    assert_step_equal(cell, x, states, with_weights(step, cell.get_weights(), **options))


def test_simple_cell_computes_with_the_sigmoid_if_asked(rng):
    cell = built(SimpleRNNCell(4, activation="sigmoid"), 5, rng)
    x, states = rng.normal(size=(3, 5)), random_states(cell, 3, rng)
    oracle = with_weights(simple_step, cell.get_weights(), activation=sigmoid)
    assert_step_equal(cell, x, states, oracle)


def test_a_stack_of_cells_steps_them_from_the_bottom_to_the_top(rng):
    gru, lstm = GRUCell(4), LSTMCell(2)
    stack = built(StackedRNNCells([gru, lstm]), 5, rng)
    x, h, hc = rng.normal(size=(3, 5)), random_states(gru, 3, rng), random_states(lstm, 3, rng)
    output, (gru_states, lstm_states) = stack(x, [h, hc])
    below, expected_gru = gru_step(x, h, *gru.get_weights())
    expected, expected_lstm = lstm_step(below, hc, *lstm.get_weights())
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)
    states, wanted_states = [*gru_states, *lstm_states], [*expected_gru, *expected_lstm]
    for state, wanted in zip(states, wanted_states, strict=True):
        np.testing.assert_allclose(state, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell_class", CELLS)
def test_initial_state_is_zeros_of_the_state_size(cell_class):
    cell = cell_class(4)
    states = cell.get_initial_state(3)
    assert len(states) == (2 if cell_class is LSTMCell else 1)
    for state in states:
        np.testing.assert_array_equal(state, np.zeros((3, 4)))


@pytest.mark.parametrize("name", ALL)
def test_dropout_has_one_mask_for_all_steps_of_a_call(name, rng):
    cell_class, step, options = ALL[name]
    cell = cell_class(4, dropout=0.5, recurrent_dropout=0.5, seed=3, **options)
    masks = cell_class.from_config(cell.get_config()).draw_noise(3, 5)
    x = rng.normal(size=(3, 6, 5))
    layer = RNN(cell, return_sequences=True)
    layer.build(x.shape)
    randomise(layer, rng)
    output = layer(x, training=True)
    for row in range(3):
        drawn = masks.inputs, masks.recurrent
        kept_inputs, kept = (np.array(mask)[row : row + 1] for mask in drawn)
        oracle = with_weights(step, layer.get_weights(), kept=kept, **options)
        states = [np.zeros((1, 4)) for _ in cell.get_initial_state(1)]
        expected, _, _ = run(oracle, x[row : row + 1] * kept_inputs[:, None], states)
        np.testing.assert_allclose(output[row : row + 1], expected, rtol=1e-4, atol=1e-5)


def test_dropout_in_a_stack_has_a_mask_of_its_own_for_each_cell(rng):
    rates = {"dropout": 0.5, "recurrent_dropout": 0.5}
    cells = [GRUCell(4, seed=1, **rates), LSTMCell(2, seed=2, **rates)]
    below, above = StackedRNNCells.from_config(StackedRNNCells(cells).get_config()).draw_noise(1, 5)
    layer = RNN(cells, return_sequences=True)
    x = rng.normal(size=(1, 6, 5))
    layer.build(x.shape)
    randomise(layer, rng)
    gru = with_weights(gru_step, cells[0].get_weights(), kept=np.array(below.recurrent))
    lstm = with_weights(lstm_step, cells[1].get_weights(), kept=np.array(above.recurrent))
    middle, _, _ = run(gru, x * np.array(below.inputs), [np.zeros((1, 4))])
    expected, _, _ = run(lstm, middle * np.array(above.inputs), [np.zeros((1, 2))] * 2)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell_class", CELLS)
def test_dropout_masks_keep_the_wanted_share_and_scale_it_up(cell_class):
    masks = cell_class(50, dropout=0.2, recurrent_dropout=0.75, seed=1).draw_noise(40, 60)
    for mask, rate, shape in ((masks.inputs, 0.2, (40, 60)), (masks.recurrent, 0.75, (40, 50))):
        assert mask.shape == shape
        np.testing.assert_allclose(np.unique(mask), [0, 1 / (1 - rate)], rtol=1e-6)
        np.testing.assert_allclose(np.mean(np.equal(mask, 0)), rate, atol=0.05)


def test_only_the_dropout_asked_for_draws_a_mask():
    assert GRUCell(4).draw_noise(2, 3) is None
    assert GRUCell(4, dropout=0.5).draw_noise(2, 3).recurrent is None
    assert GRUCell(4, recurrent_dropout=0.5).draw_noise(2, 3).inputs is None


def test_a_rate_of_one_drops_everything(rng):
    layer = RNN(LSTMCell(4, dropout=1.0, recurrent_dropout=1.0))
    output = layer(rng.normal(size=(2, 3, 5)), training=True)
    np.testing.assert_array_equal(output, np.zeros((2, 4)))


@pytest.mark.parametrize("cell_class", CELLS)
def test_each_call_in_training_draws_new_masks_and_inference_none(cell_class, rng):
    cell = cell_class(4, dropout=0.5, recurrent_dropout=0.5, seed=3)
    layer, plain = RNN(cell), RNN(cell_class(4))
    x = rng.normal(size=(3, 6, 5))
    at_inference = layer(x)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    first, second = layer(x, training=True), layer(x, training=True)
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(first - at_inference).max() > 1e-3
    np.testing.assert_array_equal(at_inference, plain(x))
    np.testing.assert_array_equal(at_inference, layer(x))


@pytest.mark.parametrize("cell_class", CELLS)
def test_the_seed_reproduces_the_masks(cell_class):
    options = {"dropout": 0.5, "recurrent_dropout": 0.5}
    first, again, other = (cell_class(8, seed=s, **options).draw_noise(4, 8) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.recurrent, again.recurrent)
    assert np.any(np.not_equal(first.inputs, other.inputs))
    assert np.any(np.not_equal(first.inputs, first.recurrent))


def test_a_cell_stepped_on_its_own_draws_new_masks_each_step(rng):
    cell = LSTMCell(4, dropout=0.5, seed=3)
    x, states = rng.normal(size=(3, 5)), cell.get_initial_state(3)
    first, second = (cell(x, states, training=True)[0] for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


CONFIGS = [
    (SimpleRNNCell, {"activation": "sigmoid", "use_bias": False}),
    (GRUCell, {"reset_after": False, "recurrent_activation": "hard_sigmoid", "dropout": 0.25}),
    (LSTMCell, {"unit_forget_bias": False, "recurrent_dropout": 0.5, "seed": 9}),
    (LSTMCell, {"kernel_regularizer": "l2", "bias_constraint": "non_neg", "dtype": "float64"}),
    (GRUCell, {"recurrent_initializer": "he_normal", "bias_initializer": "ones", "name": "mine"}),
]


@pytest.mark.parametrize(("cell_class", "options"), CONFIGS)
def test_config_makes_the_same_cell_again(cell_class, options):
    config, default = (cell_class(4, **given).get_config() for given in (options, {}))
    assert all(config[name] != default[name] for name in options)
    again = cell_class.from_config(config)
    assert again.get_config() == config
    for name in options:
        assert type(getattr(again, name)) is type(getattr(cell_class(4, **options), name))


def test_config_of_a_stack_makes_the_same_cells_again():
    stack = StackedRNNCells([GRUCell(4, reset_after=False), keras.layers.LSTMCell(2)])
    again = StackedRNNCells.from_config(stack.get_config())
    assert again.get_config() == stack.get_config()
    assert [type(cell) for cell in again.cells] == [GRUCell, keras.layers.LSTMCell]


def test_the_forget_bias_starts_at_one_and_the_others_as_told():
    cell = LSTMCell(2)
    cell.build((None, 3))
    np.testing.assert_array_equal(cell.bias, [0, 0, 1, 1, 0, 0, 0, 0])
    cell = LSTMCell(2, unit_forget_bias=False, bias_initializer="ones")
    cell.build((None, 3))
    np.testing.assert_array_equal(cell.bias, np.ones(8))


@pytest.mark.parametrize("cell_class", CELLS)
@pytest.mark.parametrize("units", [0, -3, 1e10, 2**34, "a", True, None])
def test_units_that_are_no_size_are_refused(cell_class, units):
    message = rf"`{cell_class.__name__}` needs `units` to be a positive integer.*units={units!r}"
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        cell_class(units)


@pytest.mark.parametrize("cell_class", CELLS)
@pytest.mark.parametrize("name", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), "a", None])
def test_rates_outside_zero_and_one_are_refused(cell_class, name, rate):
    message = rf"`{cell_class.__name__}` needs `{name}` to be a rate from 0 to 1.*{name}={rate!r}"
    with pytest.raises(ValueError, match=message):
        cell_class(4, **{name: rate})


@pytest.mark.parametrize("cell_class", CELLS)
def test_the_wrong_number_of_states_is_refused(cell_class, rng):
    states = [rng.normal(size=(2, 4))] * 3
    with pytest.raises(ValueError, match=r"needs \d tensors in `states`. Received: 3"):
        cell_class(4)(rng.normal(size=(2, 5)), states)
    with pytest.raises(ValueError, match=r"needs \d tensors in `initial_state`. Received: 3"):
        RNN(cell_class(4))(rng.normal(size=(2, 3, 5)), initial_state=states)
    with pytest.raises(ValueError, match="`StackedRNNCells` needs 1 tensors in `states`"):
        StackedRNNCells([cell_class(4)])(rng.normal(size=(2, 5)), states)


@pytest.mark.parametrize("no_cell", [3, "lstm", keras.layers.Dense(3), object()])
def test_what_is_no_cell_is_refused(no_cell):
    with pytest.raises(ValueError, match=r"`RNN` needs a cell with .*Received: .*no `state_size`"):
        RNN(no_cell)
    with pytest.raises(ValueError, match="`StackedRNNCells` needs a cell with `call"):
        StackedRNNCells([LSTMCell(4), no_cell])


def test_a_stack_of_no_cells_is_refused():
    with pytest.raises(ValueError, match=r"at least one cell. Received: cells=\[\]"):
        StackedRNNCells([])


def test_a_cell_without_step_says_what_to_write():
    cell = RecurrentCell()
    with pytest.raises(NotImplementedError, match="`RecurrentCell` needs a method `step"):
        cell.step(None, [])


def public_cells_with_gates():
    public = (getattr(keras_rnn, name) for name in keras_rnn.__all__)
    return [part for part in public if isinstance(part, type) and issubclass(part, GatedCell)]


@pytest.mark.parametrize("cell_class", public_cells_with_gates())
def test_candidates_that_are_all_dropped_leave_the_memory_empty(cell_class, rng):
    sizes = {"projection": 2} if cell_class is ProjectedLSTMCell else {}
    layer = RNN(cell_class(3, candidate_dropout=1.0, **sizes))
    x = rng.normal(size=(2, 5, 4))
    assert np.abs(layer(x)).max() > 1e-3
    np.testing.assert_array_equal(layer(x, training=True), np.zeros(layer(x).shape))


@pytest.mark.parametrize("cell_class", public_cells_with_gates())
def test_candidates_that_are_all_dropped_leave_what_is_remembered(cell_class, rng):
    sizes = {"projection": 3} if cell_class is ProjectedLSTMCell else {}
    cell = cell_class(3, candidate_dropout=1.0, **sizes)
    cell.build((None, 4))
    states = [0.5 + rng.random(size=(2, 3)) for _ in cell.get_initial_state(2)]
    _, after = cell(rng.normal(size=(2, 4)), states, training=True)
    memory = after[min(1, len(after) - 1)]  # c, or the one state.
    assert np.abs(memory).min() > 1e-3


@pytest.mark.parametrize("cell_class", [SimpleRNNCell, GRUCell])
def test_a_single_state_may_be_a_bare_tensor_as_in_keras(cell_class, rng):
    cell, x, h = cell_class(4), *rng.normal(size=(2, 3, 4)).astype("float32")
    output, state = cell(x, h)
    expected, (of_list,) = cell(x, [h])
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_array_equal(state, of_list)
    in_graph, _ = tf.function(cell)(tf.constant(x), tf.constant(h))
    np.testing.assert_allclose(in_graph, expected, rtol=1e-6)


def test_a_rate_may_be_a_number_of_numpy():
    assert GRUCell(4, dropout=np.float32(0.5)).dropout == 0.5
