"""The minimal gated unit."""

from typing import Any

import keras
from keras import ops

from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells.gated import GatedCell, drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_state

__all__ = ["MGUCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class MGUCell(GatedCell):
    """Minimal gated unit: one gate both forgets the state and resets what the candidate sees of it.

        f_t = sigmoid(x_t U_f + h_{t-1} W_f + b_f)
        g_t = tanh(x_t U_g + (f_t * h_{t-1}) W_g + b_g)
        h_t = (1 - f_t) * h_{t-1} + f_t * g_t

    `kernel` (U) is `(features, 2 * units)`, `recurrent_kernel` (W) `(units, 2 * units)`, `bias`
    `(2 * units,)`; columns are in the order f, g.

    Args:
        units: Size of the state and of the output.
        activation: In place of tanh.
        use_bias: Whether to add the biases.
        recurrent_activation: In place of sigmoid.
        kernel_initializer: Initial values of U; likewise `recurrent_initializer` of W and
            `bias_initializer` of b. Regularizers and constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        recurrent_dropout: Rate at which h is dropped where it meets W in training.
        candidate_dropout: Rate at which entries of g are dropped in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Zhou et al., 2016, https://arxiv.org/abs/1603.09420

    >>> cell = MGUCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape), tuple(cell.kernel.shape)
    ((2, 4), (3, 8))
    """

    blocks = 2

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(units, activation=activation, use_bias=use_bias, **kwargs)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` as output and as state."""
        (h,) = states
        dropped = drop_state(h, noise)
        x_f, x_g = ops.split(projected, 2, axis=-1)
        gate_kernel, candidate_kernel = ops.split(self.recurrent_kernel, 2, axis=-1)
        f = self.recurrent_activation(x_f + self.recur(dropped, gate_kernel))
        g = self.activation(x_g + self.recur(f * dropped, candidate_kernel))
        h = (1 - f) * h + f * drop_candidate(g, noise)
        return h, [h]
