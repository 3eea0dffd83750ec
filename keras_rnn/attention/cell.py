"""`AttentionCell`: attention as a cell around a cell."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_mechanism
from keras_rnn._checks import check_cell, check_positive_integer
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.attention.additive import Memory, look, shape_of_values
from keras_rnn.cells import contract
from keras_rnn.cells.base import RecurrentCell

__all__ = ["AttentionCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class AttentionCell(RecurrentCell):
    """A cell that looks at a memory after each step, and says what it saw.

        s_t, h_t = cell([x_t; a_{t-1}], s_{t-1})       with input feeding, else cell(x_t, s_{t-1})
        c_t, alignments_t = attention(h_t, memory)
        a_t = tanh([h_t; c_t] A)

    The output is `a_t`. `attention_kernel` (A) is `(cell outputs + memory features, units)`.

    The memory is an argument of each call and never on the layer, so a model with this cell can be
    saved, exported, and run on many memories at once. The alignments are the last state, which is
    how a caller reads them.

    Args:
        cell: The cell to wrap, or a stack of cells.
        attention: The mechanism, for example `AdditiveAttention(256)`.
        units: Size of the output `a_t`.
        input_feeding: Whether the cell reads `a_{t-1}` beside its input (Luong et al., 2015,
            section 3.3).

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[states of the cell, a, alignments]`; `get_initial_state(batch_size, memory)`.
        training: Whether this is a training step.
        memory: A `Memory`, made by `attention.memory(values, mask)`.

    Returns:
        `(a, [states, a, alignments])`, `a` being `(batch, units)` and the alignments
        `(batch, memory_time)`.

    Raises:
        ValueError: If `cell` is no cell, `attention` is no mechanism, or `units` is no positive
            integer.

    Reference: Luong et al., 2015, https://arxiv.org/abs/1508.04025 (the placing of the attention);
    the mechanism has its own.

    >>> from keras_rnn import RNN, AdditiveAttention, AttentionCell, GRUCell
    >>> cell = AttentionCell(GRUCell(4), AdditiveAttention(8), units=6)
    >>> cell.build((None, 3), memory_shape=(None, None, 5))
    >>> memory = cell.attention.memory(ops.ones((2, 7, 5)))
    >>> states = cell.get_initial_state(2, memory)
    >>> layer = RNN(cell, return_sequences=True)
    >>> sequences = layer(ops.ones((2, 9, 3)), initial_state=states, constants={"memory": memory})
    >>> tuple(sequences.shape)
    (2, 9, 6)
    """

    def __init__(
        self, cell: Any, attention: Any, units: int, input_feeding: bool = True, **kwargs: Any
    ) -> None:
        check_cell("AttentionCell", cell)
        kwargs.setdefault("dtype", getattr(cell, "dtype_policy", None))
        super().__init__(**kwargs)
        example = "AttentionCell(cell, attention, units=64)"
        self.cell = cell
        self.attention = check_mechanism("AttentionCell", attention)
        self.units = check_positive_integer("AttentionCell", "units", units, example)
        self.input_feeding = input_feeding
        self.output_size = self.units

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states; that of the alignments is the memory's length, `None`."""
        return [self.cell.state_size, self.units, None]

    def build(self, inputs_shape: Shape, memory_shape: Any = None) -> None:
        """Build the cell, the mechanism and A.

        Args:
            inputs_shape: `(batch, features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`;
                needed.
        """
        values_shape = shape_of_values("AttentionCell", memory_shape)
        features = inputs_shape[-1] + (self.units if self.input_feeding else 0)
        contract.build_cell(self.cell, (inputs_shape[0], features))
        size = contract.output_size(self.cell)
        if not self.attention.built:
            self.attention.build((inputs_shape[0], size), values_shape)
        self.attention_kernel = self.add_weight(
            (size + values_shape[-1], self.units), name="attention_kernel"
        )
        self.built = True

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> Noise | None:
        """Draw the noise of the wrapped cell."""
        features += self.units if self.input_feeding else 0
        return contract.draw_noise(self.cell, batch_size, features, True, length)

    def project(self, inputs: Tensor, noise: Noise | None = None) -> Tensor:
        """Return what depends on the input alone: with input feeding, only the input itself."""
        return inputs if self.input_feeding else contract.project(self.cell, inputs, noise)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: Noise | None = None,
        *,
        memory: Memory,
    ) -> Step:
        """Step the cell, look at the memory, and return `a_t` and the next states."""
        cell_states, attended, _ = states
        if self.input_feeding:
            inputs = ops.concatenate([projected, attended], axis=-1)
            projected = contract.project(self.cell, inputs, noise)
        output, cell_states = contract.step(self.cell, projected, cell_states, training, noise)
        context, alignments = look(self.attention, output, memory)
        seen = ops.concatenate([output, context], axis=-1)
        attended = ops.tanh(self.recur(seen, self.attention_kernel))
        return attended, [cell_states, attended, alignments]

    def call(
        self, inputs: Tensor, states: State, training: bool = False, *, memory: Memory
    ) -> Step:
        """Run one step on its own."""
        return super().call(inputs, states, training, memory=memory)

    def get_initial_state(
        self, batch_size: int | Tensor | None = None, memory: Memory | None = None
    ) -> State:
        """Return states of zeros; the alignments have the memory's length, 0 without a memory."""
        length = 0 if memory is None else ops.shape(memory.values)[1]
        attended = ops.zeros((batch_size, self.units), self.compute_dtype)
        alignments = ops.zeros((batch_size, length), self.compute_dtype)
        return [contract.initial_state(self.cell, batch_size), attended, alignments]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "attention": keras.saving.serialize_keras_object(self.attention),
            "units": self.units,
            "input_feeding": self.input_feeding,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "AttentionCell":
        """Build the cell from what `get_config` returned."""
        config = dict(config)
        for name in ("cell", "attention"):
            config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**config)
