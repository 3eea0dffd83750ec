"""The layer-normalised long short-term memory cell."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_rnn._arguments import in_the_order_of, order_of
from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells.gated import drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_inputs, drop_state
from keras_rnn.cells.lstm import LSTMCell
from keras_rnn.cells.normalized import NormalizedCell
from keras_rnn.products import product

__all__ = ["LayerNormLSTMCell"]

ORDER = """
    units activation recurrent_activation use_bias
    kernel_initializer recurrent_initializer bias_initializer unit_forget_bias
    kernel_regularizer recurrent_regularizer bias_regularizer
    kernel_constraint recurrent_constraint bias_constraint
    dropout recurrent_dropout norm_gamma_initializer norm_beta_initializer norm_epsilon seed
"""


@keras.saving.register_keras_serializable(package="Addons")
class LayerNormLSTMCell(NormalizedCell, LSTMCell):
    """LSTM that normalises what the input says, what the state says, and the carry.

        z_t = LN_x(x_t U) + LN_h(h_{t-1} W) + b           in four blocks: z_i, z_f, z_g, z_o
        c_t = LN_c(sigmoid(z_f) * c_{t-1} + sigmoid(z_i) * tanh(z_g))
        h_t = sigmoid(z_o) * tanh(c_t)
        LN(a) = (a - mean(a)) / sqrt(variance(a) + norm_epsilon) * gamma + beta

    `kernel` (U) is `(features, 4 * units)`, `recurrent_kernel` (W) `(units, 4 * units)`, `bias` (b)
    `(4 * units,)`; columns are in the order i, f, g, o. LN_x and LN_h run over all four blocks.
    After these come gamma and beta of `kernel_norm` (LN_x), `recurrent_norm` (LN_h), both
    `(4 * units,)`, and `state_norm` (LN_c), `(units,)`: the layout of `tfa.rnn.LayerNormLSTMCell`.
    The carry that is passed on is the normalised one, as there; the paper passes on the other.

    Args:
        units: Size of both states and of the output.
        norm_gamma_initializer: Initial values of each gamma.
        norm_beta_initializer: Initial values of each beta.
        norm_epsilon: What keeps the divisors from zero.
        **kwargs: Those of `LSTMCell`, with the same meaning and defaults.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h, c]`, each `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h, c])`: output and next states, each `(batch, units)`.

    Arguments by position stand in the order of `tfa.rnn.LayerNormLSTMCell`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or `norm_epsilon`
            is not above zero.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450

    >>> cell = LayerNormLSTMCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> [tuple(weight.shape) for weight in cell.weights[3:]]
    [(16,), (16,), (16,), (16,), (4,), (4,)]
    """

    norms: ClassVar[dict[str, int]] = {"kernel_norm": 4, "recurrent_norm": 4, "state_norm": 1}

    @in_the_order_of(order_of(ORDER, LSTMCell, NormalizedCell))
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Tensor:
        """Return `LN_x(x_t U) + b`, `(..., 4 * units)`."""
        projected = product(drop_inputs(inputs, noise), self.kernel)
        projected = self.normalize(projected, self.kernel_norm)
        return projected if self.bias is None else projected + self.bias

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` and `[h_t, c_t]`."""
        h, c = states
        recurrent = self.recur(drop_state(h, noise), self.recurrent_kernel)
        z = projected + self.normalize(recurrent, self.recurrent_norm)
        z_i, z_f, z_g, z_o = ops.split(z, 4, axis=-1)
        i, f = self.recurrent_activation(z_i), self.recurrent_activation(z_f)
        c = self.normalize(f * c + i * drop_candidate(self.activation(z_g), noise), self.state_norm)
        h = self.recurrent_activation(z_o) * self.activation(c)
        return h, [h, c]
