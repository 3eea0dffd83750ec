"""A highway connection around any cell."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_same_size
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.wrapper import NO_NOISE, CellWrapper, WrapperNoise
from keras_rnn.products import product

__all__ = ["HighwayCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class HighwayCell(CellWrapper):
    """A highway around a cell: a gate chooses between the cell's output and its input.

        y_t, s_t = cell(x_t, s_{t-1})
        t_t = sigmoid(x_t W + b)
        output_t = t_t * y_t + (1 - t_t) * x_t

    `transform_kernel` (W) is `(features, features)`, `transform_bias` (b) `(features,)`. The gate
    depends on the input alone, so a sequence layer computes it for all steps at once.

    Args:
        cell: The cell to wrap, or another wrapper; its output is of the size of its input.
        kernel_initializer: Initial values of W.
        bias_initializer: Initial values of b; by default -1, so that the input passes at first.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states of the cell.
        training: Whether this is a training step.

    Returns:
        `(output, states)`: the output, `(batch, features)`, and the next states of the cell.

    Raises:
        ValueError: If `cell` is no cell, or if its output is of another size than the input.

    Reference: Srivastava et al., 2015, https://arxiv.org/abs/1505.00387

    >>> from keras_rnn import RNN, GRUCell
    >>> tuple(RNN(HighwayCell(GRUCell(4)))(ops.ones((2, 5, 4))).shape)
    (2, 4)
    """

    def __init__(
        self,
        cell: Any,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cell, **kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        start = keras.initializers.Constant(-1.0)
        self.bias_initializer = keras.initializers.get(bias_initializer) or start

    def build(self, input_shape: Shape) -> None:
        """Build the cell for one time step of the shape `(batch, features)`, and the gate."""
        size = input_shape[-1]
        super().build(input_shape)
        check_same_size("HighwayCell", size, self.output_size)
        self.transform_kernel = self.add_weight(
            (size, size), name="transform_kernel", initializer=self.kernel_initializer
        )
        self.transform_bias = self.add_weight(
            (size,), name="transform_bias", initializer=self.bias_initializer
        )

    def project(
        self, inputs: Tensor, noise: WrapperNoise = NO_NOISE
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the cell's `project` returns, the inputs, and the gate."""
        gate = ops.sigmoid(product(inputs, self.transform_kernel, self.transform_bias))
        return super().project(inputs, noise), inputs, gate

    def step(
        self,
        projected: tuple[Tensor, Tensor, Tensor],
        states: State,
        training: bool = False,
        noise: WrapperNoise = NO_NOISE,
        **constants: Any,
    ) -> Step:
        """Step the cell, and mix its output with the input."""
        projected, inputs, gate = projected
        output, states = super().step(projected, states, training, noise, **constants)
        return gate * output + (1 - gate) * inputs, states

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        serialize = keras.initializers.serialize
        config = {
            "kernel_initializer": serialize(self.kernel_initializer),
            "bias_initializer": serialize(self.bias_initializer),
        }
        return {**super().get_config(), **config}
