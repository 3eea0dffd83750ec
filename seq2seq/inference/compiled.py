"""A search compiled by XLA: for a few shapes, as each is compiled on its own."""

from collections.abc import Callable

import tensorflow as tf

from seq2seq.inference.hypotheses import Hypotheses

__all__ = ["compiled_by_xla", "padded_to_few_shapes"]

STEPS = 16


def compiled_by_xla(
    search: Callable[[tf.Tensor], Hypotheses], padding: int
) -> Callable[[tf.Tensor], Hypotheses]:
    """Return a search that XLA compiles, at the first call for each shape.

    Compiled, the small operations of a step are one: a search for one line of 30 tokens takes about
    half the time. To compile a shape takes seconds, so sources are padded to few shapes first.

    Args:
        search: Maps a source, int32 `(batch, time)`, to hypotheses.
        padding: What fills a source up.
    """
    compiled = tf.function(
        search,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
        jit_compile=True,
    )

    def padded_search(source: tf.Tensor) -> Hypotheses:
        found = compiled(padded_to_few_shapes(source, padding))
        return Hypotheses(*(tensor[: tf.shape(source)[0]] for tensor in found))

    return padded_search


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
    power = tf.math.ceil(tf.math.log(tf.cast(batch_size + is_none, tf.float32)) / tf.math.log(2.0))
    rows = tf.range(tf.cast(tf.round(2.0**power), tf.int32))
    return tf.gather(source, tf.minimum(rows, tf.shape(source)[0] - 1))
