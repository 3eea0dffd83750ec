"""The simple recurrent unit, and the simpler one."""

import math
from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_between
from keras_rnn._types import Shape, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks
from keras_rnn.cells.linear import Linear, LinearCell

__all__ = ["SRUCell", "SSRUCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class SRUCell(LinearCell):
    """Simple recurrent unit: products with the input alone, and a highway past the state.

        f_t = sigmoid(x_t U_f + v_f * c_{t-1} + b_f)
        r_t = sigmoid(x_t U_r + v_r * c_{t-1} + b_r)
        c_t = f_t * c_{t-1} + (1 - f_t) * (x_t U_g)
        h_t = r_t * c_t + (1 - r_t) * x'_t

    with `x'_t = a * x_t` if inputs are of the size `units`, `a = sqrt(1 + 2 exp(highway_bias))`,
    and `x'_t = x_t U_x` otherwise. Where inputs are dropped, `x'_t = a * x_t` is not.

    `kernel` (U) is `(features, 3 * units)`, columns in the order f, r, g, or `(features, 4 *
    units)`, with x after g; `bias` (b) and `recurrent_kernel` (v) are `(2 * units,)`, f and r.

    Without v, as in the first version of the paper (2017), the state is linear in the state
    before, and the layer `SRU` can compute all steps at once.

    Args:
        units: Size of the state and of the output.
        activation: A function of `c_t` in `h_t`; none in the paper.
        use_bias: Whether to add b.
        gates_read_state: Whether there is v.
        highway_bias: What is added to the initial `b_r`; negative, it lets more of the input by. In
            [-100, 100]; without b it is 0.
        rescale: Whether a is as above; otherwise it is one.
        kernel_initializer: Initial values of U; likewise `bias_initializer` of b and
            `recurrent_initializer` of v, by default drawn evenly with a variance of 1/2.
            Regularizers and constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped where they meet U in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[c]`, with `c` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [c])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or an argument
            is about a recurrent kernel that is not there.

    Reference: Lei et al., 2018, https://arxiv.org/abs/1709.02755

    >>> cell = SRUCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape), tuple(cell.kernel.shape)
    ((2, 4), (3, 16))
    """

    def __init__(
        self,
        units: int,
        activation: Any = "linear",
        use_bias: bool = True,
        *,
        gates_read_state: bool = True,
        highway_bias: float = 0.0,
        rescale: bool = True,
        kernel_initializer: Any = "lecun_uniform",
        **kwargs: Any,
    ) -> None:
        self.gates_read_state = gates_read_state  # First, as the base class asks for it.
        if gates_read_state:
            evenly = keras.initializers.RandomUniform(-math.sqrt(1.5), math.sqrt(1.5))
            kwargs.setdefault("recurrent_initializer", evenly)
        kwargs["kernel_initializer"] = kernel_initializer
        super().__init__(units, activation, use_bias, **kwargs)
        self.highway_bias = check_between("SRUCell", "highway_bias", highway_bias, -100, 100)
        self.rescale = rescale

    @property
    def is_linear(self) -> bool:
        """Whether the state is linear in the state before."""
        return not self.gates_read_state

    @property
    def recurrent_arguments(self) -> tuple[str, ...]:
        """The arguments that v has."""
        kinds = ("initializer", "regularizer", "constraint") if self.gates_read_state else ()
        return tuple(f"recurrent_{kind}" for kind in kinds)

    def bias_shape(self) -> Shape:
        """Return the shape of b."""
        return (2 * self.units,)

    def recurrent_shape(self) -> Shape | None:
        """Return the shape of v, if there is one."""
        return (2 * self.units,) if self.gates_read_state else None

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Return b at the start, `highway_bias` higher for r."""
        highway = ops.full((self.units,), self.highway_bias, dtype=dtype)
        return self.bias_initializer(shape, dtype=dtype) + ops.pad(highway, [[self.units, 0]])

    def build(self, input_shape: Shape) -> None:
        """Create U, of three blocks or four, v and b."""
        self.blocks = 3 if input_shape[-1] == self.units else 4
        super().build(input_shape)

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Any:
        """Return a `Linear`; or, if the gates read the state, what they and the state read."""
        x_f, x_r, x_g, *highway = self.blocks_of(inputs, noise)
        if not highway:
            start = self.highway_bias if self.use_bias else 0.0
            scale = math.sqrt(1 + 2 * math.exp(start)) if self.rescale else 1.0
            highway = [scale * inputs]
        projected = (x_f, x_r, x_g, *highway)
        return projected if self.gates_read_state else _gated(*projected)

    def linear(self, projected: Any, state: Tensor) -> Linear:
        """Return the parts of a step."""
        if not self.gates_read_state:
            return projected
        x_f, x_r, x_g, highway = projected
        v_f, v_r = ops.split(self.recurrent_kernel, 2)
        return _gated(x_f + v_f * state, x_r + v_r * state, x_g, highway)

    def read(self, state: Tensor, rest: tuple[Tensor, Tensor]) -> Tensor:
        """Return `h_t`."""
        r, highway = rest
        return r * self.activation(state) + (1 - r) * highway

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("gates_read_state", "highway_bias", "rescale")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="keras_rnn")
class SSRUCell(LinearCell):
    """Simpler simple recurrent unit: one gate, and no highway.

        f_t = sigmoid(x_t U_f + b_f)
        c_t = f_t * c_{t-1} + (1 - f_t) * (x_t U_g)
        h_t = relu(c_t)

    `kernel` (U) is `(features, 2 * units)`, columns in the order f, g; `bias` (b_f) is `(units,)`.
    The layer `SSRU` can compute all steps at once.

    Args:
        units: Size of the state and of the output.
        activation: In place of relu.
        use_bias: Whether to add the bias.
        kernel_initializer: Initial values of U; likewise `bias_initializer` of b. Regularizers and
            constraints have the same prefixes.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[c]`, with `c` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [c])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, a rate is not in [0, 1], or an argument
            is about a recurrent kernel.

    Reference: Kim et al., 2019, https://aclanthology.org/D19-5632

    >>> cell = SSRUCell(4)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape), tuple(cell.kernel.shape)
    ((2, 4), (3, 8))
    """

    blocks = 2

    def __init__(
        self, units: int, activation: Any = "relu", use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)

    def bias_shape(self) -> Shape:
        """Return the shape of b_f."""
        return (self.units,)

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Linear:
        """Return `f_t` and `(1 - f_t) * g_t`, each `(..., units)`."""
        x_f, x_g = self.blocks_of(inputs, noise)
        f = ops.sigmoid(x_f)
        return Linear(f, (1 - f) * x_g)

    def read(self, state: Tensor, rest: Any) -> Tensor:
        """Return `h_t`."""
        return self.activation(state)


def _gated(z_f: Tensor, z_r: Tensor, x_g: Tensor, highway: Tensor) -> Linear:
    """Return the parts of a step from what its gates squash."""
    f, r = ops.sigmoid(z_f), ops.sigmoid(z_r)
    return Linear(f, (1 - f) * x_g, (r, highway))
