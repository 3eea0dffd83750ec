"""The multiplicative long short-term memory cell."""

import keras

from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_inputs, drop_state
from keras_rnn.cells.lstm import LSTMCell
from keras_rnn.products import product

__all__ = ["MultiplicativeLSTMCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class MultiplicativeLSTMCell(LSTMCell):
    """LSTM whose gates see a product of input and state: another transition for each input.

        m_t = (x_t U_m) * (h_{t-1} W_m)
        i_t = sigmoid(x_t U_i + m_t W_i + b_i)
        f_t = sigmoid(x_t U_f + m_t W_f + b_f)
        g_t = tanh(x_t U_g + m_t W_g + b_g)
        o_t = sigmoid(x_t U_o + m_t W_o + b_o)
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    `kernel`, `recurrent_kernel` and `bias` are those of `LSTMCell`, columns in the order i, f, g,
    o. `multiplier_kernel` (U_m) is `(features, units)`, `multiplier_recurrent_kernel` (W_m)
    `(units, units)`; what is said of `kernel_...` and `recurrent_...` holds for them too.

    Takes the arguments of `LSTMCell`; `recurrent_dropout` drops h where it meets W_m.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h, c]`, each `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h, c])`: output and next states, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Krause et al., 2016, https://arxiv.org/abs/1609.07959

    >>> cell = MultiplicativeLSTMCell(4)
    >>> h, states = cell(keras.ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> [tuple(state.shape) for state in states]
    [(2, 4), (2, 4)]
    """

    def build(self, input_shape: Shape) -> None:
        """Create the weights of an LSTM, U_m and W_m."""
        super().build(input_shape)
        shape = (input_shape[-1], self.units)
        self.multiplier_kernel = self._weight("multiplier_kernel", "kernel", shape)
        name, shape = "multiplier_recurrent_kernel", (self.units, self.units)
        self.multiplier_recurrent_kernel = self._weight(name, "recurrent", shape)

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> tuple[Tensor, Tensor]:
        """Return `x_t U + b`, `(..., 4 * units)`, and `x_t U_m`, `(..., units)`."""
        multiplier = product(drop_inputs(inputs, noise), self.multiplier_kernel)
        return super().project(inputs, noise), multiplier

    def step(
        self,
        projected: tuple[Tensor, Tensor],
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` and `[h_t, c_t]`: the step of an LSTM that finds `m_t` in place of h."""
        gates, multiplier = projected
        h, c = states
        m = multiplier * self.recur(drop_state(h, noise), self.multiplier_recurrent_kernel)
        return super().step(gates, [m, c], training, noise._replace(recurrent=None))
