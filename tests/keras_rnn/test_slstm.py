"""The cell with exponential gates: its stabiliser changes no result and lets none overflow."""

import numpy as np
import pytest
import tensorflow as tf
from reference.cells import run, with_weights
from reference.further_oracles import slstm_step
from reference.twins import MASKS, assert_equal, give_random_weights

from keras_rnn import RNN, SLSTM, SLSTMCell

SHAPE = (3, 5, 4)
GATES = ["sigmoid", "exponential"]


def ready(layer, rng, shape=SHAPE):
    layer.build(shape)
    return give_random_weights(layer, rng)


def unstabilised(states):
    """Return [h, c, n] as the paper has them before it divides by exp(m)."""
    h, c, n, m = (np.array(state) for state in states)
    return [h, c * np.exp(m), n * np.exp(m)]


@pytest.mark.parametrize("forget_gate", GATES)
@pytest.mark.parametrize(("units", "heads"), [(1, 1), (4, 1), (6, 3), (4, 4)])
def test_one_step_from_any_states_is_that_of_the_unstabilised_cell(forget_gate, units, heads, rng):
    cell = SLSTMCell(units, heads=heads, forget_gate=forget_gate, dtype="float64")
    ready(cell, rng, (None, 5))
    x, states = rng.normal(size=(3, 5)), [rng.normal(size=(3, units)) for _ in range(4)]
    states[2] = np.abs(states[2])
    oracle = with_weights(slstm_step, cell.get_weights(), forget_gate=forget_gate)
    expected, expected_states = oracle(x, unstabilised(states))
    output, after = cell(x, states)
    assert_equal([output, *unstabilised(after)], [expected, *expected_states], 1e-12, 1e-12)


@pytest.mark.parametrize("forget_gate", GATES)
@pytest.mark.parametrize("mask", MASKS)
def test_a_sequence_from_the_initial_states_is_that_of_the_unstabilised_cell(
    forget_gate, mask, rng
):
    options = {"heads": 3, "forget_gate": forget_gate, "dtype": "float64"}
    layer = SLSTM(6, **options, return_sequences=True, return_state=True)
    ready(layer, rng)
    x = rng.normal(size=SHAPE)
    step = with_weights(slstm_step, layer.get_weights(), forget_gate=forget_gate)
    outputs, _, last = run(step, x, [np.zeros((3, 6))] * 3, MASKS[mask])
    found, *states = layer(x, mask=MASKS[mask])
    assert_equal([found, *unstabilised(states)], [outputs, *last], 1e-12, 1e-12)


def test_recurrent_dropout_drops_h_where_it_meets_the_recurrent_kernel(rng):
    options = {"heads": 2, "dropout": 0.5, "recurrent_dropout": 0.5, "seed": 3}
    cell = SLSTMCell(4, **options)
    inputs, recurrent = SLSTMCell(4, **options).draw_noise(3, 4)[:2]
    layer, x = ready(RNN(cell, return_sequences=True), rng), rng.normal(size=SHAPE)
    output = layer(x, training=True)
    for row in range(3):
        part = slice(row, row + 1)
        step = with_weights(slstm_step, layer.get_weights(), kept=np.array(recurrent)[part])
        dropped = x[part] * np.array(inputs)[part, None]
        expected, _, _ = run(step, dropped, [np.zeros((1, 4))] * 3)
        np.testing.assert_allclose(output[part], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("forget_gate", GATES)
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_gates_whose_exponentials_overflow_give_finite_results_and_gradients(
    forget_gate, policy, sign, rng
):
    layer = SLSTM(4, forget_gate=forget_gate, return_sequences=True, dtype=policy)
    layer.build(SHAPE)
    i, f = sign * 500.0 * np.ones(4), 300.0 * np.ones(4)
    layer.cell.bias.assign(np.concatenate([i, f, np.zeros(8)]))
    x = tf.constant(rng.normal(size=SHAPE), "float32")
    for training in (False, True):
        with tf.GradientTape() as tape:
            output = layer(x, training=training)
            loss = tf.reduce_sum(tf.cast(output, "float32") ** 2)
        assert np.all(np.isfinite(output))
        assert np.abs(output[:, 0]).max() > 0.01
        for gradient in tape.gradient(loss, layer.trainable_weights):
            assert np.all(np.isfinite(gradient))


def test_a_stateful_layer_starts_empty_however_its_states_are_reset(rng):
    options = {"return_sequences": True, "dtype": "float64"}
    stateful, plain = (SLSTM(4, stateful=flag, **options) for flag in (True, False))
    ready(stateful, rng)
    plain.build(SHAPE)
    plain.set_weights(stateful.get_weights())
    x = rng.normal(size=SHAPE)
    whole = np.array(plain(x))
    for _ in range(2):
        parts = [stateful(x[:, :2]), stateful(x[:, 2:])]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-12)
        stateful.reset_state()


def test_a_normaliser_of_zero_says_that_the_memory_is_empty(rng):
    cell = ready(SLSTMCell(3), rng, (None, 4))
    x, h, c, m = (rng.normal(size=(2, size)) for size in (4, 3, 3, 3))
    zeros = np.zeros((2, 3))
    output, after = cell(x, [h, 5 * c, zeros, 5 * m])
    expected, expected_after = cell(x, [h, zeros, zeros, zeros])
    assert_equal([output, *after], [expected, *expected_after], 0, 0)


def test_a_head_reads_its_own_part_of_the_state_alone(rng):
    cell = ready(SLSTMCell(6, heads=3), rng, (None, 4))
    x, states = rng.normal(size=(1, 4)), [np.ones((1, 6)) for _ in range(4)]
    before, _ = cell(x, states)
    states[0] = states[0] + np.array([[0, 0, 1, 0, 0, 0]])
    after, _ = cell(x, states)
    np.testing.assert_array_equal(np.not_equal(before, after), [[0, 0, 1, 1, 0, 0]])
