"""Scaled dot-product attention with several heads."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_built, check_heads
from keras_rnn._checks import check_count, check_positive_integer
from keras_rnn._types import Noise, Shape, Tensor
from keras_rnn.attention.base import (
    AttentionMechanism,
    Look,
    Memory,
    new_kernel,
    shape_of_values,
)
from keras_rnn.attention.probability import masked_softmax
from keras_rnn.products import product

__all__ = ["MultiHeadDotAttention"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class MultiHeadDotAttention(AttentionMechanism):
    """Scaled dot-product attention of several heads, each with projections of its own.

        q^i = q Q^i,    k^i_j = m_j K^i,    v^i_j = m_j V^i     for head i, of size units / heads
        a^i = softmax(q^i . k^i_j / sqrt(units / heads))
        context = [sum_j a^1_j v^1_j; sum_j a^2_j v^2_j; ...]

    `query_kernel` (Q) is `(query_features, units)`, all heads side by side; `memory_kernel` (K)
    and `value_kernel` (V) are `(memory_features, units)`. The projection that mixes the heads is
    that of the `AttentionCell`. Alignments are the mean of those of the heads.

    Args:
        units: Size of the context, all heads together.
        heads: Number of heads; divides `units`.
        kernel_initializer: Initial values of Q, K and V.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.

    Returns:
        A `Look`, `(context, alignments, states)`: `(batch, units)`, `(batch, memory_time)`, and an
        empty list.

    Raises:
        ValueError: If `units` or `heads` is not a positive integer, or `heads` does not divide
            `units`.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    >>> attention = MultiHeadDotAttention(8, heads=2)
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.ones((2, 5, 6)))
    >>> tuple(attention(ops.zeros((2, 4)), memory).context.shape)
    (2, 8)
    """

    def __init__(
        self, units: int, heads: int = 8, kernel_initializer: Any = "glorot_uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        owner = "MultiHeadDotAttention"
        self.units = check_positive_integer(owner, "units", units, f"{owner}(units=64, heads=4)")
        self.heads = check_heads(owner, heads, units)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights.

        Args:
            query_shape: `(batch, query_features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
        """
        features = shape_of_values("MultiHeadDotAttention", memory_shape)[-1]
        sizes = {"query": query_shape[-1], "memory": features, "value": features}
        self.query_kernel, self.memory_kernel, self.value_kernel = (
            new_kernel(self, f"{name}_kernel", (size, self.units), self.kernel_initializer)
            for name, size in sizes.items()
        )
        self.built = True

    def keys(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and projected values of all heads, `(batch, heads, memory_time, size)`."""
        check_built("MultiHeadDotAttention", self.built)
        shape = (values.shape[-1], self.heads, self.units // self.heads)
        kernels = (ops.reshape(k, shape) for k in (self.memory_kernel, self.value_kernel))
        keys, values = (
            ops.einsum("btf,fhs->bhts", values, ops.cast(kernel, values.dtype))
            for kernel in kernels
        )
        return keys, values

    def context_size(self, values_shape: Shape) -> int:
        """Return the size of the context, `units`."""
        return self.units

    def call(
        self,
        query: Tensor,
        memory: Memory,
        states: Sequence[Tensor] = (),
        training: bool = False,
        noise: Noise | None = None,
    ) -> Look:
        """Return context and alignments of the query."""
        check_count("MultiHeadDotAttention", "states", states, 0)
        keys, values = memory.keys
        size = self.units // self.heads
        queries = product(query, self.query_kernel) * size**-0.5
        queries = ops.reshape(queries, (-1, self.heads, size, 1))
        mask = None if memory.mask is None else memory.mask[:, None, :]
        alignments = masked_softmax(ops.matmul(keys, queries)[..., 0], mask)
        contexts = ops.matmul(alignments[:, :, None, :], values)
        context = ops.reshape(contexts, (-1, self.units))
        return Look(context, ops.mean(alignments, axis=1), [])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {
            "units": self.units,
            "heads": self.heads,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}
