"""Additive attention (Bahdanau)."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn._checks import check_positive_integer
from keras_rnn._types import Shape, Tensor
from keras_rnn.products import product

__all__ = ["AdditiveAttention", "Memory", "look", "shape_of_values"]


class Memory(NamedTuple):
    """What an attention mechanism looks at; made once a call, the same at every step.

    Attributes:
        values: `(batch, memory_time, features)`, what is averaged.
        keys: `(batch, memory_time, units)`, what a query is compared with.
        mask: Boolean `(batch, memory_time)`, false where the memory is padding, or `None`.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor | None


@keras.saving.register_keras_serializable(package="keras_rnn")
class AdditiveAttention(keras.layers.Layer):
    """Additive attention: a small network scores each step of the memory against the query.

        e_j = v . tanh(q W + m_j M)             for each step j of the memory
        a   = softmax(e)                        over the steps that are no padding
        context = sum_j a_j m_j

    `query_kernel` (W) is `(query_features, units)`, `memory_kernel` (M) `(memory_features, units)`,
    `score_kernel` (v) `(units, 1)`. A row whose memory is all padding gets alignments and a context
    of zeros.

    Args:
        units: Size of the scoring network.
        kernel_initializer: Initial values of W, M and v.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.

    Returns:
        `(context, alignments)`: `(batch, memory_features)` and `(batch, memory_time)`.

    Raises:
        ValueError: If `units` is not a positive integer.

    Reference: Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473

    >>> attention = AdditiveAttention(8)
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.ones((2, 5, 6)), ops.ones((2, 5), "bool"))
    >>> context, alignments = attention(ops.zeros((2, 4)), memory)
    >>> tuple(context.shape), tuple(alignments.shape)
    ((2, 6), (2, 5))
    """

    def __init__(
        self, units: int, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        example = "AdditiveAttention(units=64)"
        self.units = check_positive_integer("AdditiveAttention", "units", units, example)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights.

        Args:
            query_shape: `(batch, query_features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
        """
        values_shape = shape_of_values("AdditiveAttention", memory_shape)
        initializer = self.kernel_initializer
        self.query_kernel = self.add_weight(
            (query_shape[-1], self.units), name="query_kernel", initializer=initializer
        )
        self.memory_kernel = self.add_weight(
            (values_shape[-1], self.units), name="memory_kernel", initializer=initializer
        )
        self.score_kernel = self.add_weight(
            (self.units, 1), name="score_kernel", initializer=initializer
        )
        self.built = True

    def memory(self, values: Tensor, mask: Tensor | None = None) -> Memory:
        """Prepare the memory: compute its keys, once for all queries.

        Args:
            values: `(batch, memory_time, memory_features)`.
            mask: Boolean `(batch, memory_time)`, false where the memory is padding.
        """
        kernel = ops.cast(self.memory_kernel, values.dtype)
        return Memory(values, ops.matmul(values, kernel), mask)

    def call(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Return the context and the alignments of the query."""
        query = product(query, self.query_kernel)[:, None, :]
        scores = ops.matmul(ops.tanh(query + memory.keys), self.score_kernel)[..., 0]
        alignments = masked_softmax(scores, memory.mask)
        context = ops.matmul(alignments[:, None, :], memory.values)[:, 0, :]
        return context, alignments

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "units": self.units, "kernel_initializer": initializer}


def look(attention: Any, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """Return context and alignments of a query, in its type, which may not be the mechanism's."""
    context, alignments = attention(query, memory)
    return ops.cast(context, query.dtype), ops.cast(alignments, query.dtype)


def shape_of_values(owner: str, memory_shape: Any) -> Shape:
    """Return the shape of the values of a memory, or raise `ValueError` if there is none.

    Args:
        owner: Who needs it.
        memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
    """
    if memory_shape is None:
        raise ValueError(
            f"`{owner}` needs the shape of its memory to be built. Received: none. "
            "Call `cell.build(inputs_shape, memory_shape)` before its first use."
        )
    return memory_shape[0] if isinstance(memory_shape[0], tuple) else memory_shape


def masked_softmax(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the softmax over the last axis of the entries that the mask keeps, others zero.

        a_j = exp(e_j) / sum_k exp(e_k)     over the kept k; all zero where none is kept

    Args:
        scores: `(..., time)`.
        mask: Boolean of that shape, or `None`.
    """
    if mask is None:
        return ops.softmax(scores, axis=-1)
    # A finite number, since -inf in a row without a kept entry would give NaN; in float32, since
    # float16 holds no number as large.
    large = ops.where(mask, ops.cast(scores, "float32"), -1e9)
    return ops.cast(ops.softmax(large, axis=-1), scores.dtype) * ops.cast(mask, scores.dtype)
