"""The long short-term memory cell with a recurrent projection."""

from typing import Any

import keras

from keras_rnn._checks import check_positive_integer
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks
from keras_rnn.cells.lstm import LSTMCell

__all__ = ["ProjectedLSTMCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class ProjectedLSTMCell(LSTMCell):
    """LSTM that hands on a projection of its output, smaller than its carry.

        i_t = sigmoid(x_t U_i + r_{t-1} W_i + b_i)
        f_t = sigmoid(x_t U_f + r_{t-1} W_f + b_f)
        g_t = tanh(x_t U_g + r_{t-1} W_g + b_g)
        o_t = sigmoid(x_t U_o + r_{t-1} W_o + b_o)
        c_t = f_t * c_{t-1} + i_t * g_t
        r_t = (o_t * tanh(c_t)) P

    `kernel` (U) is `(features, 4 * units)`, `recurrent_kernel` (W) `(projection, 4 * units)`,
    `bias` `(4 * units,)`, columns in the order i, f, g, o; `projection_kernel` (P) is
    `(units, projection)`. The paper's peepholes are left out, as in cuDNN and PyTorch.

    Args:
        units: Size of the carry c.
        projection: Size of r, the first state and the output.
        **kwargs: The further arguments of `LSTMCell`; what is said of `kernel_...` holds for P
            too; `recurrent_dropout` drops r where it meets W.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[r, c]`, `(batch, projection)` and `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(r, [r, c])`: output and next states.

    Raises:
        ValueError: If `units` or `projection` is not a positive integer, or a rate is not in
            [0, 1].

    Reference: Sak et al., 2014, https://arxiv.org/abs/1402.1128

    >>> cell = ProjectedLSTMCell(6, projection=4)
    >>> r, states = cell(keras.ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> [tuple(state.shape) for state in states]
    [(2, 4), (2, 6)]
    """

    def __init__(self, units: int, projection: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        owner = type(self).__name__
        example = f"{owner}(units=64, projection=32)"
        self.projection = check_positive_integer(owner, "projection", projection, example)
        self.state_size = [self.projection, self.units]
        self.output_size = self.projection

    def recurrent_shape(self) -> Shape:
        """Return the shape of W, whose rows are those of r."""
        return (self.projection, self.blocks * self.units)

    def build(self, input_shape: Shape) -> None:
        """Create the weights of an LSTM, and P."""
        super().build(input_shape)
        shape = (self.units, self.projection)
        self.projection_kernel = self._weight("projection_kernel", "kernel", shape)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `r_t` and `[r_t, c_t]`."""
        output, (_, c) = super().step(projected, states, training, noise)
        r = self.recur(output, self.projection_kernel)
        return r, [r, c]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "projection": self.projection}
