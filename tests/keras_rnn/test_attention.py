"""Additive attention and the attention cell, against NumPy and under masks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.attention import additive_attention, attention_step
from reference.cells import gru_step, lstm_step, with_weights
from reference.twins import assert_equal, give_random_weights

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    LSTMCell,
    Memory,
    StackedRNNCells,
)

VALUES, QUERY, INPUT = (3, 5, 6), (3, 4), (3, 2)
MASK = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], dtype=bool)
CELLS = {
    "gru": lambda **options: GRUCell(4, **options),
    "lstm": lambda **options: LSTMCell(4, **options),
    "stack": lambda **options: StackedRNNCells([LSTMCell(3, **options), GRUCell(4, **options)]),
    "keras": lambda **options: keras.layers.LSTMCell(4, **options),
}


def mechanism(rng):
    attention = BahdanauAttention(7)
    attention.build(QUERY, VALUES)
    return give_random_weights(attention, rng)


def attention_cell(rng, make=CELLS["lstm"], input_feeding=True, dtype=None, **options):
    attention = BahdanauAttention(7, dtype=dtype)
    cell = AttentionCell(make(dtype=dtype, **options), attention, 5, input_feeding)
    cell.build(INPUT, VALUES)
    return give_random_weights(cell, rng)


def memory_of(cell, rng, mask=MASK):
    return cell.attention.memory(tf.constant(rng.normal(size=VALUES), cell.compute_dtype), mask)


def run_cell(cell, x, memory, **options):
    layer = RNN(cell, return_sequences=True, return_state=True)
    states = cell.get_initial_state(x.shape[0], memory)
    return layer(x, initial_state=states, constants={"memory": memory}, **options)


@pytest.mark.parametrize("mask", [None, MASK])
def test_the_mechanism_equals_the_numpy_reference(mask, rng):
    attention = mechanism(rng)
    query, values = rng.normal(size=QUERY), rng.normal(size=VALUES)
    memory = attention.memory(tf.constant(values, "float32"), mask)
    expected = additive_attention(query, values, *attention.get_weights(), mask=mask)
    assert_equal(attention(query, memory)[:2], expected)


@pytest.mark.parametrize("input_feeding", [False, True])
@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_cell_equals_the_numpy_reference(name, input_feeding, rng):
    cell = attention_cell(rng, CELLS[name], input_feeding)
    values, x = rng.normal(size=VALUES), rng.normal(size=INPUT)
    inner = with_weights(lstm_step if name == "lstm" else gru_step, cell.cell.get_weights())
    states = [rng.normal(size=(3, 4)) for _ in cell.cell.get_initial_state(3)]
    attended, alignments = rng.normal(size=(3, 5)), np.zeros((3, 5))
    memory = cell.attention.memory(tf.constant(values, "float32"), MASK)
    weights = cell.attention.get_weights()
    expected, expected_states = attention_step(
        x,
        [*states, attended, alignments],
        inner,
        lambda query: additive_attention(query, values, *weights, mask=MASK),
        cell.attention_kernel.numpy(),
        input_feeding,
    )
    output, next_states = cell(x, [states, attended, alignments], memory=memory)
    assert_equal([output, *tf.nest.flatten(next_states)], [expected, *expected_states])


@pytest.mark.parametrize("input_feeding", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_step_by_step_equals_the_whole_sequence(name, input_feeding, rng):
    cell = attention_cell(rng, CELLS[name], input_feeding)
    x, memory = tf.constant(rng.normal(size=(3, 4, 2)), "float32"), memory_of(cell, rng)
    whole, *last_states = run_cell(cell, x, memory)
    states, steps = cell.get_initial_state(3, memory), []
    for t in range(4):
        output, states = cell(x[:, t], states, memory=memory)
        steps.append(output)
    assert_equal([whole], [np.stack(steps, axis=1)])
    assert_equal(tf.nest.flatten(last_states), tf.nest.flatten(states))


@pytest.mark.parametrize("name", CELLS)
def test_the_last_state_is_the_alignments(name, rng):
    cell = attention_cell(rng, CELLS[name])
    x, memory = tf.constant(rng.normal(size=(3, 4, 2)), "float32"), memory_of(cell, rng)
    output, _, attended, alignments = run_cell(cell, x, memory)
    np.testing.assert_array_equal(attended, output[:, -1])
    np.testing.assert_array_equal(np.greater(alignments, 0), MASK)
    np.testing.assert_allclose(np.sum(alignments, axis=1), [1, 1, 0], rtol=1e-6)


def test_without_given_states_a_sequence_starts_from_zeros(rng):
    cell = attention_cell(rng)
    x, memory = tf.constant(rng.normal(size=(3, 4, 2)), "float32"), memory_of(cell, rng)
    layer = RNN(cell, return_sequences=True, return_state=True)
    mask = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]], dtype=bool)
    expected = tf.nest.flatten(run_cell(cell, x, memory, mask=mask))
    for call in (layer, tf.function(layer)):
        outputs = call(x, mask=mask, constants={"memory": memory})
        assert_equal(tf.nest.flatten(outputs), expected)


def test_padding_the_memory_changes_nothing(rng):
    cell = attention_cell(rng)
    values, x = rng.normal(size=VALUES), tf.constant(rng.normal(size=(3, 4, 2)), "float32")
    padding = rng.normal(size=(3, 3, 6)) * 100
    padded = np.concatenate([values, padding], axis=1)
    outputs = []
    for given, mask in ((values, MASK), (padded, np.pad(MASK, ((0, 0), (0, 3))))):
        memory = cell.attention.memory(tf.constant(given, "float32"), mask)
        outputs.append(run_cell(cell, x, memory)[0])
    assert_equal(outputs[:1], outputs[1:])


def test_a_mask_of_all_true_is_no_mask(rng):
    attention = mechanism(rng)
    query, values = rng.normal(size=QUERY), tf.constant(rng.normal(size=VALUES), "float32")
    masked = attention(query, attention.memory(values, np.ones((3, 5), bool)))[:2]
    assert_equal(masked, attention(query, attention.memory(values))[:2])


def test_a_fully_masked_memory_gives_zeros_and_finite_gradients(rng):
    attention = mechanism(rng)
    query = tf.constant(rng.normal(size=QUERY), "float32")
    values = tf.constant(rng.normal(size=VALUES), "float32")
    with tf.GradientTape() as tape:
        tape.watch([query, values])
        context, alignments, _ = attention(query, attention.memory(values, MASK))
        loss = tf.reduce_sum(context**2) + tf.reduce_sum(alignments**2)
    np.testing.assert_array_equal(context[2], np.zeros(6))
    np.testing.assert_array_equal(alignments[2], np.zeros(5))
    gradients = tape.gradient(loss, [query, values, *attention.trainable_weights])
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    np.testing.assert_array_equal(gradients[0][2], np.zeros(4))
    np.testing.assert_array_equal(gradients[1][~MASK], np.zeros((9, 6)))


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_half_precision_keeps_the_mask_and_stays_finite(policy, rng):
    cell = attention_cell(rng, dtype=policy)
    x, memory = tf.constant(rng.normal(size=(3, 4, 2)), "float16"), memory_of(cell, rng)
    output, _, _, alignments = run_cell(cell, x, memory)
    assert output.dtype == alignments.dtype == "float16"
    assert np.all(np.isfinite(output))
    np.testing.assert_array_equal(np.greater(alignments, 0), MASK)
    usual = attention_cell(rng)
    usual.set_weights(cell.get_weights())
    same = usual.attention.memory(tf.cast(memory.values, "float32"), MASK)
    expected = run_cell(usual, tf.cast(x, "float32"), same)[0]
    np.testing.assert_allclose(tf.cast(output, "float32"), expected, atol=0.02)


@pytest.mark.parametrize("input_feeding", [False, True])
def test_dropout_of_the_wrapped_cell_has_one_mask_for_all_steps_of_a_call(input_feeding, rng):
    rates = {"dropout": 0.5, "recurrent_dropout": 0.5, "seed": 3}
    cell = attention_cell(rng, CELLS["lstm"], input_feeding, **rates)
    x, memory = tf.constant(rng.normal(size=(3, 4, 2)), "float32"), memory_of(cell, rng)
    noise, _ = AttentionCell.from_config(cell.get_config()).draw_noise(3, 2)
    states = [np.zeros((3, size)) for size in (4, 4, 5, 5)]
    steps = []
    for t in range(4):
        output, states = attention_step(
            x[:, t].numpy(),
            states,
            lambda x, states: lstm_step(
                x * noise.inputs.numpy(),
                states,
                *cell.cell.get_weights(),
                kept=noise.recurrent.numpy(),
            ),
            lambda query: additive_attention(
                query, memory.values.numpy(), *cell.attention.get_weights(), mask=MASK
            ),
            cell.attention_kernel.numpy(),
            input_feeding,
        )
        steps.append(output)
    first, second = (run_cell(cell, x, memory, training=True)[0] for _ in range(2))
    assert_equal([first], [np.stack(steps, axis=1)])
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(run_cell(cell, x, memory)[0], run_cell(cell, x, memory)[0])


@pytest.mark.parametrize("name", CELLS)
def test_the_config_makes_the_same_cell_again(name, rng):
    cell = attention_cell(rng, CELLS[name], input_feeding=False)
    again = AttentionCell.from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    again.build(INPUT, VALUES)
    assert [w.shape for w in again.weights] == [w.shape for w in cell.weights]


def test_a_call_builds_the_cell_around_a_built_mechanism(rng):
    attention = mechanism(rng)
    memory = attention.memory(tf.constant(rng.normal(size=VALUES), "float32"), MASK)
    cell = AttentionCell(GRUCell(4), attention, 5)
    output, _ = cell(np.zeros(INPUT), cell.get_initial_state(3, memory), memory=memory)
    assert output.shape == (3, 5)
    assert isinstance(memory, Memory)


def test_without_the_shape_of_its_memory_the_cell_says_what_to_call():
    cell = AttentionCell(GRUCell(4), BahdanauAttention(7), 5)
    with pytest.raises(ValueError, match=r"needs the shape of its memory.*`cell.build"):
        RNN(cell)(np.zeros((3, 4, 2)))


@pytest.mark.parametrize("units", [0, -3, 1e10, "a"])
def test_units_that_are_no_size_are_refused(units):
    with pytest.raises(ValueError, match=r"`BahdanauAttention` needs `units` to be a positive"):
        BahdanauAttention(units)
    with pytest.raises(ValueError, match=r"`AttentionCell` needs `units` to be a positive integer"):
        AttentionCell(GRUCell(4), BahdanauAttention(7), units)
    with pytest.raises(ValueError, match="`AttentionCell` needs a cell with"):
        AttentionCell(units, BahdanauAttention(7), 5)
