"""The gated recurrent unit, in both of its forms."""

from typing import Any

import keras
from keras import ops

from keras_rnn._arguments import in_the_order_of
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.gated import GatedCell, drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_inputs, drop_state
from keras_rnn.products import product

__all__ = ["GRUCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class GRUCell(GatedCell):
    """Gated recurrent unit: one gate keeps the state, one resets what the candidate sees of it.

        z_t = sigmoid(x_t U_z + h_{t-1} W_z + b_z)
        r_t = sigmoid(x_t U_r + h_{t-1} W_r + b_r)
        g_t = tanh(x_t U_g + r_t * (h_{t-1} W_g + b'_g) + b_g)      if reset_after
        g_t = tanh(x_t U_g + (r_t * h_{t-1}) W_g + b_g)             otherwise
        h_t = z_t * h_{t-1} + (1 - z_t) * g_t

    `kernel` (U) is `(features, 3 * units)`, `recurrent_kernel` (W) `(units, 3 * units)`; columns
    are in the order z, r, g. `bias` is `(3 * units,)`, or `(2, 3 * units)` if `reset_after`: the
    first row belongs to the input, the second to the state, as in `keras.layers.GRUCell`.

    Args:
        units: Size of the state and of the output.
        activation: In place of tanh.
        recurrent_activation: In place of sigmoid.
        use_bias: Whether to add the biases.
        reset_after: Whether the reset gate applies after the product with W (the form that cuDNN
            computes) or before it (the form of the paper).
        kernel_initializer: Initial values of U; likewise `recurrent_initializer` of W and
            `bias_initializer` of b. Regularizers and constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        recurrent_dropout: Rate at which h is dropped where it meets W in training.
        candidate_dropout: Rate at which entries of g are dropped in training, which loses nothing
            of the memory (Semeniuta et al., 2016, https://arxiv.org/abs/1603.05118).
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Arguments by position stand in the order of `keras.layers.GRUCell`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078

    >>> cell = GRUCell(4, reset_after=False)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape)
    (2, 4)
    """

    blocks = 3

    @in_the_order_of(keras.layers.GRUCell)
    def __init__(self, units: int, *, reset_after: bool = True, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.reset_after = reset_after

    def bias_shape(self) -> Shape:
        """Return the shape of the bias, which has a second row if `reset_after`."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Tensor:
        """Return `x_t U + b`, `(..., 3 * units)`; of two rows of b, the first."""
        bias = self.bias[0] if self.bias is not None and self.reset_after else self.bias
        return product(drop_inputs(inputs, noise), self.kernel, bias)

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
        gates = self._reset_after if self.reset_after else self._reset_before
        z, g = gates(projected, dropped)
        h = z * h + (1 - z) * drop_candidate(g, noise)
        return h, [h]

    def _reset_after(self, projected: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        bias = None if self.bias is None else self.bias[1]
        recurrent = self.recur(h, self.recurrent_kernel, bias)
        x_z, x_r, x_g = ops.split(projected, 3, axis=-1)
        h_z, h_r, h_g = ops.split(recurrent, 3, axis=-1)
        r = self.recurrent_activation(x_r + h_r)
        return self.recurrent_activation(x_z + h_z), self.activation(x_g + r * h_g)

    def _reset_before(self, projected: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        units = self.units
        gates_kernel = self.recurrent_kernel[:, : 2 * units]
        candidate_kernel = self.recurrent_kernel[:, 2 * units :]
        x_z, x_r, x_g = ops.split(projected, 3, axis=-1)
        h_z, h_r = ops.split(self.recur(h, gates_kernel), 2, axis=-1)
        r = self.recurrent_activation(x_r + h_r)
        g = self.activation(x_g + self.recur(r * h, candidate_kernel))
        return self.recurrent_activation(x_z + h_z), g

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments under the keys that Keras uses."""
        return {**super().get_config(), "reset_after": self.reset_after}
