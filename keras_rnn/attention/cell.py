"""`AttentionCell`: attention as a cell around a cell."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_mechanism
from keras_rnn._checks import check_activation, check_cell, check_positive_integer
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.attention.base import Memory, first_looks, look, prepared, shape_of_values
from keras_rnn.cells import contract
from keras_rnn.cells.base import RecurrentCell

__all__ = ["AttentionCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class AttentionCell(RecurrentCell):
    """A cell that looks at a memory after each step, and says what it saw.

        s_t, h_t = cell([x_t; a_{t-1}], s_{t-1})       with input feeding, else cell(x_t, s_{t-1})
        c_t, alignments_t = attention(h_t, memory)
        a_t = activation([h_t; c_t] A)                 without units a_t = c_t

    The output is `a_t`, or with `output_attention=False` the cell's, `h_t`. `attention_kernel` (A)
    is `(cell outputs + context size, units)`.

    The memory is an argument of each call and never on the layer, so a model with this cell can be
    saved, exported, and run on many memories at once. The alignments are a state, which is how a
    caller reads them: `alignments(states)`.

    Args:
        cell: The cell to wrap, or a stack of cells.
        attention: The mechanism, for example `BahdanauAttention(256)`.
        units: Size of `a_t`, or `None` for the context as it is.
        input_feeding: Whether the cell reads `a_{t-1}` beside its input (Luong et al., 2015,
            section 3.3).
        activation: What `a_t` is made by; `None` for the linear one of `tfa`.
        output_attention: Whether the output is `a_t`, else `h_t`.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[states of the cell, a, alignments]`, then those of the mechanism if it has any;
            `get_initial_state(batch_size, memory)`.
        training: Whether this is a training step.
        memory: A `Memory`, made by `attention.memory(values, mask)`. A layer around the cell takes
            the values too, and prepares them, with the mask that they carry.

    Returns:
        `(output, states)`: `(batch, output_size)`, and the next states, of which a is
        `(batch, units)` and the alignments `(batch, memory_time)`.

    Raises:
        ValueError: If `cell` is no cell, `attention` is no mechanism, or `units` is no positive
            integer.

    Reference: Luong et al., 2015, https://arxiv.org/abs/1508.04025 (the placing of the attention);
    the mechanism has its own.

    >>> from keras_rnn import RNN, AttentionCell, BahdanauAttention, GRUCell
    >>> cell = AttentionCell(GRUCell(4), BahdanauAttention(8), units=6)
    >>> layer, values = RNN(cell, return_sequences=True), ops.ones((2, 7, 5))
    >>> tuple(layer(ops.ones((2, 9, 3)), constants={"memory": values}).shape)
    (2, 9, 6)
    >>> memory = cell.attention.memory(values)
    >>> output, states = cell(ops.ones((2, 3)), cell.get_initial_state(2, memory), memory=memory)
    >>> tuple(cell.alignments(states).shape)
    (2, 7)
    """

    def __init__(
        self,
        cell: Any,
        attention: Any,
        units: int | None = None,
        input_feeding: bool = True,
        activation: Any = "tanh",
        output_attention: bool = True,
        **kwargs: Any,
    ) -> None:
        owner = "AttentionCell"
        check_cell(owner, cell)
        kwargs.setdefault("dtype", getattr(cell, "dtype_policy", None))
        super().__init__(**kwargs)
        self.cell = cell
        self.attention = check_mechanism(owner, attention)
        self.units = units
        if units is not None:
            example = f"{owner}(cell, attention, units=64)"
            self.units = check_positive_integer(owner, "units", units, example)
        self.input_feeding = input_feeding
        self.activation = check_activation(owner, "activation", activation)
        self.output_attention = output_attention
        self._context_size: int | None = None

    @property
    def attended_size(self) -> int | None:
        """The size of `a_t`; without `units`, that of the context, known when built."""
        return self.units or self._context_size

    @property
    def output_size(self) -> int | None:
        """The size of the output."""
        return self.attended_size if self.output_attention else contract.output_size(self.cell)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states; `None` for those of the memory's length."""
        of_mechanism = [None] * self.attention.state_count
        return [self.cell.state_size, self.attended_size, None, *of_mechanism]

    def build(self, inputs_shape: Shape, memory_shape: Any = None) -> None:
        """Build the cell, the mechanism and A.

        Args:
            inputs_shape: `(batch, features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`;
                needed.
        """
        values_shape = shape_of_values("AttentionCell", memory_shape)
        self._context_size = self.attention.context_size(values_shape)
        contract.build_cell(self.cell, (inputs_shape[0], self._features(inputs_shape[-1])))
        size = contract.output_size(self.cell)
        if not self.attention.built:
            self.attention.build((inputs_shape[0], size), values_shape)
        if self.units is not None:
            shape = (size + self._context_size, self.units)
            self.attention_kernel = self.add_weight(shape, name="attention_kernel")
        self.built = True

    def prepare(self, **constants: Any) -> dict[str, Any]:
        """Return the constants with a `Memory`, prepared if it is values alone."""
        return prepared(type(self).__name__, self.attention, constants)

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> list[Noise] | None:
        """Draw the noise of the wrapped cell and of the mechanism; `None` if neither has any."""
        features = self._features(features)
        noises = [
            contract.draw_noise(self.cell, batch_size, features, True, length),
            self.attention.draw_noise(batch_size, length),
        ]
        return noises if any(noise is not None for noise in noises) else None

    def project(self, inputs: Tensor, noise: list[Noise] | None = None) -> Tensor:
        """Return what depends on the input alone: with input feeding, only the input itself."""
        if self.input_feeding:
            return inputs
        return contract.project(self.cell, inputs, noise and noise[0])

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: list[Noise] | None = None,
        *,
        memory: Memory,
    ) -> Step:
        """Step the cell, look at the memory, and return the output and the next states."""
        cell_states, attended, _, *remembered = states
        of_cell, of_mechanism = noise or [None, None]
        if self.input_feeding:
            inputs = ops.concatenate([projected, attended], axis=-1)
            projected = contract.project(self.cell, inputs, of_cell)
        output, cell_states = contract.step(self.cell, projected, cell_states, training, of_cell)
        seen = look(self.attention, output, memory, remembered, training, of_mechanism)
        attended = self._attend(output, seen.context)
        states = [cell_states, attended, seen.alignments, *seen.states]
        return attended if self.output_attention else output, states

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
        size = self.attended_size
        if size is None:
            size = 0 if memory is None else self.attention.context_size(memory.values.shape)
        attended = ops.zeros((batch_size, size), self.compute_dtype)
        return [contract.initial_state(self.cell, batch_size), attended, *of_mechanism]

    def alignments(self, states: State) -> Tensor:
        """Return the alignments, `(batch, memory_time)`, of the states after a step."""
        return states[2]

    def _features(self, features: int) -> int:
        return features + (self.attended_size if self.input_feeding else 0)

    def _attend(self, output: Tensor, context: Tensor) -> Tensor:
        if self.units is None:
            return context
        both = ops.concatenate([output, context], axis=-1)
        return self.activation(self.recur(both, self.attention_kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "attention": keras.saving.serialize_keras_object(self.attention),
            "units": self.units,
            "input_feeding": self.input_feeding,
            "activation": keras.activations.serialize(self.activation),
            "output_attention": self.output_attention,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "AttentionCell":
        """Build the cell from what `get_config` returned."""
        config = dict(config)
        for name in ("cell", "attention"):
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**config)
