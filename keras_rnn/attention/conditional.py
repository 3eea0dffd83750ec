"""`ConditionalGRUCell`: two transitions in a step, with attention between them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_equal_states, check_mechanism
from keras_rnn._checks import check_cell, check_equal_settings
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.attention.base import Memory, first_looks, look, prepared, shape_of_values
from keras_rnn.cells import contract
from keras_rnn.cells.base import RecurrentCell

__all__ = ["ConditionalGRUCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class ConditionalGRUCell(RecurrentCell):
    """The conditional GRU: what it sees of a memory goes through a transition of its own.

        s'_t = first_cell(x_t, s_{t-1})
        c_t, alignments_t = attention(s'_t, memory)
        s_t = second_cell(c_t, s'_t)

    The output is `s_t`; the paper's readout reads `c_t` beside it and has it by `output_context`.
    In the paper both cells are a `GRUCell` that resets after the product, as it does by default.
    They can be others with states of equal sizes, such as two LSTMs; a `DeepTransitionCell` as the
    second one makes the transition deeper (Miceli Barone et al., 2017,
    https://arxiv.org/abs/1707.07631).

    The memory is an argument of each call and never on the layer, as in `AttentionCell`.

    Args:
        first_cell: The cell that reads the input.
        attention: The mechanism, for example `BahdanauAttention(256)`; asked with the first cell's
            output.
        second_cell: The cell that reads the context, and goes on from the first one's states.
        output_context: Whether the output is `[s_t; c_t]`.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[states of the cells, alignments]`, then those of the mechanism if it has any;
            `get_initial_state(batch_size, memory)`.
        training: Whether this is a training step.
        memory: As for `AttentionCell`.

    Returns:
        `(s, states)`: `s` being `(batch, size of the second cell's output)`, and the next states,
        of which the alignments are `(batch, memory_time)`.

    Raises:
        ValueError: If one of the cells is no cell, or their states are of other sizes.

    Reference: Sennrich et al., 2017, https://arxiv.org/abs/1703.04357

    >>> from keras_rnn import RNN, BahdanauAttention, ConditionalGRUCell, GRUCell
    >>> cell = ConditionalGRUCell(GRUCell(4), BahdanauAttention(8), GRUCell(4))
    >>> layer = RNN(cell, return_sequences=True)
    >>> tuple(layer(ops.ones((2, 9, 3)), constants={"memory": ops.ones((2, 7, 5))}).shape)
    (2, 9, 4)
    """

    def __init__(
        self,
        first_cell: Any,
        attention: Any,
        second_cell: Any,
        output_context: bool = False,
        **kwargs: Any,
    ) -> None:
        owner = "ConditionalGRUCell"
        check_cell(owner, first_cell), check_cell(owner, second_cell)
        check_equal_states(owner, [first_cell, second_cell])
        kwargs.setdefault("dtype", getattr(first_cell, "dtype_policy", None))
        super().__init__(**kwargs)
        for cell in (first_cell, second_cell):
            inner = getattr(cell, "compute_dtype", self.compute_dtype)
            check_equal_settings(owner, "compute_dtype", self.compute_dtype, inner)
        self.first_cell = first_cell
        self.second_cell = second_cell
        self.attention = check_mechanism(owner, attention)
        self.output_context = output_context
        self._context_size = 0

    def cells_of_states(self) -> Sequence[Any]:
        """Return the first cell, from whose states the second goes on."""
        return [self.first_cell]

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states; `None` for those of the memory's length."""
        return [self.first_cell.state_size, None, *[None] * self.attention.state_count]

    @property
    def output_size(self) -> int:
        """The size of the output; with `output_context`, that of a built cell."""
        size = contract.output_size(self.second_cell)
        return size + self._context_size if self.output_context else size

    def build(self, inputs_shape: Shape, memory_shape: Any = None) -> None:
        """Build both cells and the mechanism.

        Args:
            inputs_shape: `(batch, features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`;
                needed.
        """
        values_shape = shape_of_values("ConditionalGRUCell", memory_shape)
        batch_size, self._context_size = inputs_shape[0], self.attention.context_size(values_shape)
        contract.build_cell(self.first_cell, inputs_shape)
        contract.build_cell(self.second_cell, (batch_size, self._context_size))
        if not self.attention.built:
            size = contract.output_size(self.first_cell)
            self.attention.build((batch_size, size), values_shape)
        self.built = True

    def prepare(self, **constants: Any) -> dict[str, Any]:
        """Return the constants with a `Memory`, prepared if it is values alone."""
        return prepared(type(self).__name__, self.attention, constants)

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> list[Noise] | None:
        """Draw the noise of both cells and of the mechanism; `None` if none has any."""
        pairs = ((self.first_cell, features), (self.second_cell, self._context_size))
        noises = [contract.draw_noise(cell, batch_size, size, True, length) for cell, size in pairs]
        noises.append(self.attention.draw_noise(batch_size, length))
        return noises if any(noise is not None for noise in noises) else None

    def project(self, inputs: Tensor, noise: list[Noise] | None = None) -> Tensor:
        """Return what the `project` of the first cell returns."""
        return contract.project(self.first_cell, inputs, noise and noise[0])

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: list[Noise] | None = None,
        *,
        memory: Memory,
    ) -> Step:
        """Step the first cell, look at the memory, and step the second cell."""
        between, _, *remembered = states
        of_first, of_second, of_mechanism = noise or [None, None, None]
        query, between = contract.step(self.first_cell, projected, between, training, of_first)
        seen = look(self.attention, query, memory, remembered, training, of_mechanism)
        inputs = contract.project(self.second_cell, seen.context, of_second)
        output, after = contract.step(self.second_cell, inputs, between, training, of_second)
        if self.output_context:
            output = ops.concatenate([output, seen.context], axis=-1)
        return output, [after, seen.alignments, *seen.states]

    def call(
        self, inputs: Tensor, states: State, training: bool = False, *, memory: Memory
    ) -> Step:
        """Run one step on its own."""
        return super().call(inputs, states, training, memory=memory)

    def get_initial_state(
        self, batch_size: int | Tensor | None = None, memory: Memory | None = None
    ) -> State:
        """Return the states before the first step: zeros, but for those of the mechanism.

        Args:
            batch_size: Number of sequences.
            memory: What the steps will look at; without one, states have its length as 0.
        """
        of_mechanism = first_looks(self.attention, batch_size, memory, self.compute_dtype)
        return [contract.initial_state(self.first_cell, batch_size), *of_mechanism]

    def alignments(self, states: State) -> Tensor:
        """Return the alignments, `(batch, memory_time)`, of the states after a step."""
        return states[1]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("first_cell", "attention", "second_cell")
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in names}
        return {**super().get_config(), **parts, "output_context": self.output_context}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> "ConditionalGRUCell":
        """Build the cell from what `get_config` returned."""
        config = dict(config)
        for name in ("first_cell", "attention", "second_cell"):
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**config)
