"""The long short-term memory cell with peepholes."""

import keras
from keras import ops

from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.gated import drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_state
from keras_rnn.cells.lstm import LSTMCell

__all__ = ["PeepholeLSTMCell"]


@keras.saving.register_keras_serializable(package="Addons")
class PeepholeLSTMCell(LSTMCell):
    """LSTM whose gates see the carry, each unit its own: it learns precise times.

        i_t = sigmoid(x_t U_i + h_{t-1} W_i + p_i * c_{t-1} + b_i)
        f_t = sigmoid(x_t U_f + h_{t-1} W_f + p_f * c_{t-1} + b_f)
        g_t = tanh(x_t U_g + h_{t-1} W_g + b_g)
        c_t = f_t * c_{t-1} + i_t * g_t
        o_t = sigmoid(x_t U_o + h_{t-1} W_o + p_o * c_t + b_o)
        h_t = o_t * tanh(c_t)

    `kernel` (U) is `(features, 4 * units)`, `recurrent_kernel` (W) `(units, 4 * units)`, `bias` (b)
    `(4 * units,)`; columns are in the order i, f, g, o. After these come
    `input_gate_peephole_weights` (p_i), `forget_gate_peephole_weights` (p_f) and
    `output_gate_peephole_weights` (p_o), each `(units,)`: the layout of
    `tfa.rnn.PeepholeLSTMCell`. The output gate sees the new carry.

    Args:
        units: Size of both states and of the output.
        kernel_initializer: Initial values of U, and of p_i, p_f and p_o.
        **kwargs: Those of `LSTMCell`, with the same meaning and defaults.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h, c]`, each `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h, c])`: output and next states, each `(batch, units)`.

    Arguments by position stand in the order of `LSTMCell`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Gers and Schmidhuber, 2000, https://doi.org/10.1109/IJCNN.2000.861302; in the form of
    Sak et al., 2014, https://arxiv.org/abs/1402.1128

    >>> cell = PeepholeLSTMCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> cell.weights[3].name, tuple(cell.weights[3].shape)
    ('input_gate_peephole_weights', (4,))
    """

    def build(self, input_shape: Shape) -> None:
        """Create the kernels and the bias, then the peepholes."""
        super().build(input_shape)
        for gate in ("input", "forget", "output"):
            name = f"{gate}_gate_peephole_weights"
            weight = self.add_weight((self.units,), name=name, initializer=self.kernel_initializer)
            setattr(self, name, weight)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` and `[h_t, c_t]`."""
        h, c = states
        z = projected + self.recur(drop_state(h, noise), self.recurrent_kernel)
        z_i, z_f, z_g, z_o = ops.split(z, 4, axis=-1)
        i = self.recurrent_activation(z_i + c * self.input_gate_peephole_weights)
        f = self.recurrent_activation(z_f + c * self.forget_gate_peephole_weights)
        c = f * c + i * drop_candidate(self.activation(z_g), noise)
        o = self.recurrent_activation(z_o + c * self.output_gate_peephole_weights)
        h = o * self.activation(c)
        return h, [h, c]
