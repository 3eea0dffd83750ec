"""The long short-term memory cell."""

from typing import Any

import keras
from keras import ops

from keras_rnn._arguments import in_the_order_of
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.gated import GatedCell, drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_state

__all__ = ["LSTMCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class LSTMCell(GatedCell):
    """Long short-term memory: a carry `c` that gates write to, keep and read.

        i_t = sigmoid(x_t U_i + h_{t-1} W_i + b_i)
        f_t = sigmoid(x_t U_f + h_{t-1} W_f + b_f)
        g_t = tanh(x_t U_g + h_{t-1} W_g + b_g)
        o_t = sigmoid(x_t U_o + h_{t-1} W_o + b_o)
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    `kernel` (U) is `(features, 4 * units)`, `recurrent_kernel` (W) `(units, 4 * units)`, `bias`
    `(4 * units,)`; columns are in the order i, f, g, o: the layout of `keras.layers.LSTMCell`.

    Args:
        units: Size of both states and of the output.
        activation: In place of tanh.
        recurrent_activation: In place of sigmoid.
        use_bias: Whether to add the biases.
        unit_forget_bias: Whether `b_f` starts at one (Jozefowicz et al., 2015,
            https://proceedings.mlr.press/v37/jozefowicz15.html).
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
        states: `[h, c]`, each `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h, c])`: output and next states, each `(batch, units)`.

    Arguments by position stand in the order of `keras.layers.LSTMCell`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735; with
    the forget gate of Gers et al., 2000, https://doi.org/10.1162/089976600300015015

    >>> cell = LSTMCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> [tuple(state.shape) for state in states]
    [(2, 4), (2, 4)]
    """

    blocks = 4

    @in_the_order_of(keras.layers.LSTMCell)
    def __init__(self, units: int, *, unit_forget_bias: bool = True, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Return the bias at the start; its forget part is one if `unit_forget_bias`."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        i = self.bias_initializer((self.units,), dtype=dtype)
        f = ops.ones((self.units,), dtype=dtype)
        g_o = self.bias_initializer((2 * self.units,), dtype=dtype)
        return ops.concatenate([i, f, g_o])

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` and `[h_t, c_t]`."""
        h, c = states
        dropped = drop_state(h, noise)
        z = projected + self.recur(dropped, self.recurrent_kernel)
        z_i, z_f, z_g, z_o = ops.split(z, 4, axis=-1)
        i, f = self.recurrent_activation(z_i), self.recurrent_activation(z_f)
        c = f * c + i * drop_candidate(self.activation(z_g), noise)
        h = self.recurrent_activation(z_o) * self.activation(c)
        return h, [h, c]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments under the keys that Keras uses."""
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}
