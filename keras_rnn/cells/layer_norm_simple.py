"""The layer-normalised simple recurrent cell."""

from typing import Any

import keras

from keras_rnn._arguments import in_the_order_of, order_of
from keras_rnn._cell_checks import check_above_zero
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, KernelCell, drop_inputs, drop_state
from keras_rnn.cells.normalization import layer_norm
from keras_rnn.products import product

__all__ = ["LayerNormSimpleRNNCell"]

ORDER = """
    units activation use_bias layernorm_epsilon
    kernel_initializer recurrent_initializer bias_initializer gamma_initializer
    kernel_regularizer recurrent_regularizer bias_regularizer gamma_regularizer
    kernel_constraint recurrent_constraint bias_constraint gamma_constraint
    dropout recurrent_dropout seed
"""


@keras.saving.register_keras_serializable(package="Addons")
class LayerNormSimpleRNNCell(KernelCell):
    """Simple recurrent cell that normalises the sum of what input and state say.

        a_t = x_t U + s_{t-1} W
        s_t = tanh((a_t - mean(a_t)) / sqrt(variance(a_t) + layernorm_epsilon) * gamma + b)

    `kernel` (U) is `(features, units)`, `recurrent_kernel` (W) `(units, units)`, `bias` (b)
    `(units,)`; after these comes gamma of `layernorm`, `(units,)`: the layout of
    `tfa.rnn.LayerNormSimpleRNNCell`. The bias is the shift of the normalisation.

    Args:
        units: Size of the state and of the output.
        activation: In place of tanh.
        use_bias: Whether to add b.
        layernorm_epsilon: What keeps the divisor from zero.
        gamma_initializer: Initial values of gamma; `gamma_regularizer` is a penalty on it and
            `gamma_constraint` a constraint.
        gamma_regularizer: See above.
        gamma_constraint: See above.
        **kwargs: Those of `SimpleRNNCell`, with the same meaning and defaults.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[s]`, with `s` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(s, [s])`: output and next state, each `(batch, units)`.

    Arguments by position stand in the order of `tfa.rnn.LayerNormSimpleRNNCell`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or
            `layernorm_epsilon` is not above zero.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450 (equation 4)

    >>> cell = LayerNormSimpleRNNCell(4)
    >>> output, states = cell(keras.ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> [tuple(weight.shape) for weight in cell.weights]
    [(3, 4), (4, 4), (4,), (4,)]
    """

    @in_the_order_of(order_of(ORDER, KernelCell))
    def __init__(
        self,
        units: int,
        *,
        layernorm_epsilon: float = 1e-5,
        gamma_initializer: Any = "ones",
        gamma_regularizer: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        owner = type(self).__name__
        self.layernorm_epsilon = check_above_zero(owner, "layernorm_epsilon", layernorm_epsilon)
        self.layernorm = keras.layers.LayerNormalization(
            epsilon=self.layernorm_epsilon,
            center=False,
            gamma_initializer=gamma_initializer,
            gamma_regularizer=gamma_regularizer,
            gamma_constraint=gamma_constraint,
            dtype=self.dtype_policy,
            name="layernorm",
        )
        self.gamma_initializer = self.layernorm.gamma_initializer
        self.gamma_regularizer = self.layernorm.gamma_regularizer
        self.gamma_constraint = self.layernorm.gamma_constraint

    def build(self, input_shape: Shape) -> None:
        """Create the kernels and the bias, then gamma."""
        super().build(input_shape)
        self.layernorm.build((None, self.units))

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Tensor:
        """Return `x_t U`, `(..., units)`."""
        return product(drop_inputs(inputs, noise), self.kernel)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `s_t` as output and as state."""
        (s,) = states
        a = projected + self.recur(drop_state(s, noise), self.recurrent_kernel)
        s = self.activation(layer_norm(a, self.layernorm.gamma, self.bias, self.layernorm_epsilon))
        return s, [s]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments under the keys that `tfa` used."""
        return {
            **super().get_config(),
            "layernorm_epsilon": self.layernorm_epsilon,
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }
