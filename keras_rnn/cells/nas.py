"""The recurrent cell that a search over architectures found."""

from typing import Any

import keras
from keras import ops

from keras_rnn._checks import check_positive_integer
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.base import RecurrentCell
from keras_rnn.products import product

__all__ = ["NASCell"]

WEIGHTS = ("kernel", "recurrent", "projection", "bias")


@keras.saving.register_keras_serializable(package="Addons")
class NASCell(RecurrentCell):
    """The cell found by neural architecture search for language models: a tree of eight gates.

        x_0 .. x_7 = x_t U        m_0 .. m_7 = m_{t-1} W + b
        a_0 = tanh(sigmoid(x_0 + m_0) * relu(x_1 + m_1))
        a_1 = tanh(sigmoid(x_2 + m_2) + relu(x_3 * m_3))
        a_2 = tanh(tanh(x_4 + m_4) * sigmoid(x_5 + m_5))
        a_3 = sigmoid(tanh(x_6 + m_6) + sigmoid(x_7 + m_7))
        c_t = tanh(a_0 + c_{t-1}) * a_1
        m_t = tanh(c_t * tanh(a_2 + a_3)) P               without P if there is no projection

    The weights stand in this order: `recurrent_kernel` (W), `(outputs, 8 * units)`; `kernel` (U),
    `(features, 8 * units)`; `bias` (b), `(8 * units,)`, if there is one; `projection_weights` (P),
    `(units, projection)`, if there is one: the layout of `tfa.rnn.NASCell`. The state m, which is
    the output, has the size `outputs`: `projection`, or `units` without one.

    Args:
        units: Size of c.
        projection: Size of m and of the output, or `None`: `units`, without a projection.
        use_bias: Whether to add b.
        kernel_initializer: Initial values of U.
        recurrent_initializer: Initial values of W.
        projection_initializer: Initial values of P.
        bias_initializer: Initial values of b.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[c, m]`, `(batch, units)` and `(batch, outputs)`; in an LSTM the output is first.
        training: Makes no difference.

    Returns:
        `(m, [c, m])`: output and next states.

    Raises:
        ValueError: If `units`, or `projection` where it is given, is not a positive integer.

    Reference: Zoph and Le, 2017, https://arxiv.org/abs/1611.01578

    >>> cell = NASCell(4, projection=2)
    >>> m, states = cell(ops.zeros((5, 3)), cell.get_initial_state(5))
    >>> [tuple(state.shape) for state in states]
    [(5, 4), (5, 2)]
    """

    state_of_gates = 1  # m, never c.

    def __init__(
        self,
        units: int,
        projection: int | None = None,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "glorot_uniform",
        projection_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        example = "NASCell(units=64, projection=32)"
        self.units = check_positive_integer("NASCell", "units", units, example)
        if projection is not None:
            projection = check_positive_integer("NASCell", "projection", projection, example)
        self.projection = projection
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.projection_initializer = keras.initializers.get(projection_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.output_size = self.projection or self.units
        self.state_size = [self.units, self.output_size]

    def build(self, input_shape: Shape) -> None:
        """Create the weights; columns of the kernels in eight blocks, 0 to 7."""
        columns = 8 * self.units
        self.recurrent_kernel = self.add_weight(
            (self.output_size, columns),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
        )
        self.kernel = self.add_weight(
            (input_shape[-1], columns), name="kernel", initializer=self.kernel_initializer
        )
        self.bias = self.projection_weights = None
        if self.use_bias:
            self.bias = self.add_weight((columns,), name="bias", initializer=self.bias_initializer)
        if self.projection is not None:
            self.projection_weights = self.add_weight(
                (self.units, self.projection),
                name="projection_weights",
                initializer=self.projection_initializer,
            )
        self.built = True

    def project(self, inputs: Tensor) -> Tensor:
        """Return `x_t U`, `(..., 8 * units)`."""
        return product(inputs, self.kernel)

    def step(self, projected: Tensor, states: State, training: bool = False) -> Step:
        """Return `m_t` and `[c_t, m_t]`."""
        c, m = states
        x = ops.split(projected, 8, axis=-1)
        m = ops.split(self.recur(m, self.recurrent_kernel, self.bias), 8, axis=-1)
        a_0 = ops.tanh(ops.sigmoid(x[0] + m[0]) * ops.relu(x[1] + m[1]))
        a_1 = ops.tanh(ops.sigmoid(x[2] + m[2]) + ops.relu(x[3] * m[3]))
        a_2 = ops.tanh(ops.tanh(x[4] + m[4]) * ops.sigmoid(x[5] + m[5]))
        a_3 = ops.sigmoid(ops.tanh(x[6] + m[6]) + ops.sigmoid(x[7] + m[7]))
        c = ops.tanh(a_0 + c) * a_1
        m = ops.tanh(c * ops.tanh(a_2 + a_3))
        if self.projection is not None:
            m = self.recur(m, self.projection_weights)
        return m, [c, m]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = [f"{weight}_initializer" for weight in WEIGHTS]
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "units": self.units,
            "projection": self.projection,
            "use_bias": self.use_bias,
            **{name: serialize(getattr(self, name)) for name in names},
        }
