"""A residual connection around any cell."""

from typing import Any

import keras

from keras_rnn._cell_checks import check_same_size
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.wrapper import NO_NOISE, CellWrapper, WrapperNoise

__all__ = ["ResidualCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class ResidualCell(CellWrapper):
    """A residual connection around a cell: its input is added to its output.

        y_t, s_t = cell(x_t, s_{t-1})
        output_t = y_t + x_t

    Args:
        cell: The cell to wrap, or another wrapper; its output is of the size of its input.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states of the cell.
        training: Whether this is a training step.

    Returns:
        `(output, states)`: the sum, `(batch, features)`, and the next states of the cell.

    Raises:
        ValueError: If `cell` is no cell, or if its output is of another size than the input.

    Reference: He et al., 2016, https://arxiv.org/abs/1512.03385; between recurrent layers, Wu et
    al., 2016, https://arxiv.org/abs/1609.08144

    >>> from keras_rnn import RNN, GRUCell
    >>> tuple(RNN(ResidualCell(GRUCell(4)))(keras.ops.ones((2, 5, 4))).shape)
    (2, 4)
    """

    def build(self, input_shape: Shape) -> None:
        """Build the cell for one time step of the shape `(batch, features)`."""
        super().build(input_shape)
        check_same_size("ResidualCell", input_shape[-1], self.output_size)

    def project(self, inputs: Tensor, noise: WrapperNoise = NO_NOISE) -> tuple[Tensor, Tensor]:
        """Return what the cell's `project` returns, and the inputs."""
        return super().project(inputs, noise), inputs

    def step(
        self,
        projected: tuple[Tensor, Tensor],
        states: State,
        training: bool = False,
        noise: WrapperNoise = NO_NOISE,
        **constants: Any,
    ) -> Step:
        """Step the cell and add the input to its output."""
        projected, inputs = projected
        output, states = super().step(projected, states, training, noise, **constants)
        return output + inputs, states
