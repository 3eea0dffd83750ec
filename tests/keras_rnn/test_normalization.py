"""Layer normalisation as the cells compute it."""

import numpy as np
import pytest
import tensorflow as tf
from reference.addons_oracles import normalized

from keras_rnn.cells.normalization import layer_norm


@pytest.mark.parametrize("shape", [(3, 7), (3, 5, 7), (2, 1)])
@pytest.mark.parametrize("given", [(), ("gamma",), ("beta",), ("gamma", "beta")])
def test_it_equals_numpy_reference(shape, given, rng):
    x = rng.normal(size=shape)
    weights = {name: rng.normal(size=shape[-1:]) for name in given}
    expected = normalized(
        x, {f"norm/{name}": value for name, value in weights.items()}, "norm", 0.1
    )
    result = layer_norm(tf.constant(x), weights.get("gamma"), weights.get("beta"), 0.1)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_half_a_float_is_computed_as_a_whole_one(dtype, tolerance, rng):
    x = tf.cast(1000 + 300 * rng.normal(size=(4, 64)), dtype)
    gamma = tf.ones(64)
    result = layer_norm(x, gamma, None, 1e-3)
    assert result.dtype == dtype
    expected = normalized(tf.cast(x, "float64").numpy(), {}, "norm", 1e-3)
    np.testing.assert_allclose(tf.cast(result, "float64"), expected, atol=tolerance)


def test_it_stays_accurate_far_from_zero(rng):
    x = (1e4 + rng.normal(size=(4, 64))).astype("float32")
    result = layer_norm(tf.constant(x), None, None, 1e-3)
    np.testing.assert_allclose(result, normalized(x.astype("float64"), {}, "norm", 1e-3), atol=5e-3)


def test_equal_entries_become_zeros_with_a_finite_gradient():
    x = tf.ones((2, 5))
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = layer_norm(x, None, None, 1e-12)
    np.testing.assert_array_equal(result, np.zeros((2, 5)))
    assert np.all(np.isfinite(tape.gradient(result, x)))
