"""The contract of a recurrent cell, and the part of it that all cells share."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn._checks import check_count, check_positive_integer, check_rate
from keras_rnn._types import Noise, Shape, State, Step, Tensor

__all__ = ["NO_DROPOUT", "DropoutMasks", "GatedCell", "RecurrentCell", "drop_inputs", "drop_state"]


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network in time: `output_t, states_t = cell(x_t, states_{t-1})`.

    A cell of one's own sets `state_size` (an integer, or a list with one entry a state) and
    `output_size`, and writes two methods:

    - `project(inputs)`: all that depends on the input alone, `U x_t + b`. A sequence layer calls
      it once over all steps.
    - `step(projected, states, training)`: the rest of the step. Each product of a state with a
      recurrent kernel, `W s_{t-1}`, is asked of `self.recur(state, kernel)`.

    `call` joins the two, so the same cell also runs in `keras.layers.RNN` and in a decoder.

    What is random in a call, such as a dropout mask, is drawn once by `draw_noise` and reaches
    `project` and `step` as the argument `noise`. Nothing about one call lives on the cell.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states before the step, as `state_size` says.
        training: Whether this is a training step.

    Returns:
        `(output, states)`: the output `(batch, output_size)` and the next states.

    >>> class LeakyCell(RecurrentCell):
    ...     state_size = output_size = 3
    ...     def step(self, projected, states, training=False):
    ...         (h,) = states
    ...         h = 0.5 * h + 0.5 * projected
    ...         return h, [h]
    >>> from keras_rnn import RNN
    >>> RNN(LeakyCell())(ops.ones((1, 2, 3))).numpy().tolist()
    [[0.75, 0.75, 0.75]]
    """

    state_size: Any
    output_size: int

    def project(self, inputs: Tensor) -> Tensor:
        """Return what depends on the input alone; by default the input itself.

        Args:
            inputs: `(batch, features)` or `(batch, time, features)`.

        Returns:
            A tensor with the same leading axes.
        """
        return inputs

    def step(self, projected: Tensor, states: State, training: bool = False) -> Step:
        """Return output and next states of one step; every cell writes this.

        Args:
            projected: One time step of what `project` returned, `(batch, ...)`.
            states: The states before the step.
            training: Whether this is a training step.
        """
        raise NotImplementedError(
            f"`{type(self).__name__}` needs a method `step(projected, states, training)`. "
            "Write it, or write `call` as for a plain Keras cell."
        )

    def draw_noise(self, batch_size: int | Tensor, features: int) -> Noise | None:
        """Draw what is random in one call in training, or return `None` if nothing is.

        What it returns comes back as the argument `noise` of `project` and `step`; a cell that
        returns `None` needs no such argument.

        Args:
            batch_size: Number of sequences.
            features: Size of the input of one step.
        """
        return None

    def recur(self, state: Tensor, kernel: Tensor) -> Tensor:
        """Return `state @ kernel`, the product of a state with a recurrent kernel.

        Asked of the base class so that a scan can see these products apart from the rest.
        """
        return ops.matmul(state, kernel)

    def call(self, inputs: Tensor, states: State, training: bool = False) -> Step:
        """Run one step on its own: `step(project(inputs), states)`."""
        wanted = len(self.state_size) if isinstance(self.state_size, list | tuple) else 1
        check_count(type(self).__name__, "states", states, wanted)
        noise = self.draw_noise(ops.shape(inputs)[0], inputs.shape[-1]) if training else None
        given = {} if noise is None else {"noise": noise}
        return self.step(self.project(inputs, **given), states, training=training, **given)

    def get_initial_state(self, batch_size: int | Tensor | None = None, **constants: Any) -> State:
        """Return states of zeros, each `(batch_size, size)`, one for each entry of `state_size`.

        Args:
            batch_size: Number of sequences.
            **constants: Those that `step` will get, for cells whose states depend on them.
        """
        sizes = self.state_size if isinstance(self.state_size, list | tuple) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]


class DropoutMasks(NamedTuple):
    """The dropout masks of one call, the kept entries scaled up; `None` where nothing is dropped.

    Attributes:
        inputs: `(batch, features)`, for the inputs of all steps.
        recurrent: `(batch, units)`, for the states where they meet a recurrent kernel.
    """

    inputs: Tensor | None = None
    recurrent: Tensor | None = None


NO_DROPOUT = DropoutMasks()


def drop_inputs(inputs: Tensor, masks: DropoutMasks) -> Tensor:
    """Return the inputs of one step or of a sequence, times the mask, one for all steps."""
    if masks.inputs is None:
        return inputs
    return inputs * (masks.inputs[:, None, :] if len(inputs.shape) == 3 else masks.inputs)


def drop_state(state: Tensor, masks: DropoutMasks) -> Tensor:
    """Return the state, `(batch, units)`, times the recurrent mask."""
    return state if masks.recurrent is None else state * masks.recurrent


class GatedCell(RecurrentCell):
    """What the cells of Keras share: kernels, bias, activation, and the two kinds of dropout.

        x_t <- x_t * m_x / (1 - dropout)
        h_{t-1} <- h_{t-1} * m_h / (1 - recurrent_dropout)     where it meets a recurrent kernel

    The masks `m_x` and `m_h` are drawn once a call and are the same at every step (variational
    dropout: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287).

    A subclass sets `gates`, how many blocks of `units` columns the kernels have.
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("implementation", None)  # Both of Keras' give the same result as ours.
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.units = check_positive_integer(owner, "units", units, f"{owner}(units=64)")
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.dropout = check_rate(owner, "dropout", dropout)
        self.recurrent_dropout = check_rate(owner, "recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = (
            keras.random.SeedGenerator(seed) if dropout or recurrent_dropout else None
        )
        self.state_size: Any = self.units
        self.output_size = self.units

    def bias_shape(self) -> Shape:
        """Return the shape of the bias: one value a column of the kernel."""
        return (self.gates * self.units,)

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Return the bias at the start."""
        return self.bias_initializer(shape, dtype=dtype)

    def build(self, input_shape: Shape) -> None:
        """Create `kernel`, `recurrent_kernel` and `bias`; columns are in the order of the gates."""
        columns = self.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], columns),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, columns),
            name="recurrent_kernel",
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape(),
                name="bias",
                initializer=self.initial_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Tensor:
        """Return `x_t U + b`, `(..., gates * units)`."""
        projected = ops.matmul(drop_inputs(inputs, noise), self.kernel)
        return projected if self.bias is None else ops.add(projected, self.bias)

    def draw_noise(self, batch_size: int | Tensor, features: int) -> DropoutMasks | None:
        """Draw the masks `m_x / (1 - dropout)` and `m_h / (1 - recurrent_dropout)`."""
        if not (self.dropout or self.recurrent_dropout):
            return None
        return DropoutMasks(
            inputs=self._draw_mask(batch_size, features, self.dropout),
            recurrent=self._draw_mask(batch_size, self.units, self.recurrent_dropout),
        )

    def _draw_mask(self, batch_size: Any, size: int, rate: float) -> Tensor | None:
        if not rate:
            return None
        ones = ops.ones((batch_size, size), dtype=self.compute_dtype)
        return keras.random.dropout(ones, rate, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments under the keys that Keras uses."""
        names = ("kernel", "recurrent", "bias")
        config = {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
        for kind in ("initializer", "regularizer", "constraint"):
            serialize = getattr(keras, f"{kind}s").serialize
            config |= {
                f"{name}_{kind}": serialize(getattr(self, f"{name}_{kind}")) for name in names
            }
        return {**super().get_config(), **config}
