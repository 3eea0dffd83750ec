"""Additive attention (Bahdanau), as it is and normalised."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_built
from keras_rnn._checks import check_choice, check_positive_integer
from keras_rnn._types import Noise, Shape, State, Tensor
from keras_rnn.attention.base import AttentionMechanism, Memory, new_kernel, shape_of_values
from keras_rnn.attention.probability import PROBABILITIES
from keras_rnn.products import product

__all__ = ["BahdanauAttention"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class BahdanauAttention(AttentionMechanism):
    """Additive attention: a small network scores each step of the memory against the query.

        e_j = v . tanh(q W + m_j M)                 for each step j of the memory
        a   = softmax(e)                            over the steps that are no padding
        context = sum_j a_j m_j

    and with `normalize`

        e_j = g v / ||v|| . tanh(q W + m_j M + b)

    `query_kernel` (W) is `(query_features, units)`, `memory_kernel` (M) `(memory_features, units)`,
    `score_kernel` (v) `(units, 1)`, `score_scale` (g) a scalar that starts at `sqrt(1 / units)`,
    `bias` (b) `(units,)`. A row whose memory is all padding gets alignments and a context of
    zeros.

    Args:
        units: Size of the scoring network.
        normalize: Whether v has a length of its own, g, and the network a bias.
        probability_fn: `"softmax"` or `"hardmax"`.
        kernel_initializer: Initial values of W, M and v.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.

    Returns:
        A `Look`, `(context, alignments, states)`: `(batch, memory_features)`,
        `(batch, memory_time)`, and an empty list.

    Raises:
        ValueError: If `units` is not a positive integer, or `probability_fn` unknown.

    Reference: Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473; normalised: Salimans and
    Kingma, 2016, https://arxiv.org/abs/1602.07868

    >>> attention = BahdanauAttention(8)
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.ones((2, 5, 6)), ops.ones((2, 5), "bool"))
    >>> context, alignments, _ = attention(ops.zeros((2, 4)), memory)
    >>> tuple(context.shape), tuple(alignments.shape)
    ((2, 6), (2, 5))
    """

    def __init__(
        self,
        units: int,
        normalize: bool = False,
        probability_fn: str = "softmax",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner, choices = type(self).__name__, list(PROBABILITIES)
        self.probability_fn = check_choice(owner, "probability_fn", probability_fn, choices)
        self.units = check_positive_integer(owner, "units", units, f"{owner}(units=64)")
        self.normalize = normalize
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights.

        Args:
            query_shape: `(batch, query_features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
        """
        values_shape = shape_of_values(type(self).__name__, memory_shape)
        self.query_kernel = self._kernel("query_kernel", query_shape[-1], self.units)
        self.memory_kernel = self._kernel("memory_kernel", values_shape[-1], self.units)
        self.score_kernel = self._kernel("score_kernel", self.units, 1)
        if self.normalize:
            scale = keras.initializers.Constant(self.units**-0.5)
            self.score_scale = self.add_weight((), name="score_scale", initializer=scale)
            self.bias = self.add_weight((self.units,), name="bias", initializer="zeros")
        self.built = True

    def keys(self, values: Tensor) -> Tensor:
        """Return `m_j M`."""
        check_built(type(self).__name__, self.built)
        return ops.matmul(values, ops.cast(self.memory_kernel, values.dtype))

    def hidden(self, query: Tensor, memory: Memory, states: State) -> Tensor:
        """Return what the tanh is taken of, `(batch, memory_time, units)`."""
        hidden = product(query, self.query_kernel)[:, None, :] + memory.keys
        return hidden + self.bias if self.normalize else hidden

    def score(self, query: Tensor, memory: Memory, states: State) -> Tensor:
        """Return the score of each step of the memory, `(batch, memory_time)`."""
        kernel = ops.convert_to_tensor(self.score_kernel)
        if self.normalize:
            kernel = kernel * (self.score_scale * ops.rsqrt(ops.sum(ops.square(kernel))))
        hidden = ops.tanh(self.hidden(query, memory, states))
        # A product of matrices: for a tensor of three axes there are a dozen operations more.
        scores = ops.matmul(ops.reshape(hidden, (-1, self.units)), kernel)
        return ops.reshape(scores, ops.shape(hidden)[:2])

    def align(
        self, scores: Tensor, memory: Memory, states: State, training: bool, noise: Noise | None
    ) -> Tensor:
        """Return the alignments that belong to the scores."""
        return PROBABILITIES[self.probability_fn](scores, memory.mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {
            "units": self.units,
            "normalize": self.normalize,
            "probability_fn": self.probability_fn,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}

    def _kernel(self, name: str, rows: int, columns: int) -> Any:
        return new_kernel(self, name, (rows, columns), self.kernel_initializer)
