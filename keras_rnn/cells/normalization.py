"""Layer normalization, for cells."""

import keras
from keras import ops

from keras_rnn._types import Tensor

__all__ = ["layer_norm"]


def layer_norm(x: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float) -> Tensor:
    """Return `x` with mean 0 and variance 1 along its last axis, then scaled and shifted.

        y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * gamma + beta

    It is computed in float32 at least, since the square of a float16 may be too large for one, and
    returned in the type of `x`.

    Args:
        x: `(..., size)`.
        gamma: The gain, `(size,)`; `None` stands for one.
        beta: The shift, `(size,)`; `None` stands for zero.
        epsilon: What keeps the divisor from zero.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450

    >>> layer_norm(ops.array([[1.0, 3.0, 5.0, 7.0]]), None, ops.array(10.0), 4.0).numpy().round(2)
    array([[ 9.  ,  9.67, 10.33, 11.  ]], dtype=float32)
    """
    dtype = keras.backend.result_type(x.dtype, "float32")
    wide = ops.cast(x, dtype)
    centered = wide - _mean(wide)
    y = centered * ops.rsqrt(_mean(ops.square(centered)) + epsilon)
    y = y if gamma is None else y * ops.cast(gamma, dtype)
    y = y if beta is None else y + ops.cast(beta, dtype)
    return ops.cast(y, x.dtype)


def _mean(x: Tensor) -> Tensor:
    # Not `ops.mean`, whose gradient divides each entry and not one number a row.
    return ops.sum(x, axis=-1, keepdims=True) / x.shape[-1]
