"""From scores to alignments: softmax, hardmax, and monotonic attention."""

import numpy as np
import tensorflow as tf
from keras import ops

from keras_rnn._types import Tensor
from keras_rnn.scan.linear import linear_scan

__all__ = ["PROBABILITIES", "hardmax", "masked_softmax", "monotonic_attention", "safe_cumprod"]


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the softmax over the last axis of the entries that the mask keeps, others zero.

        a_j = exp(e_j) / sum_k exp(e_k)     over the kept k; all zero where none is kept

    Args:
        scores: `(..., time)`.
        mask: Boolean of that shape, or `None`.
    """
    if mask is None:
        return ops.softmax(scores, axis=-1)
    # A finite number, since -inf in a row without a kept entry would give NaN; at least float32,
    # since float16 holds no number as large.
    large = ops.where(mask, _exact(scores), -1e9)
    return ops.cast(ops.softmax(large, axis=-1), scores.dtype) * ops.cast(mask, scores.dtype)


def hardmax(logits: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return one at the largest kept score of the last axis, the first of several, and zeros.

    It has no gradient: what chose cannot be trained through it.

    Args:
        logits: `(..., time)`.
        mask: Boolean of that shape, or `None`.

    >>> hardmax(ops.convert_to_tensor([1.0, 3.0, 2.0])).numpy().tolist()
    [0.0, 1.0, 0.0]
    """
    logits = ops.convert_to_tensor(logits)
    if mask is None:
        # Not `ops.argmax`, for which minus zero is less than zero.
        best = tf.argmax(logits, axis=-1)
        return ops.one_hot(best, ops.shape(logits)[-1], dtype=logits.dtype)
    large = ops.where(mask, _exact(logits), -float("inf"))
    return ops.cast(hardmax(large), logits.dtype) * ops.cast(mask, logits.dtype)


PROBABILITIES = {"softmax": masked_softmax, "hardmax": hardmax}


def safe_cumprod(
    x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False
) -> Tensor:
    """Return the cumulative product of probabilities along an axis, by sums of logarithms.

        y_j = exp(sum_{k <= j} log x_k)         with `exclusive` over k < j

    Entries below the smallest normal number count as that number, so the gradient is finite.

    Args:
        x: Numbers in [0, 1].
        axis: The axis, as for `tf.cumsum` the first if none is given.
        exclusive: Whether entry j leaves out `x_j` itself.
        reverse: Whether the product is over `k >= j`.

    >>> safe_cumprod(ops.convert_to_tensor([0.5, 0.5, 1.0]), exclusive=True).numpy().tolist()
    [1.0, 0.5, 0.25]
    """
    exact = _exact(x)
    smallest = np.finfo(exact.dtype.as_numpy_dtype).tiny
    logarithms = tf.math.log(tf.clip_by_value(exact, smallest, 1))
    product = tf.exp(tf.cumsum(logarithms, axis, exclusive=exclusive, reverse=reverse))
    return ops.cast(product, tf.convert_to_tensor(x).dtype)


def monotonic_attention(p_choose_i: Tensor, previous_attention: Tensor, mode: str) -> Tensor:
    """Return the alignments of attention that only moves forward.

    Going on from where it last stopped, attention stops at each step of the memory in turn with a
    probability. The expected alignments are

        a_j = p_j q_j,      q_j = (1 - p_{j-1}) q_{j-1} + a'_j,     a' being the alignments before.

    Args:
        p_choose_i: The probabilities p, `(batch, memory_time)`; for `"hard"` each zero or one.
        previous_attention: The alignments a' of the step before, `(batch, memory_time)`.
        mode: `"recursive"`, as written above, with no division; `"parallel"`, in closed form, of
            less work, which loses alignments where the product of all `1 - p` before is below
            1e-10; `"hard"`, where attention stops at the first p of one, and the alignments before
            have at most a single one.

    Returns:
        The alignments, `(batch, memory_time)`. They add up to less than one where attention may
        go past the end.

    Raises:
        ValueError: If `mode` is another.

    Reference: Raffel et al., 2017, https://arxiv.org/abs/1704.00784

    >>> choose, previous = ops.convert_to_tensor([[0.5, 0.5]]), ops.convert_to_tensor([[1.0, 0.0]])
    >>> monotonic_attention(choose, previous, "recursive").numpy().tolist()
    [[0.5, 0.25]]
    """
    choose = tf.convert_to_tensor(p_choose_i)
    p, before = _exact(choose), _exact(previous_attention)
    if mode == "recursive":
        # q_j keeps 1 - p_{j-1} of q_{j-1}.
        keep = tf.pad(1 - p, [[0, 0], [1, 0]])[:, :-1, None]
        reached = linear_scan(keep, before[..., None], tf.zeros([tf.shape(p)[0], 1], p.dtype))[
            ..., 0
        ]
        return ops.cast(p * reached, choose.dtype)
    if mode == "parallel":
        passed = safe_cumprod(1 - p, axis=-1, exclusive=True)
        reached = tf.cumsum(before / tf.clip_by_value(passed, 1e-10, 1), axis=-1)
        return ops.cast(p * passed * reached, choose.dtype)
    if mode == "hard":
        # Out with what was passed before; of what is left, the first.
        left = p * tf.cumsum(before, axis=-1)
        stopped = left * tf.math.cumprod(1 - left, axis=-1, exclusive=True)
        return ops.cast(stopped, choose.dtype)
    raise ValueError(
        '`monotonic_attention` needs `mode` to be "recursive", "parallel" or "hard". '
        f"Received: mode={mode!r}. Pass one of these."
    )


def _exact(x: Tensor) -> tf.Tensor:
    """Return the numbers in float32, or float64 if they are: products of many are small."""
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
