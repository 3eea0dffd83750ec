"""The layer-normalised gated recurrent unit."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_rnn._arguments import in_the_order_of, order_of
from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells.gated import GatedCell, drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_inputs, drop_state
from keras_rnn.cells.normalized import NormalizedCell
from keras_rnn.products import product

__all__ = ["LayerNormGRUCell"]

ORDER = """
    units activation recurrent_activation use_bias
    kernel_initializer recurrent_initializer bias_initializer
    kernel_regularizer recurrent_regularizer bias_regularizer
    kernel_constraint recurrent_constraint bias_constraint
    dropout recurrent_dropout norm_gamma_initializer norm_beta_initializer norm_epsilon seed
"""


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormGRUCell(NormalizedCell, GatedCell):
    """GRU that normalises what the input says and what the state says, gates and candidate apart.

        z_t, r_t = sigmoid(LN_1(x_t U_zr) + LN_3(h_{t-1} W_zr) + b_zr)
        g_t = tanh(LN_2(x_t U_g) + r_t * LN_4(h_{t-1} W_g) + b_g)
        h_t = z_t * h_{t-1} + (1 - z_t) * g_t
        LN(a) = (a - mean(a)) / sqrt(variance(a) + norm_epsilon) * gamma + beta

    In the paper z and 1 - z change places; here z keeps the state, as in `GRUCell`. The reset gate
    applies after the product with W.

    `kernel` (U) is `(features, 3 * units)`, `recurrent_kernel` (W) `(units, 3 * units)`, `bias` (b)
    `(3 * units,)`; columns are in the order z, r, g. After these come gamma and beta of
    `kernel_gates_norm` (LN_1), `(2 * units,)`; `kernel_candidate_norm` (LN_2), `(units,)`;
    `recurrent_gates_norm` (LN_3) and `recurrent_candidate_norm` (LN_4), likewise.

    Args:
        units: Size of the state and of the output.
        activation: In place of tanh.
        recurrent_activation: In place of sigmoid.
        use_bias: Whether to add b.
        kernel_initializer: Initial values of U; likewise `recurrent_initializer` of W and
            `bias_initializer` of b. Regularizers and constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        recurrent_dropout: Rate at which h is dropped where it meets W in training.
        candidate_dropout: Rate at which entries of g are dropped in training.
        norm_gamma_initializer: Initial values of each gamma.
        norm_beta_initializer: Initial values of each beta.
        norm_epsilon: What keeps the divisors from zero.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Arguments by position stand in the order of `LayerNormLSTMCell`, less `unit_forget_bias`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or `norm_epsilon`
            is not above zero.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450 (supplementary material, GRU)

    >>> cell = LayerNormGRUCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> [tuple(weight.shape) for weight in cell.weights[3:7]]
    [(8,), (8,), (4,), (4,)]
    """

    blocks = 3
    norms: ClassVar[dict[str, int]] = {
        "kernel_gates_norm": 2,
        "kernel_candidate_norm": 1,
        "recurrent_gates_norm": 2,
        "recurrent_candidate_norm": 1,
    }

    @in_the_order_of(order_of(ORDER, GatedCell, NormalizedCell))
    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Tensor:
        """Return `[LN_1(x_t U_zr); LN_2(x_t U_g)] + b`, `(..., 3 * units)`."""
        gates, candidate = self._parts(product(drop_inputs(inputs, noise), self.kernel))
        gates = self.normalize(gates, self.kernel_gates_norm)
        candidate = self.normalize(candidate, self.kernel_candidate_norm)
        projected = ops.concatenate([gates, candidate], axis=-1)
        return projected if self.bias is None else projected + self.bias

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` as output and as state."""
        (h,) = states
        x_gates, x_g = self._parts(projected)
        h_gates, h_g = self._parts(self.recur(drop_state(h, noise), self.recurrent_kernel))
        gates = x_gates + self.normalize(h_gates, self.recurrent_gates_norm)
        z, r = ops.split(self.recurrent_activation(gates), 2, axis=-1)
        g = self.activation(x_g + r * self.normalize(h_g, self.recurrent_candidate_norm))
        h = z * h + (1 - z) * drop_candidate(g, noise)
        return h, [h]

    def _parts(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the columns of both gates and those of the candidate."""
        gates, candidate = ops.split(columns, [2 * self.units], axis=-1)
        return gates, candidate
