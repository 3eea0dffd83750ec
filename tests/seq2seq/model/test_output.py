"""The output layer where directions alone count."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.model.output import OutputLayer

FEATURES, TOKENS = 9, 7


def normalizing_layer(seed=0):
    layer = OutputLayer(TOKENS, normalize=True)
    layer.build((None, FEATURES))
    rng = np.random.default_rng(seed)
    layer.kernel.assign(rng.normal(size=(FEATURES, TOKENS)))
    layer.bias.assign(rng.normal(size=TOKENS))
    return layer


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 100.0), st.integers(0, TOKENS - 1), st.integers(0, 9))
def test_no_length_changes_a_logit(factor, token, seed):
    layer, inputs = normalizing_layer(), np.random.default_rng(seed).normal(size=(2, FEATURES))
    logits = layer(inputs)
    np.testing.assert_allclose(layer(inputs * factor), logits, rtol=1e-3, atol=1e-3)
    kernel = layer.kernel.numpy()
    kernel[:, token] *= factor
    layer.kernel.assign(kernel)
    np.testing.assert_allclose(layer(inputs), logits, rtol=1e-3, atol=1e-3)


def test_at_first_what_points_alike_is_nearly_sure_among_what_stands_at_right_angles():
    layer = OutputLayer(TOKENS, normalize=True)
    layer.build((None, FEATURES))
    layer.kernel.assign(np.eye(FEATURES, TOKENS))
    odds = np.exp(layer(np.eye(TOKENS, FEATURES)))
    probabilities = odds / odds.sum(axis=-1, keepdims=True)
    sure = 1 / (1 + (TOKENS - 1) / TOKENS**2)
    np.testing.assert_allclose(np.diag(probabilities), sure, rtol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_vector_of_zeros_has_no_direction_and_finite_gradients(jit_compile):
    layer = normalizing_layer()
    kernel = layer.kernel.numpy()
    kernel[:, 0] = 0
    layer.kernel.assign(kernel)

    @tf.function(jit_compile=jit_compile)
    def logits_and_gradients(nothing):
        with tf.GradientTape() as tape:
            tape.watch(nothing)
            logits = layer(tf.concat([nothing, tf.ones((1, FEATURES))], axis=0))
        return logits, tape.gradient(logits, [nothing, *layer.trainable_variables])

    logits, gradients = logits_and_gradients(tf.zeros((1, FEATURES)))
    np.testing.assert_array_equal(logits[0], layer.bias)
    np.testing.assert_array_equal(logits[1, 0], layer.bias[0])
    for gradient in gradients:
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_in_half_precision_long_vectors_have_their_directions(precision):
    layer = OutputLayer(TOKENS, normalize=True, dtype=precision)
    layer.build((None, FEATURES))
    layer.kernel.assign(normalizing_layer().kernel)
    inputs = np.random.default_rng(1).normal(size=(2, FEATURES)) * 100
    expected = normalizing_layer()
    expected.bias.assign(np.zeros(TOKENS))
    # Squares of 3,000 do not fit into float16.
    np.testing.assert_allclose(layer(inputs * 30.0), expected(inputs), atol=0.05)
