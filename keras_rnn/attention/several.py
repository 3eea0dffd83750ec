"""Several attention mechanisms at once."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_mechanisms
from keras_rnn._checks import check_count
from keras_rnn._types import Noise, Shape, State, Tensor
from keras_rnn.attention.base import AttentionMechanism, Look, Memory, look, shape_of_values

__all__ = ["SeveralAttentions"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class SeveralAttentions(AttentionMechanism):
    """Several mechanisms that look at one memory with one query, each in its own way.

        context = [context_1; context_2; ...]
        a = mean(a_1, a_2, ...)

    Args:
        mechanisms: The mechanisms, at least one.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.
        states: Those of all mechanisms, one after the other.

    Returns:
        A `Look`, `(context, alignments, states)`: the contexts side by side, the mean of the
        alignments `(batch, memory_time)`, and the states of all mechanisms.

    Raises:
        ValueError: If one of `mechanisms` is no mechanism, or there is none.

    >>> from keras_rnn import BahdanauAttention, CoverageAttention
    >>> attention = SeveralAttentions([BahdanauAttention(8), CoverageAttention(8)])
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.ones((2, 5, 6)))
    >>> look = attention(ops.zeros((2, 4)), memory, attention.initial_state(2, memory))
    >>> tuple(look.context.shape), len(look.states)
    ((2, 12), 1)
    """

    def __init__(self, mechanisms: Sequence[Any], **kwargs: Any) -> None:
        mechanisms = check_mechanisms("SeveralAttentions", mechanisms)
        kwargs.setdefault("dtype", getattr(mechanisms[0], "dtype_policy", None))
        super().__init__(**kwargs)
        self.mechanisms = mechanisms

    @property
    def state_count(self) -> int:
        """How many states all mechanisms have together."""
        return sum(mechanism.state_count for mechanism in self.mechanisms)

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Build the mechanisms.

        Args:
            query_shape: `(batch, query_features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`.
        """
        shape = shape_of_values("SeveralAttentions", memory_shape)
        for mechanism in self.mechanisms:
            if not mechanism.built:
                mechanism.build(query_shape, shape)
        self.built = True

    def memory(self, values: Tensor, mask: Tensor | None = None) -> Memory:
        """Prepare the memory of each mechanism; they are the keys of the one returned."""
        memories = [mechanism.memory(values, mask) for mechanism in self.mechanisms]
        return Memory(values, memories, memories[0].mask)

    def context_size(self, values_shape: Shape) -> int:
        """Return the size of all contexts together."""
        return sum(mechanism.context_size(values_shape) for mechanism in self.mechanisms)

    def initial_state(self, batch_size: int | Tensor, memory: Memory) -> State:
        """Return the states before the first step, those of all mechanisms in a row."""
        pairs = zip(self.mechanisms, memory.keys, strict=True)
        return [state for one, own in pairs for state in one.initial_state(batch_size, own)]

    def draw_noise(
        self, batch_size: int | Tensor, length: int | Tensor | None
    ) -> list[Noise] | None:
        """Draw the noise of each mechanism, a list; `None` if none has any."""
        noises = [mechanism.draw_noise(batch_size, length) for mechanism in self.mechanisms]
        return noises if any(noise is not None for noise in noises) else None

    def call(
        self,
        query: Tensor,
        memory: Memory,
        states: Sequence[Tensor] = (),
        training: bool = False,
        noise: list[Noise] | None = None,
    ) -> Look:
        """Return the contexts side by side, the mean alignments, and all next states."""
        check_count("SeveralAttentions", "states", states, self.state_count)
        left, looks = list(states), []
        noises = noise or [None] * len(self.mechanisms)
        for mechanism, own, drawn in zip(self.mechanisms, memory.keys, noises, strict=True):
            mine, left = left[: mechanism.state_count], left[mechanism.state_count :]
            looks.append(look(mechanism, query, own, mine, training, drawn))
        context = ops.concatenate([one.context for one in looks], axis=-1)
        alignments = sum(one.alignments for one in looks) / len(looks)
        return Look(context, alignments, [state for one in looks for state in one.states])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        listed = [keras.saving.serialize_keras_object(one) for one in self.mechanisms]
        return {**super().get_config(), "mechanisms": listed}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "SeveralAttentions":
        """Build the mechanisms from what `get_config` returned."""
        make = keras.saving.deserialize_keras_object
        listed = [make(one, custom_objects) for one in config["mechanisms"]]
        return cls(**{**config, "mechanisms": listed})
