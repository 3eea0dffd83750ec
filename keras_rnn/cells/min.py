"""The minimal versions of GRU and LSTM, whose gates see the input alone."""

import keras
from keras import ops

from keras_rnn._types import Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks
from keras_rnn.cells.linear import Linear, LinearCell

__all__ = ["MinGRUCell", "MinLSTMCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class MinGRUCell(LinearCell):
    """Minimal GRU: its gate and its candidate see the input alone.

        z_t = sigmoid(x_t U_z + b_z)
        g_t = x_t U_g + b_g
        h_t = (1 - z_t) * h_{t-1} + z_t * g_t

    `kernel` (U) is `(features, 2 * units)`, `bias` `(2 * units,)`; columns are in the order z, g.
    The layer `MinGRU` can compute all steps at once.

    Args:
        units: Size of the state and of the output.
        activation: Of the candidate g; none in the paper.
        use_bias: Whether to add the biases.
        kernel_initializer: Initial values of U; likewise `bias_initializer` of b. Regularizers and
            constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or an argument
            is about a recurrent kernel.

    Reference: Feng et al., 2024, https://arxiv.org/abs/2410.01201

    >>> cell = MinGRUCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape), tuple(cell.kernel.shape)
    ((2, 4), (3, 8))
    """

    blocks = 2

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Linear:
        """Return `1 - z_t` and `z_t * g_t`, each `(..., units)`."""
        x_z, x_g = self.blocks_of(inputs, noise)
        z = ops.sigmoid(x_z)
        return Linear(1 - z, z * self.activation(x_g))


@keras.saving.register_keras_serializable(package="keras_rnn")
class MinLSTMCell(LinearCell):
    """Minimal LSTM: its gates, which share what there is to give, and its candidate see the input.

        f_t = sigmoid(x_t U_f + b_f)
        i_t = sigmoid(x_t U_i + b_i)
        g_t = x_t U_g + b_g
        h_t = f_t / (f_t + i_t) * h_{t-1} + i_t / (f_t + i_t) * g_t

    `kernel` (U) is `(features, 3 * units)`, `bias` `(3 * units,)`; columns are in the order f, i,
    g. The layer `MinLSTM` can compute all steps at once.

    Args:
        units: Size of the state and of the output.
        activation: Of the candidate g; none in the paper.
        use_bias: Whether to add the biases.
        kernel_initializer: Initial values of U; likewise `bias_initializer` of b. Regularizers and
            constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or an argument
            is about a recurrent kernel.

    Reference: Feng et al., 2024, https://arxiv.org/abs/2410.01201

    >>> cell = MinLSTMCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape), tuple(cell.kernel.shape)
    ((2, 4), (3, 12))
    """

    blocks = 3

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Linear:
        """Return the two shares, the second times `g_t`, each `(..., units)`."""
        x_f, x_i, x_g = self.blocks_of(inputs, noise)
        # f / (f + i), without dividing zero by zero where both gates are closed.
        share = ops.sigmoid(ops.log_sigmoid(x_f) - ops.log_sigmoid(x_i))
        return Linear(share, (1 - share) * self.activation(x_g))
