"""Cells on top of each other, stepped together: a stack that is itself a cell."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_rnn._checks import check_count
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.several import SeveralCells

__all__ = ["StackedRNNCells"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class StackedRNNCells(SeveralCells):
    """A stack of cells: at each step, cell i reads the output of cell i - 1.

        h^i_t, s^i_t = cell^i(h^{i-1}_t, s^i_{t-1}),    h^0_t = x_t

    Unlike `StackedRNN`, which runs layer after layer over the whole sequence, a stack of cells can
    stand wherever a cell can: in a decoder, inside an attention cell.

    Args:
        cells: The cells, from the bottom to the top.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: A list with the states of each cell, as the cells' `state_size` says.
        training: Whether this is a training step.

    Returns:
        `(output, states)`: the output of the top cell, and the next states of all.

    Raises:
        ValueError: If `cells` is empty or holds something that is no cell.

    >>> from keras_rnn import GRUCell, LSTMCell
    >>> StackedRNNCells([GRUCell(4), LSTMCell(2)]).state_size
    [4, [2, 2]]
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(cells, **kwargs)
        self.state_size = [cell.state_size for cell in self.cells]

    def cells_of_states(self) -> Sequence[Any]:
        """Return all cells."""
        return self.cells

    def input_shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the shape of the input, then that of the output of each cell but the top one."""
        sizes = [contract.output_size(cell) for cell in self.cells[:-1]]
        return [input_shape, *((input_shape[0], size) for size in sizes)]

    def project(self, inputs: Tensor, noise: list[Noise] | None = None) -> Tensor:
        """Return the input itself; `step` projects cell by cell."""
        return inputs

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: list[Noise] | None = None,
    ) -> Step:
        """Step the cells from the bottom to the top."""
        check_count("StackedRNNCells", "states", states, len(self.cells))
        noise = noise or [None] * len(self.cells)
        output, next_states = projected, []
        for cell, cell_states, cell_noise in zip(self.cells, states, noise, strict=True):
            inputs = contract.project(cell, output, cell_noise)
            is_bare = not isinstance(cell_states, list | tuple)
            before = [cell_states] if is_bare else cell_states
            check_count(type(cell).__name__, "states", before, _count(cell))
            output, after = contract.step(cell, inputs, before, training, cell_noise)
            next_states.append(after[0] if is_bare else after)
        return output, next_states

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> State:
        """Return the initial states of each cell, as it gives them; a bare tensor is one state."""
        return [
            cell.get_initial_state(batch_size=batch_size)
            if hasattr(cell, "get_initial_state")
            else _zeros(cell, batch_size)
            for cell in self.cells
        ]


def _count(cell: Any) -> int:
    return len(cell.state_size) if isinstance(cell.state_size, list | tuple) else 1


def _zeros(cell: Any, batch_size: int | Tensor | None) -> State:
    states = contract.initial_state(cell, batch_size)
    return states if isinstance(cell.state_size, list | tuple) else states[0]
