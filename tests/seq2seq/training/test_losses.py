"""The loss against a NumPy oracle with one-hot targets, and its gradient."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.training.losses import consistent_cross_entropy, masked_cross_entropy


def reference_loss(targets, logits, smoothing=0.0, padding=0):
    """Return the three sums, from one-hot targets and a softmax written out."""
    logits = logits.astype("float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    one_hot = np.eye(logits.shape[-1])[targets]
    q = (1 - smoothing) * one_hot + smoothing / logits.shape[-1]
    counts = (targets != padding)[..., None]
    return -(counts * q * log_p).sum(), -(counts * one_hot * log_p).sum(), counts.sum()


def random_case(seed, batch=3, time=4, vocabulary_size=7, scale=3.0):
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, vocabulary_size, size=(batch, time), dtype="int32")
    logits = generator.normal(size=(batch, time, vocabulary_size)) * scale
    return targets, logits.astype("float32")


@settings(deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 9)),
    st.floats(0.0, 0.99),
    st.floats(0.01, 30.0),
)
def test_the_sums_equal_the_reference_with_one_hot_targets(seed, shape, smoothing, scale):
    targets, logits = random_case(seed, *shape, scale)
    sums = masked_cross_entropy(tf.constant(targets), tf.constant(logits), smoothing)
    expected = reference_loss(targets, logits, smoothing)
    np.testing.assert_allclose([float(value) for value in sums], expected, rtol=1e-4, atol=1e-4)


def test_a_small_loss_of_large_logits_is_exact():
    logits = np.array([[[1e4, 1e4 - 8, 1e4 - 9]]], dtype="float32")
    sums = masked_cross_entropy(tf.constant([[0]]), tf.constant(logits), padding=-1)
    assert float(sums.loss) == pytest.approx(math.log(1 + math.exp(-8) + math.exp(-9)), rel=1e-4)


def test_targets_of_another_shape_are_refused():
    targets, logits = random_case(1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="should be equal"):
        masked_cross_entropy(tf.constant(targets.T), tf.constant(logits))


def test_padding_counts_neither_as_token_nor_as_loss():
    targets, logits = random_case(1)
    targets[:, 2:] = 0
    cut = masked_cross_entropy(tf.constant(targets[:, :2]), tf.constant(logits[:, :2]), 0.1)
    padded = masked_cross_entropy(tf.constant(targets), tf.constant(logits), 0.1)
    np.testing.assert_allclose(list(padded), list(cut), rtol=1e-6)


def test_the_padding_token_is_a_choice():
    targets, logits = random_case(2)
    sums = masked_cross_entropy(tf.constant(targets), tf.constant(logits), padding=3)
    np.testing.assert_allclose(list(sums), reference_loss(targets, logits, padding=3), rtol=1e-5)


def test_a_batch_of_padding_alone_has_no_loss():
    _, logits = random_case(3)
    sums = masked_cross_entropy(tf.zeros((3, 4), tf.int32), tf.constant(logits), 0.1)
    assert [float(value) for value in sums] == [0, 0, 0]


def slope(function, at, step=1e-5):
    """Return the gradient of a function of one array, by finite differences in float64."""
    at = at.astype("float64")
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        above, below = at.copy(), at.copy()
        above[index] += step
        below[index] -= step
        gradient[index] = (function(above) - function(below)) / (2 * step)
    return gradient


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("part", ["loss", "negative_log_likelihood"])
def test_the_gradient_equals_finite_differences_and_leaves_padding_out(part, smoothing):
    targets, logits = random_case(4)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        sums = masked_cross_entropy(tf.constant(targets), variable, smoothing)
        value = getattr(sums, part)
    gradient = tape.gradient(value, variable).numpy()
    place = sums._fields.index(part)
    expected = slope(lambda point: reference_loss(targets, point, smoothing)[place], logits)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)
    assert not gradient[targets == 0].any()


def divergence(p, q):
    """KL(p || q) of two lists of logits, term by term."""
    p, q = (np.exp(x) / np.sum(np.exp(x)) for x in (p, q))
    return sum(one * math.log(one / other) for one, other in zip(p, q, strict=True))


def reference_consistent_loss(targets, both, smoothing, weight):
    """Return the three sums of a batch that was run twice."""
    first, second = np.split(both, 2)
    losses = [reference_loss(targets, logits, smoothing) for logits in (first, second)]
    apart = sum(
        divergence(first[index], second[index]) + divergence(second[index], first[index])
        for index in zip(*np.nonzero(targets), strict=True)
    )
    loss, *others = np.mean(losses, axis=0)
    return [loss + weight / 4 * apart, *others]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("compiled", [False, True])
def test_two_runs_of_a_batch_are_held_to_each_other(smoothing, compiled):
    targets = random_case(4)[0]
    both = np.concatenate([random_case(seed)[1] for seed in (4, 5)])

    def loss_and_gradient(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            sums = consistent_cross_entropy(tf.constant(targets), logits, smoothing, weight=2.0)
        return sums, tape.gradient(sums.loss, logits)

    call = tf.function(loss_and_gradient, autograph=False) if compiled else loss_and_gradient
    sums, gradient = call(tf.constant(both))
    expected = reference_consistent_loss(targets, both, smoothing, 2.0)
    np.testing.assert_allclose([float(value) for value in sums], expected, rtol=1e-5)
    np.testing.assert_allclose(
        gradient,
        slope(lambda at: reference_consistent_loss(targets, at, smoothing, 2.0)[0], both),
        rtol=1e-4,
        atol=1e-5,
    )


def test_two_equal_runs_cost_what_one_does():
    targets, logits = random_case(4)
    twice = tf.constant(np.concatenate([logits, logits]))
    found = consistent_cross_entropy(tf.constant(targets), twice, 0.1, weight=5.0)
    once = masked_cross_entropy(tf.constant(targets), tf.constant(logits), 0.1)
    np.testing.assert_allclose(found, once, rtol=1e-6)


def test_extreme_logits_give_a_finite_loss():
    logits = np.array([[[1e4, -1e4, 0.0]]], dtype="float32")
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        sums = masked_cross_entropy(tf.constant([[1]]), variable, 0.1)
    np.testing.assert_allclose(
        tape.gradient(sums.loss, variable)[0, 0], [1 - 0.1 / 3, -0.9 - 0.1 / 3, -0.1 / 3], rtol=1e-6
    )
    np.testing.assert_allclose(float(sums.negative_log_likelihood), 2e4, rtol=1e-6)
    assert np.isfinite(float(sums.loss))
