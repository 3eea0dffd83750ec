"""The scan of steps that are linear in the state: all of them at once.

Two such steps one after the other are one such step,

    keep_2 (keep_1 h + add_1) + add_2 = (keep_2 keep_1) h + (keep_2 add_1 + add_2),

so a sequence can be cut into stretches that run side by side: first each stretch is made one step,
then these few steps give the state at the start of each, and from there all stretches run again.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from keras import ops

from keras_rnn._types import Tensor

__all__ = ["linear_scan"]

# Measured on a CPU: less work at a time is lost in the calls of operations, more only in memory.
ENTRIES = 2**16
SHORTEST = 16


def linear_scan(keep: Tensor, add: Tensor, start: Tensor, reverse: bool = False) -> Tensor:
    """Return all states of `h_t = keep_t * h_{t-1} + add_t`.

    The gradient is a scan of the same kind the other way round,

        d_t = dE/dh_t + keep_{t+1} * d_{t+1},   dE/dkeep_t = d_t * h_{t-1},   dE/dadd_t = d_t,

    and has gradients of its own. Nothing is divided, and no logarithm taken: entries of `keep` may
    be zero or negative, and products of many of them vanish as they do step by step.

    Args:
        keep: `(batch, time, size)`.
        add: `(batch, time, size)`.
        start: The state before the first step, `(batch, size)`.
        reverse: Whether to run from the last step to the first.

    Returns:
        The states, `(batch, time, size)`; that of each step stands at the step's place.

    Reference: Blelloch, 1990, https://doi.org/10.1184/R1/6608579.v1 (linear recurrences as scans)

    >>> halves = tf.fill((1, 3, 1), 0.5)
    >>> linear_scan(halves, halves, tf.zeros((1, 1)))[0, :, 0].numpy().tolist()
    [0.5, 0.75, 0.875]
    """

    @tf.custom_gradient
    def run(keep: Tensor, add: Tensor, start: Tensor) -> tuple[Tensor, Callable[..., Any]]:
        states = _states(keep, add, start, reverse)

        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            zeros, first = tf.zeros_like(start), -1 if reverse else 0
            following = _before(keep, zeros, not reverse)
            d = linear_scan(following, upstream, zeros, not reverse)
            return d * _before(states, start, reverse), d, d[:, first] * keep[:, first]

        return states, gradient

    return run(keep, add, start)


def _before(states: Tensor, start: Tensor, reverse: bool) -> Tensor:
    """Return for each step the state before it."""
    first = start[:, None]
    return tf.concat([states[:, 1:], first] if reverse else [first, states[:, :-1]], axis=1)


def _states(keep: Tensor, add: Tensor, start: Tensor, reverse: bool) -> Tensor:
    batch, length, size = ops.shape(keep)
    count, stretch = _cut(batch, length, size)
    is_even = isinstance(count, int) and count * stretch == length
    if not is_even:
        padding = [[0, 0], [0, count * stretch - length], [0, 0]]
        keep, add = tf.pad(keep, padding, constant_values=1), tf.pad(add, padding)
    keep, add = (tf.reshape(tensor, (-1, count, stretch, size)) for tensor in (keep, add))
    is_one = isinstance(count, int) and count == 1
    h = start[:, None] if is_one else _starts(keep, add, start, reverse)
    states, _ = _run(keep, add, h, reverse, axis=2)
    states = tf.reshape(states, (-1, count * stretch, size))
    return states if is_even else states[:, :length]


def _cut(batch: Any, length: Any, size: int) -> tuple[Any, Any]:
    """Return how many stretches there are to be, and of how many steps."""
    is_known = isinstance(batch, int) and isinstance(length, int)
    smaller, larger = (min, max) if is_known else (tf.minimum, tf.maximum)
    count = larger(1, smaller(ENTRIES // larger(1, batch * size), length // SHORTEST))
    if is_known:  # Better a few less, if none is then to be padded.
        count = next((c for c in range(count, count // 2, -1) if length % c == 0), count)
    return count, -(-length // count)


def _starts(keep: Tensor, add: Tensor, start: Tensor, reverse: bool) -> Tensor:
    """Return the state before each stretch, `(batch, count, size)`."""
    stretch = ops.shape(keep)[2]

    def body(i: Tensor, whole_keep: Tensor, whole_add: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keep_i, add_i = (_at(tensor, i, reverse, axis=2) for tensor in (keep, add))
        return i + 1, whole_keep * keep_i, keep_i * whole_add + add_i

    first = tuple(_at(tensor, tf.constant(0), reverse, axis=2) for tensor in (keep, add))
    _, whole_keep, whole_add = tf.while_loop(
        lambda i, *_: i < stretch,
        body,
        (tf.constant(1), *first),
        maximum_iterations=stretch - 1,
        parallel_iterations=2,
    )
    ends, _ = _run(whole_keep, whole_add, start, reverse, axis=1)
    return _before(ends, start, reverse)


def _run(
    keep: Tensor, add: Tensor, start: Tensor, reverse: bool, axis: int
) -> tuple[Tensor, Tensor]:
    """Run along an axis, one place after the other; return all states, and the last."""
    length = ops.shape(keep)[axis]

    def body(i: Tensor, h: Tensor, states: tf.TensorArray) -> tuple[Tensor, Tensor, tf.TensorArray]:
        h = _at(keep, i, reverse, axis) * h + _at(add, i, reverse, axis)
        return i + 1, h, states.write(_place(i, length, reverse), h)

    states = tf.TensorArray(start.dtype, size=length, element_shape=start.shape)
    _, last, states = tf.while_loop(
        lambda i, *_: i < length,
        body,
        (tf.constant(0), start, states),
        maximum_iterations=length,
        parallel_iterations=2,
    )
    rank = len(keep.shape)
    axes = [*range(1, axis + 1), 0, *range(axis + 1, rank)]
    return tf.transpose(states.stack(), axes), last


def _at(tensor: Tensor, i: Tensor, reverse: bool, axis: int) -> Tensor:
    place = _place(i, ops.shape(tensor)[axis], reverse)
    return tf.gather(tensor, place, axis=axis)


def _place(i: Tensor, length: Any, reverse: bool) -> Tensor:
    return length - 1 - i if reverse else i
