"""`WeightDropCell`: which kernels lose entries, for how long, and what the gradient makes of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import contract_cells
from reference.cells import gru_step, lstm_step, run, simple_step
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained_in_graph,
)
from reference.twins import MASKS, give_random_weights
from reference.wrapper_oracles import dropped

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    LSTMCell,
    Memory,
    ResidualCell,
    SimpleRNNCell,
    StackedRNNCells,
    WeightDropCell,
)
from keras_rnn.cells.noise import kept_by
from keras_rnn.products import recurrent_product

SHAPE = (3, 5, 2)
RATE = 0.4
ALL = {
    "simple": (SimpleRNNCell, simple_step, {}, [3]),
    "gru_after": (GRUCell, gru_step, {"reset_after": True}, [9]),
    "gru_before": (GRUCell, gru_step, {"reset_after": False}, [6, 3]),
    "lstm": (LSTMCell, lstm_step, {}, [12]),
}


def layer_around(cell, rng, **options):
    layer = RNN(cell, **options)
    layer.build(SHAPE)
    return give_random_weights(layer, rng)


def masks_of(cell, shapes):
    """The masks that a twin of the cell, of the same seed, makes first."""
    seed = WeightDropCell.from_config(cell.get_config()).draw_noise(3, 2).own
    return [kept_by(seed, number, shape, RATE).numpy() for number, shape in enumerate(shapes)]


@pytest.mark.parametrize("name", ALL)
def test_a_call_has_one_mask_for_each_recurrent_kernel_and_none_for_others(name, rng):
    cell_class, step, options, blocks = ALL[name]
    cell = WeightDropCell(cell_class(3, dtype="float64", **options), RATE, seed=3)
    kept = np.concatenate(masks_of(cell, [(3, columns) for columns in blocks]), axis=1)
    layer, x = layer_around(cell, rng, return_sequences=True), rng.normal(size=SHAPE)
    kernel, recurrent_kernel, bias = cell.cell.get_weights()

    def dropping(x, states):
        return step(x, states, kernel, dropped(recurrent_kernel, kept, RATE), bias, **options)

    states = [np.zeros((3, 3)) for _ in cell.get_initial_state(3)]
    expected, _, _ = run(dropping, x, states)
    assert 0 < kept.mean() < 1
    assert_close([layer(x, training=True)], [expected])


def seen_kernels(cell, rng, monkeypatch, **constants):
    """The kernels that the step of a cell multiplies states with, after they were dropped."""
    seen = []

    def spied(state, kernel, bias=None):
        result = recurrent_product(state, kernel, bias)
        ones = tf.eye(tf.shape(kernel)[0], dtype=state.dtype)
        seen.append(recurrent_product(ones, kernel).numpy())
        return result

    monkeypatch.setattr("keras_rnn.cells.base.recurrent_product", spied)
    x = tf.constant(rng.normal(size=(3, 2)))
    states = cell.get_initial_state(3, **constants)
    cell(x, states, training=True, **constants)
    return seen


def test_a_kernel_that_a_step_asks_for_twice_has_one_mask(rng, monkeypatch):
    cell = WeightDropCell(contract_cells.SeveralKernelsCell(dtype="float64"), RATE, seed=1)
    once, twice, second, third = seen_kernels(cell, rng, monkeypatch)
    np.testing.assert_array_equal(once, twice)
    assert once.shape == (3, 3)
    assert (second.shape, third.shape) == ((3, 2), (2, 3))
    assert all(np.any(kernel == 0) for kernel in (once, second, third))


def test_in_a_stack_what_reads_the_cell_below_stays_whole(rng):
    stack = StackedRNNCells([GRUCell(3, dtype="float64"), LSTMCell(3, dtype="float64")])
    cell = WeightDropCell(stack, RATE, seed=3)
    gru_kept, lstm_kept = masks_of(cell, [(3, 9), (3, 12)])
    layer, x = layer_around(cell, rng, return_sequences=True), rng.normal(size=SHAPE)
    (k, r, b), (k2, r2, b2) = (part.get_weights() for part in stack.cells)

    def dropping(x, states):
        below, (h,) = gru_step(x, states[:1], k, dropped(r, gru_kept, RATE), b)
        output, above = lstm_step(below, states[1:], k2, dropped(r2, lstm_kept, RATE), b2)
        return output, [h, *above]

    expected, _, _ = run(dropping, x, [np.zeros((3, 3))] * 3)
    assert_close([layer(x, training=True)], [expected])


def test_around_another_both_drop(rng, monkeypatch):
    inner = WeightDropCell(GRUCell(9, dtype="float64"), 0.5, seed=1)
    (kernel,) = seen_kernels(WeightDropCell(inner, 0.5, seed=2), rng, monkeypatch)
    whole = inner.cell.recurrent_kernel.numpy()
    np.testing.assert_allclose(kernel[kernel != 0], 4 * whole[kernel != 0])
    np.testing.assert_allclose(np.mean(kernel == 0), 0.75, atol=0.1)


def test_masks_depend_on_the_call_and_the_seed_alone(rng):
    x, weights, found = rng.normal(size=SHAPE), None, []
    for seed in (3, 3, 4):
        layer = RNN(WeightDropCell(LSTMCell(4, dtype="float64"), 0.5, seed=seed))
        layer.build(SHAPE)
        weights = weights or give_random_weights(layer, rng).get_weights()
        layer.set_weights(weights)
        found += [layer(x, training=True), layer(x, training=True)]
    first, second, first_again, second_again, other, _ = found
    assert_close([first, second], [first_again, second_again])
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(first - other).max() > 1e-3


def test_nothing_is_drawn_or_dropped_at_inference_or_at_a_rate_of_zero(rng):
    layer, x = layer_around(WeightDropCell(LSTMCell(4), 0.5), rng), rng.normal(size=SHAPE)
    plain = layer_around(LSTMCell(4), rng)
    plain.set_weights(layer.get_weights())
    before = layer.cell.seed_generator.state.numpy()
    np.testing.assert_array_equal(layer(x), plain(x))
    np.testing.assert_array_equal(layer.cell.seed_generator.state.numpy(), before)
    assert WeightDropCell(LSTMCell(4), 0.0).draw_noise(3, 2) is None


def test_a_rate_of_one_forgets_all_that_passes_through_kernels(rng):
    cell = WeightDropCell(SimpleRNNCell(4, dtype="float64"), 1.0)
    layer, x = layer_around(cell, rng, return_sequences=True), rng.normal(size=SHAPE)
    kernel, _, bias = cell.cell.get_weights()
    assert_close([layer(x, training=True)], [np.tanh(x @ kernel + bias)])


NESTED = {
    "simple": lambda: SimpleRNNCell(3, dtype="float64"),
    "gru_before": lambda: GRUCell(3, reset_after=False, dtype="float64", dropout=0.3, seed=2),
    "lstm": lambda: LSTMCell(3, dtype="float64", recurrent_dropout=0.3, seed=2),
    "stack": lambda: StackedRNNCells([SimpleRNNCell(3, dtype="float64") for _ in range(2)]),
    "SeveralKernelsCell": lambda: contract_cells.SeveralKernelsCell(dtype="float64"),
    "WeightNormalisedCell": lambda: contract_cells.WeightNormalisedCell(dtype="float64"),
    "HyperCell": lambda: contract_cells.HyperCell(dtype="float64"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NESTED)
def test_both_ways_back_give_equal_gradients(name, rng, monkeypatch):
    layer = layer_around(WeightDropCell(NESTED[name](), RATE, seed=1), rng, return_sequences=True)
    x, mask = tf.constant(rng.normal(size=SHAPE)), MASKS["holes"]
    wanted = automatically_trained(layer, x, mask=mask)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, mask=mask), wanted)
    assert len(taken) == 1


def test_around_attention_what_meets_a_state_is_dropped(rng, monkeypatch):
    cell = AttentionCell(GRUCell(3, dtype="float64"), BahdanauAttention(4, dtype="float64"), 2)
    cell.build((3, 2), (3, 4, 6))
    values, keys = tf.constant(rng.normal(size=(3, 4, 6))), tf.constant(rng.normal(size=(3, 4, 4)))
    constants = {"memory": Memory(values, keys, None)}
    kernels = seen_kernels(WeightDropCell(cell, RATE, seed=1), rng, monkeypatch, **constants)
    assert [kernel.shape for kernel in kernels] == [(3, 9), (9, 2)]
    assert all(np.any(kernel == 0) for kernel in kernels)


def test_the_kernels_may_depend_on_a_constant_of_the_call(rng, monkeypatch):
    layer = RNN(WeightDropCell(contract_cells.MemoryCell(dtype="float64"), RATE, seed=1))
    layer.build(SHAPE)
    give_random_weights(layer, rng)
    rows, scale = tf.constant(rng.normal(size=(4, 3))), tf.constant(rng.normal(size=3))
    call = {"constants": {"memory": {"rows": rows, "scale": scale}}}
    x = tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, **call)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, **call), wanted)
    assert len(taken) == 1


@pytest.mark.parametrize(
    "cell",
    [
        lambda: keras.layers.LSTMCell(4),
        lambda: ResidualCell(keras.layers.GRUCell(4)),
        lambda: StackedRNNCells([GRUCell(4), ResidualCell(keras.layers.GRUCell(4))]),
    ],
)
def test_a_plain_cell_of_keras_is_refused_also_inside_another(cell):
    with pytest.raises(ValueError, match=r"`WeightDropCell` needs .*Received: .*has only `call`"):
        WeightDropCell(cell(), 0.5)


def test_a_cell_without_recurrent_kernels_is_refused_when_trained(rng):
    class VectorCell(contract_cells.ThirdPartyCell):
        def step(self, projected, states, training=False):
            h = projected + 0.5 * states[0]
            return h, [h]

    layer = RNN(WeightDropCell(VectorCell(), 0.5))
    assert layer(rng.normal(size=SHAPE)).shape == (3, 3)
    with pytest.raises(ValueError, match=r"with a recurrent kernel, asked for by `self.recur`"):
        layer(rng.normal(size=SHAPE), training=True)


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), "a", None])
def test_rates_outside_zero_and_one_are_refused(rate):
    with pytest.raises(ValueError, match=r"`WeightDropCell` needs `rate` to be a rate from 0 to 1"):
        WeightDropCell(GRUCell(4), rate)
