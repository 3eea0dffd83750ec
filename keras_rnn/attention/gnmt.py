"""`GNMTCell`: attention in the bottom cell of a stack, which feeds all cells above."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_cells, check_equal_outputs, check_mechanism
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.attention.base import Memory, prepared, shape_of_values
from keras_rnn.attention.cell import AttentionCell
from keras_rnn.cells import contract
from keras_rnn.cells.base import RecurrentCell

__all__ = ["GNMTCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class GNMTCell(RecurrentCell):
    """A stack of cells whose bottom one looks at a memory; what it saw feeds all others.

        s^1_t, h^1_t = cell^1([x_t; c_{t-1}], s^1_{t-1})
        c_t, alignments_t = attention(h^1_t, memory)
        s^i_t, h^i_t = cell^i([h^{i-1}_t; c_t], s^i_{t-1})      i = 2, 3, ...

    with `use_new_attention=False`, all cells read `c_{t-1}`, so that the bottom cell's next step
    need not wait for the top; with `residual`, `h^{i-1}_t` is added to the output of each cell
    from the third on. The output is that of the top cell.

    Args:
        cells: The cells, from the bottom to the top, at least two.
        attention: The mechanism, for example `BahdanauAttention(256)`.
        use_new_attention: Whether the upper cells read what was seen at this step.
        residual: Whether cells from the third on add what is below them to their output.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[states of all cells, c, alignments]`, then those of the mechanism if it has any;
            `get_initial_state(batch_size, memory)`.
        training: Whether this is a training step.
        memory: As for `AttentionCell`.

    Returns:
        `(output, states)`: the output of the top cell, and the next states, of which c is
        `(batch, context size)` and the alignments `(batch, memory_time)`.

    Raises:
        ValueError: If one of `cells` is no cell, there are fewer than two, `attention` is no
            mechanism, or with `residual` the outputs are of different sizes.

    Reference: Wu et al., 2016, https://arxiv.org/abs/1609.08144; with the new attention: the
    `gnmt_v2` of tensorflow/nmt

    >>> from keras_rnn import RNN, BahdanauAttention, GRUCell
    >>> cell = GNMTCell([GRUCell(4), GRUCell(4), GRUCell(4)], BahdanauAttention(8), residual=True)
    >>> tuple(RNN(cell)(ops.ones((2, 9, 3)), constants={"memory": ops.ones((2, 7, 5))}).shape)
    (2, 4)
    """

    def __init__(
        self,
        cells: Sequence[Any],
        attention: Any,
        use_new_attention: bool = True,
        residual: bool = False,
        **kwargs: Any,
    ) -> None:
        owner = "GNMTCell"
        check_cells(owner, cells, at_least=2)
        check_mechanism(owner, attention)
        kwargs.setdefault("dtype", getattr(cells[0], "dtype_policy", None))
        super().__init__(**kwargs)
        self.bottom = AttentionCell(
            cells[0], attention, output_attention=False, dtype=self.dtype_policy
        )
        self.upper_cells = list(cells[1:])
        self.use_new_attention = use_new_attention
        self.residual = residual
        self._sizes = [contract.output_size(cell) for cell in cells]
        if residual:
            check_equal_outputs(owner, self._sizes[1:])
        self.output_size = self._sizes[-1]

    @property
    def attention(self) -> Any:
        """The mechanism."""
        return self.bottom.attention

    def cells_of_states(self) -> Sequence[Any]:
        """Return all cells, from the bottom to the top."""
        return [self.bottom.cell, *self.upper_cells]

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states; `None` for those of the memory's length."""
        of_bottom, *others = self.bottom.state_size
        return [[of_bottom, *(cell.state_size for cell in self.upper_cells)], *others]

    def build(self, inputs_shape: Shape, memory_shape: Any = None) -> None:
        """Build the cells and the mechanism.

        Args:
            inputs_shape: `(batch, features)`.
            memory_shape: `(batch, memory_time, memory_features)`, or the shapes of a `Memory`;
                needed.
        """
        self.bottom.build(inputs_shape, shape_of_values("GNMTCell", memory_shape))
        for cell, features in zip(self.upper_cells, self._features(), strict=True):
            contract.build_cell(cell, (inputs_shape[0], features))
        self.built = True

    def prepare(self, **constants: Any) -> dict[str, Any]:
        """Return the constants with a `Memory`, prepared if it is values alone."""
        return prepared(type(self).__name__, self.attention, constants)

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> list[Noise] | None:
        """Draw the noise of the bottom and of each upper cell; `None` if there is none."""
        noises = [self.bottom.draw_noise(batch_size, features, length)]
        for cell, read in zip(self.upper_cells, self._features(), strict=True):
            noises.append(contract.draw_noise(cell, batch_size, read, True, length))
        return noises if any(noise is not None for noise in noises) else None

    def project(self, inputs: Tensor, noise: list[Noise] | None = None) -> Tensor:
        """Return what the `project` of the bottom cell returns."""
        return self.bottom.project(inputs, noise and noise[0])

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: list[Noise] | None = None,
        *,
        memory: Memory,
    ) -> Step:
        """Step the bottom cell, look at the memory, and step the other cells with what is seen."""
        (of_bottom, *of_uppers), before, *others = states
        for_bottom, *for_uppers = noise or [None] * len(self._sizes)
        below, (of_bottom, seen, *others) = self.bottom.step(
            projected, [of_bottom, before, *others], training, for_bottom, memory=memory
        )
        context, next_states = seen if self.use_new_attention else before, [of_bottom]
        for index, cell in enumerate(self.upper_cells):
            inputs = ops.concatenate([below, context], axis=-1)
            projected = contract.project(cell, inputs, for_uppers[index])
            output, after = contract.step(
                cell, projected, of_uppers[index], training, for_uppers[index]
            )
            below = output + below if self.residual and index else output
            next_states.append(after)
        return below, [next_states, seen, *others]

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
        of_bottom, *others = self.bottom.get_initial_state(batch_size, memory)
        uppers = (contract.initial_state(cell, batch_size) for cell in self.upper_cells)
        return [[of_bottom, *uppers], *others]

    def alignments(self, states: State) -> Tensor:
        """Return the alignments, `(batch, memory_time)`, of the states after a step."""
        return states[2]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        config = {
            "cells": [serialize(cell) for cell in (self.bottom.cell, *self.upper_cells)],
            "attention": serialize(self.attention),
            "use_new_attention": self.use_new_attention,
            "residual": self.residual,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "GNMTCell":
        """Build the cell from what `get_config` returned."""
        make = keras.saving.deserialize_keras_object
        parts = {
            "cells": [make(cell, custom_objects) for cell in config["cells"]],
            "attention": make(config["attention"], custom_objects),
        }
        return cls(**{**config, **parts})

    def _features(self) -> list[int]:
        """Return what size of input each upper cell reads."""
        return [size + (self.bottom.attended_size or 0) for size in self._sizes[:-1]]
