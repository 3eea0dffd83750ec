"""The contract of an attention mechanism, and the memory that it looks at."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn._checks import check_count, check_mask, check_rank
from keras_rnn._types import Noise, Shape, State, Tensor
from keras_rnn.attention.probability import masked_softmax

__all__ = [
    "AttentionMechanism",
    "Look",
    "Memory",
    "first_looks",
    "look",
    "new_kernel",
    "prepared",
    "shape_of_values",
]


class Memory(NamedTuple):
    """What an attention mechanism looks at; made once a call, the same at every step.

    Attributes:
        values: `(batch, memory_time, features)`, what is averaged.
        keys: What a query is compared with, mostly `(batch, memory_time, units)`; the mechanism
            alone knows.
        mask: Boolean `(batch, memory_time)`, false where the memory is padding, or `None`.
    """

    values: Tensor
    keys: Any
    mask: Tensor | None


class Look(NamedTuple):
    """What an attention mechanism saw at one step.

    Attributes:
        context: The average of the memory, `(batch, context_size)`.
        alignments: The weights of that average, `(batch, memory_time)`.
        states: What the mechanism remembers for its next step, a list, mostly empty.
    """

    context: Tensor
    alignments: Tensor
    states: State


class AttentionMechanism(keras.layers.Layer):
    """Looks at a memory once: scores each of its steps against a query, and averages them.

        e_j = score(q, m_j)                 for each step j of the memory
        a = softmax(e)                      over the steps that are no padding
        context = sum_j a_j m_j

    Nothing about one call lives on the layer: the memory is an argument, and what a mechanism
    remembers from one step to the next, such as where it looked, comes and goes as `states`. So a
    model with attention can be saved, exported, and run on many memories at once.

    A mechanism of one's own writes `build`, `keys` and `score`; one that remembers also
    `state_count`, `initial_state` and `remember`; one whose alignments are no softmax `align`.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned, of as many rows; for a beam repeat each.
        states: What `initial_state` or the look before returned; to be left out where
            `state_count` is zero.
        training: Whether this is a training step.
        noise: What `draw_noise` returned.

    Returns:
        A `Look`: `(context, alignments, states)`.
    """

    state_count = 0
    """How many states the mechanism has, each `(batch, memory_time)`."""

    def __call__(self, query: Tensor, memory: Memory, *args: Any, **kwargs: Any) -> Look:
        """Look, at a memory that has been prepared."""
        check_memory(type(self).__name__, memory)
        check_rows(type(self).__name__, query, memory)
        return super().__call__(query, memory, *args, **kwargs)

    def memory(self, values: Tensor, mask: Tensor | None = None) -> Memory:
        """Prepare the memory: compute what depends on it alone, once for all queries.

        Args:
            values: `(batch, memory_time, memory_features)`.
            mask: Boolean `(batch, memory_time)`, false where the memory is padding; by default the
                mask that the values carry, if any.

        Raises:
            ValueError: If that takes weights, and the mechanism has not been built; if values or
                mask are of another shape, or the values those of a functional model.
        """
        mask = mask_of_values(type(self).__name__, values, mask)
        return Memory(values, self.keys(values), mask)

    def keys(self, values: Tensor) -> Any:
        """Return what queries are compared with; by default the values themselves."""
        return values

    def context_size(self, values_shape: Shape) -> int:
        """Return the size of the context, for values of a shape; by default that of the values."""
        return values_shape[-1]

    def initial_state(self, batch_size: int | Tensor, memory: Memory) -> State:
        """Return the states before the first step."""
        return []

    def draw_noise(self, batch_size: int | Tensor, length: int | Tensor | None) -> Noise | None:
        """Draw what is random in one call in training: as a cell's `draw_noise`."""
        return None

    def score(self, query: Tensor, memory: Memory, states: State) -> Tensor:
        """Return the score of each step of the memory, `(batch, memory_time)`."""
        raise NotImplementedError(
            f"`{type(self).__name__}` needs a method `score(query, memory, states)`. Write it."
        )

    def align(
        self, scores: Tensor, memory: Memory, states: State, training: bool, noise: Noise | None
    ) -> Tensor:
        """Return the alignments that belong to the scores."""
        return masked_softmax(scores, memory.mask)

    def remember(self, alignments: Tensor, states: State) -> State:
        """Return the states after the step that looked so."""
        return []

    def call(
        self,
        query: Tensor,
        memory: Memory,
        states: Sequence[Tensor] = (),
        training: bool = False,
        noise: Noise | None = None,
    ) -> Look:
        """Return context, alignments and next states of the query."""
        check_count(type(self).__name__, "states", states, self.state_count)
        scores = self.score(query, memory, states)
        alignments = self.align(scores, memory, states, training, noise)
        context = ops.matmul(alignments[:, None, :], memory.values)[:, 0, :]
        return Look(context, alignments, self.remember(alignments, states))


def look(
    attention: Any,
    query: Tensor,
    memory: Memory,
    states: State,
    training: bool = False,
    noise: Noise | None = None,
) -> Look:
    """Return what a mechanism sees, in the type of the query, which may not be the mechanism's."""
    seen = attention(query, memory, states, training=training, noise=noise)
    states = [ops.cast(state, query.dtype) for state in seen.states]
    context, alignments = (ops.cast(tensor, query.dtype) for tensor in seen[:2])
    return Look(context, alignments, states)


def first_looks(
    attention: Any, batch_size: int | Tensor | None, memory: Memory | None, dtype: Any
) -> State:
    """Return alignments of zeros and the first states of a mechanism, as states of a cell.

    Args:
        attention: The mechanism.
        batch_size: Number of sequences.
        memory: What it will look at; without one, all have a length of 0.
        dtype: Their type.
    """
    if memory is None:
        return [ops.zeros((batch_size, 0), dtype) for _ in range(1 + attention.state_count)]
    check_memory(type(attention).__name__, memory)
    alignments = ops.zeros((batch_size, ops.shape(memory.values)[1]), dtype)
    states = attention.initial_state(batch_size, memory)
    return [alignments, *(ops.cast(state, dtype) for state in states)]


def prepared(owner: str, attention: Any, constants: dict[str, Any]) -> dict[str, Any]:
    """Return the constants of a cell with attention, the memory prepared if it is values alone.

    Args:
        owner: The cell, for the error.
        attention: The mechanism.
        constants: By name; `memory` is a `Memory`, or its values.

    Raises:
        ValueError: If there is no `memory`.
    """
    memory = constants.get("memory")
    if memory is None:
        raise ValueError(
            f"`{owner}` needs a constant `memory`, what it looks at. Received: "
            f"{sorted(constants) or 'none'}. Call its layer with "
            '`constants={"memory": values}`.'
        )
    is_ready = isinstance(memory, Memory)
    return {**constants, "memory": memory if is_ready else attention.memory(memory)}


def mask_of_values(owner: str, values: Tensor, mask: Tensor | None) -> Tensor | None:
    """Return the mask of a memory, checked: that given, or that the values carry."""
    if isinstance(values, keras.KerasTensor):
        raise ValueError(
            f"`{owner}` needs to prepare a memory in the call of a layer, or its weights would not "
            "be those of the model. Received: a KerasTensor. Call the layer around the cell with "
            '`constants={"memory": values}`, and it does so.'
        )
    check_rank(owner, "values", values, 3, "(batch, memory_time, features)")
    mask = getattr(values, "_keras_mask", None) if mask is None else mask
    if mask is None:
        return None
    check_mask(owner, mask, values)
    return ops.cast(mask, "bool")


def check_memory(owner: str, memory: Any) -> None:
    """Raise `ValueError` unless the memory has been prepared."""
    if not isinstance(memory, Memory):
        raise ValueError(
            f"`{owner}` needs a `Memory`. Received: {type(memory).__name__}. Make one by "
            "`attention.memory(values, mask)`."
        )


def check_rows(owner: str, query: Tensor, memory: Memory) -> None:
    """Raise `ValueError` if memory and query are known to be of different rows.

    Either may have a single one, which is the same for all of the other.
    """
    ours, theirs = query.shape[0], memory.values.shape[0]
    if ours not in {None, 1} and theirs not in {None, 1, ours}:
        raise ValueError(
            f"`{owner}` needs a memory of as many rows as it has queries. Received: values of "
            f"shape {tuple(memory.values.shape)}, queries of shape {tuple(query.shape)}. Give each "
            "sequence its own; for a beam, repeat each row of the memory as often as the beam is "
            "wide."
        )


def new_kernel(layer: Any, name: str, shape: Shape, initializer: Any) -> Any:
    """Add a kernel to a layer, whose initial values are its own.

    One initializer without a seed gives all kernels of a shape the same values; a copy does not.
    """
    own = initializer.clone() if hasattr(initializer, "clone") else initializer
    return layer.add_weight(shape, name=name, initializer=own)


def shape_of_values(owner: str, memory_shape: Any) -> Shape:
    """Return the shape of the values of a memory, or raise `ValueError` if there is none.

    Args:
        owner: Who needs it.
        memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
    """
    if memory_shape is None:
        raise ValueError(
            f"`{owner}` needs the shape of its memory to be built. Received: none. "
            'Call its layer with `constants={"memory": values}`; if it stands in another cell, '
            "first `cell.build(inputs_shape, memory_shape)`."
        )
    return memory_shape[0] if isinstance(memory_shape[0], list | tuple) else memory_shape
