"""Additive attention that knows where it looked before: location-aware, and coverage."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_rnn._checks import check_positive_integer
from keras_rnn._types import Shape, State, Tensor
from keras_rnn.attention.bahdanau import BahdanauAttention
from keras_rnn.attention.base import Memory, new_kernel

__all__ = ["CoverageAttention", "LocationAwareAttention"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class LocationAwareAttention(BahdanauAttention):
    """Additive attention that sees the alignments of the step before around each step.

        f   = a' * F                                convolution over the steps of the memory
        e_j = v . tanh(q W + m_j M + f_j L)         a' the alignments before, at first zeros
        a   = softmax(e);       context = sum_j a_j m_j

    `location_filters` (F) is `(kernel_size, 1, filters)`, `location_kernel` (L)
    `(filters, units)`; the others are those of `BahdanauAttention`. What it remembers is a', or
    with `cumulative` the sum of all alignments so far.

    Args:
        units: Size of the scoring network.
        filters: Number of filters of the convolution.
        kernel_size: Steps of the memory that a filter spans, centred.
        cumulative: Whether a' is the sum of the alignments of all steps before.
        normalize: As in `BahdanauAttention`.
        probability_fn: `"softmax"` or `"hardmax"`.
        kernel_initializer: Initial values of all kernels.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.
        states: `[a']`, `(batch, memory_time)`; `initial_state(batch_size, memory)`.

    Returns:
        A `Look`, `(context, alignments, states)`: `(batch, memory_features)`,
        `(batch, memory_time)`, and `[a]` or `[a' + a]`.

    Raises:
        ValueError: If a size is not a positive integer, or `probability_fn` is unknown.

    Reference: Chorowski et al., 2015, https://arxiv.org/abs/1506.07503; cumulative: Shen et al.,
    2018, https://arxiv.org/abs/1712.05884

    >>> attention = LocationAwareAttention(8, filters=4, kernel_size=3)
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.ones((2, 5, 6)))
    >>> look = attention(ops.zeros((2, 4)), memory, attention.initial_state(2, memory))
    >>> tuple(look.context.shape), len(look.states)
    ((2, 6), 1)
    """

    state_count = 1

    def __init__(
        self,
        units: int,
        filters: int = 32,
        kernel_size: int = 31,
        cumulative: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        owner = type(self).__name__
        example = f"{owner}(64, filters=32, kernel_size=31)"
        self.filters = check_positive_integer(owner, "filters", filters, example)
        self.kernel_size = check_positive_integer(owner, "kernel_size", kernel_size, example)
        self.cumulative = cumulative

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights."""
        super().build(query_shape, memory_shape)
        shape = (self.kernel_size, 1, self.filters)
        self.location_filters = new_kernel(self, "location_filters", shape, self.kernel_initializer)
        self.location_kernel = self._kernel("location_kernel", self.filters, self.units)

    def initial_state(self, batch_size: int | Tensor, memory: Memory) -> State:
        """Return zeros: nothing has been looked at."""
        return [nothing_seen(batch_size, memory, self.compute_dtype)]

    def hidden(self, query: Tensor, memory: Memory, states: State) -> Tensor:
        """Return what the tanh is taken of, `(batch, memory_time, units)`."""
        features = tf.nn.conv1d(states[0][..., None], self.location_filters, 1, "SAME")
        return super().hidden(query, memory, states) + ops.matmul(features, self.location_kernel)

    def remember(self, alignments: Tensor, states: State) -> State:
        """Return the alignments, or with `cumulative` the sum of all so far."""
        return [states[0] + alignments if self.cumulative else alignments]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("filters", "kernel_size", "cumulative")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="keras_rnn")
class CoverageAttention(BahdanauAttention):
    """Additive attention that sees how much each step of the memory has been looked at.

        e_j = v . tanh(q W + m_j M + c_j k)         c = sum of all alignments before, at first zeros
        a   = softmax(e);       context = sum_j a_j m_j

    `coverage_kernel` (k) is `(1, units)`; the others are those of `BahdanauAttention`, whose
    arguments it takes. What it remembers is c.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.
        states: `[c]`, `(batch, memory_time)`; `initial_state(batch_size, memory)`.

    Returns:
        A `Look`, `(context, alignments, states)`: `(batch, memory_features)`,
        `(batch, memory_time)`, and `[c + a]`.

    Raises:
        ValueError: If `units` is not a positive integer, or `probability_fn` is unknown.

    Reference: See et al., 2017, https://arxiv.org/abs/1704.04368, section 2.3; the idea: Tu et al.,
    2016, https://arxiv.org/abs/1601.04811
    """

    state_count = 1

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights."""
        super().build(query_shape, memory_shape)
        self.coverage_kernel = self._kernel("coverage_kernel", 1, self.units)

    def initial_state(self, batch_size: int | Tensor, memory: Memory) -> State:
        """Return zeros: nothing has been looked at."""
        return [nothing_seen(batch_size, memory, self.compute_dtype)]

    def hidden(self, query: Tensor, memory: Memory, states: State) -> Tensor:
        """Return what the tanh is taken of, `(batch, memory_time, units)`."""
        covered = states[0][..., None] * self.coverage_kernel
        return super().hidden(query, memory, states) + covered

    def remember(self, alignments: Tensor, states: State) -> State:
        """Return the sum of all alignments so far."""
        return [states[0] + alignments]


def nothing_seen(batch_size: int | Tensor, memory: Memory, dtype: str) -> Tensor:
    """Return alignments of zeros."""
    return ops.zeros((batch_size, ops.shape(memory.values)[1]), dtype)
