"""A search compiled by XLA: for a few shapes, as each is compiled on its own."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from seq2seq.inference.hypotheses import Hypotheses

__all__ = ["compiled_by_xla", "padded_to_few_shapes"]

STEPS = 16


def compiled_by_xla(
    encode: Callable[[tf.Tensor], Any],
    decode: Callable[[tf.Tensor, Any], Hypotheses],
    padding: int,
) -> Callable[[tf.Tensor], Hypotheses]:
    """Return a search that XLA compiles, at the first call for each shape.

    Compiled, the many small operations of a step are few: a search for one line of 30 tokens takes
    some half of the time. To compile a shape takes seconds, so sources are padded to few shapes
    first. Where there is a GPU the encoder stays as it is: it may be cuDNN's, which XLA cannot
    compile.

    Args:
        encode: Maps a source, int32 `(batch, time)`, to all that decoding needs of it.
        decode: Maps both to hypotheses.
        padding: What fills a source up.
    """
    by_xla = functools.partial(tf.function, autograph=False, jit_compile=True)
    decode_only = by_xla(decode)

    @by_xla
    def compiled(source: tf.Tensor) -> Hypotheses:
        return decode(source, encode(source))

    def search(source: tf.Tensor) -> Hypotheses:
        padded = padded_to_few_shapes(source, padding)
        found = decode_only(padded, encode(padded)) if has_gpu() else compiled(padded)
        return Hypotheses(*(tensor[: tf.shape(source)[0]] for tensor in found))

    return search


def has_gpu() -> bool:
    """Return whether this process sees a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def padded_to_few_shapes(source: tf.Tensor, padding: int) -> tf.Tensor:
    """Return a source of a multiple of 16 steps, and as many rows as a power of two.

    The rows that are added repeat the last one: they end when it does, and so cost no further step.

    Args:
        source: int32 `(batch, time)`.
        padding: What fills up a row.

    >>> padded_to_few_shapes(tf.ones([3, 17], tf.int32), 0).shape
    TensorShape([4, 32])
    """
    batch_size, time = tf.unstack(tf.shape(source))
    is_none = tf.cast(batch_size == 0, tf.int32)
    source = tf.pad(source, [[0, is_none], [0, -time % STEPS]], constant_values=padding)
    powers = tf.constant([2**power for power in range(31)])
    rows = tf.range(tf.reduce_min(tf.boolean_mask(powers, powers >= batch_size)))
    return tf.gather(source, tf.minimum(rows, tf.shape(source)[0] - 1))
