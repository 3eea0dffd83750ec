"""`hardmax`, `safe_cumprod` and `monotonic_attention` against NumPy, entry by entry."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference.mechanisms import expected_stops, hard_stop
from reference.training import assert_close

from keras_rnn import hardmax, monotonic_attention, safe_cumprod

MODES = ["recursive", "parallel", "hard"]
PROBABILITIES = st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0, 1)
LENGTHS = st.integers(1, 9)
few = settings(max_examples=15, deadline=None)


def rows_of(elements, count=2):
    """Arrays of some rows of one length."""
    return LENGTHS.flatmap(
        lambda length: st.tuples(
            *[arrays(np.float64, (2, length), elements=elements) for _ in range(count)]
        )
    )


def by_rows(stops, choose, before):
    return np.stack([stops(*pair) for pair in zip(choose, before, strict=True)])


def as_distribution(rows):
    return rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)


@few
@given(rows_of(PROBABILITIES))
def test_recursive_alignments_are_the_expected_stops(pair):
    choose, before = pair[0], as_distribution(pair[1])
    found = monotonic_attention(tf.constant(choose), tf.constant(before), "recursive")
    assert_close([found], [by_rows(expected_stops, choose, before)], 1e-12)


@few
@given(rows_of(PROBABILITIES), st.sampled_from(["recursive", "parallel"]))
def test_expected_alignments_are_probabilities(pair, mode):
    choose, before = pair[0], as_distribution(pair[1])
    found = monotonic_attention(tf.constant(choose), tf.constant(before), mode).numpy()
    assert np.all(found >= 0)
    # What is on the first j steps now was on them before: attention does not go back.
    assert np.all(np.cumsum(found, axis=1) <= np.cumsum(before, axis=1) + 1e-9)
    assert np.all(found.sum(axis=1) <= 1 + 1e-9)


@few
@given(rows_of(st.floats(0.01, 0.7)))
def test_parallel_equals_recursive_where_nothing_vanishes(pair):
    choose, before = tf.constant(pair[0]), tf.constant(as_distribution(pair[1]))
    found = monotonic_attention(choose, before, "parallel")
    assert_close([found], [monotonic_attention(choose, before, "recursive")], 1e-9)


@few
@given(st.data())
def test_hard_attention_stops_at_the_first_chosen_and_never_goes_back(data):
    length = data.draw(LENGTHS)
    choose = data.draw(arrays(np.float64, (2, length), elements=st.sampled_from([0.0, 1.0])))
    at = data.draw(st.lists(st.integers(0, length), min_size=2, max_size=2))
    before = np.eye(length + 1)[at][:, :length]  # The last place: it went past the end.
    found = monotonic_attention(tf.constant(choose), tf.constant(before), "hard").numpy()
    np.testing.assert_array_equal(found, by_rows(hard_stop, choose, before))
    for row, place in zip(found, at, strict=True):
        assert not row[:place].any()
        assert row.sum() in {0, 1}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("high", [0.05, 0.999])
def test_recursive_stays_right_for_long_memories(high, dtype, rng):
    choose = rng.uniform(high / 2, high, size=(2, 300))
    before = as_distribution(rng.uniform(size=(2, 300)))
    found = monotonic_attention(tf.constant(choose, dtype), tf.constant(before, dtype), "recursive")
    wanted = by_rows(expected_stops, choose, before)
    np.testing.assert_allclose(found, wanted, rtol={"float32": 1e-4, "float64": 1e-11}[dtype])


@pytest.mark.parametrize("mode", ["recursive", "parallel"])
def test_the_gradient_over_a_long_memory_is_finite(mode, rng):
    choose = rng.choice([0.0, 1e-30, 0.5, 1 - 1e-7, 1.0], size=(2, 300))
    choose, before = tf.constant(choose, "float32"), tf.one_hot([0, 7], 300)
    with tf.GradientTape() as tape:
        tape.watch([choose, before])
        loss = tf.reduce_sum(monotonic_attention(choose, before, mode) ** 2)
    assert all(np.all(np.isfinite(slope)) for slope in tape.gradient(loss, [choose, before]))


@pytest.mark.parametrize("mode", ["recursive", "parallel"])
def test_the_gradient_is_that_of_finite_differences(mode, rng):
    arguments = [tf.constant(rng.uniform(0.1, 0.7, size=(2, 20))) for _ in range(2)]
    weights = rng.normal(size=(2, 20))

    def loss(choose, before):
        return np.sum(weights * by_rows(expected_stops, choose, before))

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        total = tf.reduce_sum(weights * monotonic_attention(*arguments, mode))
    for index, slope in enumerate(tape.gradient(total, arguments)):
        direction = rng.normal(size=(2, 20))
        ahead, behind = ([a.numpy() for a in arguments] for _ in range(2))
        ahead[index] += 1e-5 * direction
        behind[index] -= 1e-5 * direction
        wanted = (loss(*ahead) - loss(*behind)) / 2e-5
        np.testing.assert_allclose(np.sum(slope * direction), wanted, rtol=1e-7)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype, mode, rng):
    choose = tf.constant(rng.integers(0, 2, size=(2, 90)) if mode == "hard" else 0.02, dtype)
    choose = tf.broadcast_to(choose, (2, 90))
    before = tf.one_hot([0, 3], 90, dtype=dtype)
    found = monotonic_attention(choose, before, mode)
    assert found.dtype == dtype
    exact = (tf.cast(tensor, "float32") for tensor in (choose, before))
    wanted = tf.cast(monotonic_attention(*exact, mode), dtype)
    np.testing.assert_array_equal(tf.cast(found, "float32"), tf.cast(wanted, "float32"))


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match=r'"recursive", "parallel" or "hard".* mode=\'soft\'. Pas'):
        monotonic_attention(tf.ones((1, 2)), tf.ones((1, 2)), "soft")


@few
@given(rows_of(PROBABILITIES, 1), st.booleans())
def test_a_safe_product_is_the_product(rows, exclusive):
    wanted = np.ones(rows[0].shape)
    for j in range(wanted.shape[1]):
        wanted[:, j] = np.prod(rows[0][:, : j + (not exclusive)], axis=1)
    found = safe_cumprod(tf.constant(rows[0]), axis=1, exclusive=exclusive)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
    turned = tf.transpose(rows[0])
    for same in (
        safe_cumprod(turned, exclusive=exclusive),
        safe_cumprod(turned[::-1], 0, exclusive, reverse=True)[::-1],
    ):
        np.testing.assert_allclose(same, wanted.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_safe_product_has_a_finite_gradient_where_it_vanishes(exclusive):
    x = tf.constant([[0.5, 0.0, 1.0, 1e-40, 0.3]] * 2)
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = safe_cumprod(x, axis=1, exclusive=exclusive)
    assert np.all(np.isfinite(tape.gradient(product, x)))
    np.testing.assert_allclose(product[0, -1], 0, atol=1e-30)


@few
@given(rows_of(st.sampled_from([-1.0, 0.0, 2.5]) | st.floats(-9, 9), 1), st.data())
def test_hardmax_is_at_the_first_of_the_largest_that_are_kept(rows, data):
    scores = rows[0]
    mask = data.draw(arrays(bool, scores.shape))
    for given_mask in (None, mask):
        found, wanted = hardmax(tf.constant(scores), given_mask), np.zeros(scores.shape)
        for row, line in enumerate(scores):
            kept = [j for j in range(len(line)) if given_mask is None or mask[row, j]]
            if kept:
                wanted[row, max(kept, key=lambda j, line=line: (line[j], -j))] = 1
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("mask", [None, [[True, True, True]]])
def test_hardmax_tells_what_float64_tells_apart(mask):
    scores = tf.constant([[1, 1 + 1e-12, 1]], "float64")
    np.testing.assert_array_equal(hardmax(scores, mask), [[0, 1, 0]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_hardmax_keeps_type_and_shape_and_has_no_gradient(dtype, rng):
    scores = tf.constant(rng.normal(size=(2, 3, 4)), dtype)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        found = hardmax(scores, rng.normal(size=(2, 3, 4)) > 0)
    assert found.dtype == dtype
    assert found.shape == (2, 3, 4)
    assert tape.gradient(found, scores) is None


def test_to_hardmax_minus_zero_is_zero():
    np.testing.assert_array_equal(hardmax([[-0.0, 0.0], [0.0, -0.0]]), [[1, 0], [1, 0]])
