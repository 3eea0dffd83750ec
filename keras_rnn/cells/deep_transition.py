"""Several cells in one step of time, the states passing through all of them."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_equal_states
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.several import SeveralCells

__all__ = ["DeepTransitionCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class DeepTransitionCell(SeveralCells):
    """A deep transition: in each step of time the states pass through one cell after the other.

        h^1_t, s^1_t = cell^1(x_t, s^L_{t-1})
        h^i_t, s^i_t = cell^i(0, s^{i-1}_t)             i = 2 .. L

    The output is `h^L_t`, and the states are `s^L_t`, as many as one of the cells has. Only the
    first cell reads the input. The others read one feature, which is always zero, so of all that
    they do with an input only the biases count; their input kernels, of one row, stay as they are.
    A `ResidualCell` or `HighwayCell` stands around the whole, or around the first cell.

    Args:
        cells: The cells, in the order in which the states pass; their states are of equal sizes.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states of one cell.
        training: Whether this is a training step.

    Returns:
        `(output, states)`: those of the last cell.

    Raises:
        ValueError: If `cells` is empty, holds something that is no cell, or cells with states of
            other sizes.

    Reference: Pascanu et al., 2014, https://arxiv.org/abs/1312.6026; with gated cells, Miceli
    Barone et al., 2017, https://arxiv.org/abs/1707.07631

    >>> from keras_rnn import RNN, GRUCell
    >>> layer = RNN(DeepTransitionCell([GRUCell(4), GRUCell(4), GRUCell(4)]))
    >>> tuple(layer(ops.ones((2, 5, 3))).shape)
    (2, 4)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(cells, **kwargs)
        check_equal_states("DeepTransitionCell", self.cells)
        self.state_size = self.cells[0].state_size

    def cells_of_states(self) -> Sequence[Any]:
        """Return the first cell, from whose states the others go on."""
        return self.cells[:1]

    def input_shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the shape of the input, and that of one feature for each further cell."""
        # One, not none: TensorFlow's kernels for a CPU end the process at a product of no columns.
        return [input_shape, *((input_shape[0], 1) for _ in self.cells[1:])]

    def project(self, inputs: Tensor, noise: list[Noise] | None = None) -> list[Tensor]:
        """Return what the `project` of each cell returns."""
        zero = ops.zeros((*ops.shape(inputs)[:-1], 1), dtype=inputs.dtype)
        read = [inputs, *(zero for _ in self.cells[1:])]
        noise = noise or [None] * len(self.cells)
        return [contract.project(*part) for part in zip(self.cells, read, noise, strict=True)]

    def step(
        self,
        projected: list[Tensor],
        states: State,
        training: bool = False,
        noise: list[Noise] | None = None,
    ) -> Step:
        """Pass the states through the cells."""
        output, noise = None, noise or [None] * len(self.cells)
        for cell, inputs, cell_noise in zip(self.cells, projected, noise, strict=True):
            output, states = contract.step(cell, inputs, states, training, cell_noise)
        return output, states

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> State:
        """Return the initial states of the first cell."""
        return contract.initial_state(self.cells[0], batch_size)
