"""Multiplicative attention (Luong): dot, general and scaled."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_built, check_same_features
from keras_rnn._checks import check_choice, check_positive_integer
from keras_rnn._types import Noise, Shape, State, Tensor
from keras_rnn.attention.base import AttentionMechanism, Memory, shape_of_values
from keras_rnn.attention.probability import PROBABILITIES

__all__ = ["LuongAttention"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class LuongAttention(AttentionMechanism):
    """Multiplicative attention: the score is the query's product with a projected memory.

        general:    e_j = q . (m_j M)               with `units`, the size of the query
        dot:        e_j = q . m_j                   with `units=None`; q and m_j of one size
        scaled:     e_j = g (q . ...)               either of them with `scale=True`
        a = softmax(e);     context = sum_j a_j m_j

    `memory_kernel` (M) is `(memory_features, units)`, `score_scale` (g) a scalar that starts at
    one. A row whose memory is all padding gets alignments and a context of zeros.

    Args:
        units: Size of the query, or `None` for a product with the memory as it is.
        scale: Whether the score is scaled by a weight.
        probability_fn: `"softmax"` or `"hardmax"`.
        kernel_initializer: Initial values of M.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.

    Returns:
        A `Look`, `(context, alignments, states)`: `(batch, memory_features)`,
        `(batch, memory_time)`, and an empty list.

    Raises:
        ValueError: If `units` is not a positive integer or `None`, `probability_fn` is unknown, or
            query and keys are of different sizes.

    Reference: Luong et al., 2015, https://arxiv.org/abs/1508.04025

    >>> attention = LuongAttention(4)
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.ones((2, 5, 6)))
    >>> round(float(attention(ops.zeros((2, 4)), memory).alignments[0, 0]), 3)
    0.2
    """

    def __init__(
        self,
        units: int | None = None,
        scale: bool = False,
        probability_fn: str = "softmax",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner, choices = type(self).__name__, list(PROBABILITIES)
        self.probability_fn = check_choice(owner, "probability_fn", probability_fn, choices)
        self.units = units
        if units is not None:
            self.units = check_positive_integer(owner, "units", units, f"{owner}(units=64)")
        self.scale = scale
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights.

        Args:
            query_shape: `(batch, query_features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
        """
        owner = type(self).__name__
        features = shape_of_values(owner, memory_shape)[-1]
        check_same_features(owner, query_shape[-1], self.units or features, self.units is not None)
        if self.units is not None:
            self.memory_kernel = self.add_weight(
                (features, self.units), name="memory_kernel", initializer=self.kernel_initializer
            )
        if self.scale:
            self.score_scale = self.add_weight((), name="score_scale", initializer="ones")
        self.built = True

    def keys(self, values: Tensor) -> Tensor:
        """Return `m_j M`, or the values themselves."""
        if self.units is None:
            return values
        check_built(type(self).__name__, self.built)
        return ops.matmul(values, ops.cast(self.memory_kernel, values.dtype))

    def score(self, query: Tensor, memory: Memory, states: State) -> Tensor:
        """Return the score of each step of the memory, `(batch, memory_time)`."""
        scores = ops.matmul(memory.keys, query[..., None])[..., 0]
        return scores * self.score_scale if self.scale else scores

    def align(
        self, scores: Tensor, memory: Memory, states: State, training: bool, noise: Noise | None
    ) -> Tensor:
        """Return the alignments that belong to the scores."""
        return PROBABILITIES[self.probability_fn](scores, memory.mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {
            "units": self.units,
            "scale": self.scale,
            "probability_fn": self.probability_fn,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}
