"""The simple recurrent cell, the textbook's recurrence."""

import keras

from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, KernelCell, drop_state

__all__ = ["SimpleRNNCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class SimpleRNNCell(KernelCell):
    """The simple recurrent cell: its output is its state.

        s_t = f(U x_t + W s_{t-1} + b)

    with one set of weights for all steps. In the code, rows are sequences, so products stand the
    other way round: `x_t @ kernel + s_{t-1} @ recurrent_kernel + bias`.

    `kernel` (U) is `(features, units)`, `recurrent_kernel` (W) `(units, units)`, `bias` (b)
    `(units,)`: the layout of `keras.layers.SimpleRNNCell`.

    Args:
        units: Size of the state and of the output.
        activation: The function f, tanh by default; `"sigmoid"` is the other textbook choice.
        use_bias: Whether to add b.
        kernel_initializer: Initial values of U; likewise `recurrent_initializer` of W and
            `bias_initializer` of b.
        kernel_regularizer: Penalty on U; likewise `recurrent_regularizer`, `bias_regularizer`.
        kernel_constraint: Constraint on U; likewise `recurrent_constraint`, `bias_constraint`.
        dropout: Rate at which inputs are dropped in training.
        recurrent_dropout: Rate at which states are dropped where they meet W in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[s]`, with `s` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(s, [s])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Elman, 1990, "Finding structure in time", https://doi.org/10.1207/s15516709cog1402_1

    >>> cell = SimpleRNNCell(4)
    >>> output, states = cell(keras.ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(output.shape)
    (2, 4)
    """

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `s_t = f(projected + W s_{t-1})` as output and as state."""
        (s,) = states
        dropped = drop_state(s, noise)
        s = self.activation(projected + self.recur(dropped, self.recurrent_kernel))
        return s, [s]
