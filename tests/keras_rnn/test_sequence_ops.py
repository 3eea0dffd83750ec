"""Masks, lengths, reversal and the last valid step against NumPy, for any padding."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_rnn.sequence_ops import last_valid_step, mask_to_lengths, reverse_padded, sequence_mask

quick = settings(max_examples=40, deadline=None)


@st.composite
def lengths_and_time(draw):
    time = draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(0, time), min_size=1, max_size=4))
    return np.array(lengths, dtype="int32"), time


@st.composite
def masks(draw):
    batch, time = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    flags = draw(st.lists(st.booleans(), min_size=batch * time, max_size=batch * time))
    return np.array(flags, dtype=bool).reshape(batch, time)


def numbers(batch, time, *sizes):
    return np.random.default_rng(batch * 10 + time).normal(size=(batch, time, *sizes))


@quick
@given(lengths_and_time())
def test_a_mask_is_true_for_as_many_steps_as_the_length_says(case):
    lengths, time = case
    mask = sequence_mask(lengths, time).numpy()
    assert mask.dtype == bool
    assert mask.shape == (len(lengths), time)
    for row, length in zip(mask, lengths, strict=True):
        assert row.tolist() == [True] * length + [False] * (time - length)


@quick
@given(lengths_and_time())
def test_lengths_of_a_mask_of_lengths_are_those_lengths(case):
    lengths, time = case
    np.testing.assert_array_equal(mask_to_lengths(sequence_mask(lengths, time)), lengths)


@quick
@given(masks())
def test_the_length_is_one_more_than_the_position_of_the_last_true_value(mask):
    lengths = mask_to_lengths(mask).numpy()
    assert lengths.dtype == "int32"
    for row, length in zip(mask, lengths, strict=True):
        assert length == max((t + 1 for t, valid in enumerate(row) if valid), default=0)


@quick
@given(lengths_and_time(), st.sampled_from([(), (2,), (2, 3)]))
def test_reversal_reverses_each_sequence_within_its_length(case, sizes):
    lengths, time = case
    x = numbers(len(lengths), time, *sizes)
    reversed_x = reverse_padded(x, lengths).numpy()
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(reversed_x[row, :length], x[row, :length][::-1])
        np.testing.assert_array_equal(reversed_x[row, length:], x[row, length:])
    np.testing.assert_array_equal(reverse_padded(reversed_x, lengths), x)


@quick
@given(masks())
def test_the_last_valid_step_is_the_one_at_the_last_true_value(mask):
    x = numbers(*mask.shape, 3)
    steps = last_valid_step(x, mask).numpy()
    for row, step in enumerate(steps):
        valid = np.flatnonzero(mask[row])
        np.testing.assert_array_equal(step, x[row, valid[-1]] if len(valid) else np.zeros(3))


def test_a_batch_of_no_rows_or_no_steps_is_no_error():
    assert mask_to_lengths(np.zeros((2, 0), bool)).numpy().tolist() == [0, 0]
    assert sequence_mask(np.zeros(0, "int32"), 3).shape == (0, 3)
    assert reverse_padded(np.zeros((0, 3, 2)), np.zeros(0, "int32")).shape == (0, 3, 2)
    np.testing.assert_array_equal(
        last_valid_step(np.zeros((2, 0, 3)), np.zeros((2, 0), bool)), np.zeros((2, 3))
    )


def test_unknown_sizes_in_a_graph_are_no_error():
    signature = [tf.TensorSpec([None, None, 2]), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=signature)
    def reverse_and_pick(x, lengths):
        mask = sequence_mask(lengths, tf.shape(x)[1])
        return last_valid_step(reverse_padded(x, mask_to_lengths(mask)), mask)

    x = numbers(3, 5, 2).astype("float32")
    np.testing.assert_array_equal(reverse_and_pick(x, np.array([5, 2, 1], "int32")), x[:, 0])
