"""What the cells of Keras share: kernels, a bias, an activation, and two kinds of dropout."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn._checks import check_activation, check_positive_integer, check_rate
from keras_rnn._types import Shape, Tensor
from keras_rnn.cells.base import RecurrentCell
from keras_rnn.products import product

__all__ = ["NO_DROPOUT", "DropoutMasks", "KernelCell", "drop_inputs", "drop_state"]

WEIGHTS = ("kernel", "recurrent", "bias")


class DropoutMasks(NamedTuple):
    """The dropout masks of one call, the kept entries scaled up; `None` where nothing is dropped.

    Attributes:
        inputs: `(batch, features)`, for the inputs of all steps.
        recurrent: `(batch, output_size)`, for the states where they meet a recurrent kernel.
        candidate: `(batch, units)`, for what a cell with gates writes to its memory.
    """

    inputs: Tensor | None = None
    recurrent: Tensor | None = None
    candidate: Tensor | None = None


NO_DROPOUT = DropoutMasks()


def drop_inputs(inputs: Tensor, masks: DropoutMasks) -> Tensor:
    """Return the inputs of one step or of a sequence, times the mask, one for all steps."""
    if masks.inputs is None:
        return inputs
    return inputs * (masks.inputs[:, None, :] if len(inputs.shape) == 3 else masks.inputs)


def drop_state(state: Tensor, masks: DropoutMasks) -> Tensor:
    """Return the state, the cell's last output, times the recurrent mask."""
    return state if masks.recurrent is None else state * masks.recurrent


class KernelCell(RecurrentCell):
    """What the cells of Keras share: kernels, bias, activation, and the two kinds of dropout.

        x_t <- x_t * m_x / (1 - dropout)
        h_{t-1} <- h_{t-1} * m_h / (1 - recurrent_dropout)     where it meets a recurrent kernel

    The masks `m_x` and `m_h` are drawn once a call and are the same at every step (variational
    dropout: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287).

    A subclass sets `blocks`: how many blocks of `units` columns its kernels have, one for each gate
    and one for the candidate.
    """

    blocks = 1

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
        *,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.units = check_positive_integer(owner, "units", units, f"{owner}(units=64)")
        self.activation = check_activation(owner, "activation", activation)
        self.use_bias = use_bias
        given = {
            "initializer": (kernel_initializer, recurrent_initializer, bias_initializer),
            "regularizer": (kernel_regularizer, recurrent_regularizer, bias_regularizer),
            "constraint": (kernel_constraint, recurrent_constraint, bias_constraint),
        }
        for kind, values in given.items():
            for weight, value in zip(WEIGHTS, values, strict=True):
                setattr(self, f"{weight}_{kind}", getattr(keras, f"{kind}s").get(value))
        self.dropout = check_rate(owner, "dropout", dropout)
        self.recurrent_dropout = check_rate(owner, "recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)  # Always, as files of weights are.
        self.implementation = implementation  # Of Keras' two, both give the result of ours.
        self.state_size: Any = self.units
        self.output_size = self.units

    def bias_shape(self) -> Shape:
        """Return the shape of the bias: one value a column of the kernel."""
        return (self.blocks * self.units,)

    def recurrent_shape(self) -> Shape | None:
        """Return the shape of the recurrent kernel; `None` if there is none."""
        return (self.units, self.blocks * self.units)

    def initial_bias(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Return the bias at the start."""
        return self.bias_initializer(shape, dtype=dtype)

    def build(self, input_shape: Shape) -> None:
        """Create `kernel`, `recurrent_kernel` and `bias`; columns in blocks."""
        columns, shape = self.blocks * self.units, self.recurrent_shape()
        self.kernel = self._weight("kernel", "kernel", (input_shape[-1], columns))
        self.recurrent_kernel = None
        if shape is not None:
            self.recurrent_kernel = self._weight("recurrent_kernel", "recurrent", shape)
        self.bias = self._weight("bias", "bias", self.bias_shape()) if self.use_bias else None
        self.built = True

    def _weight(self, name: str, prefix: str, shape: Shape) -> Any:
        initializer = self.initial_bias if prefix == "bias" else self.kernel_initializer
        return self.add_weight(
            shape,
            name=name,
            initializer=self.recurrent_initializer if prefix == "recurrent" else initializer,
            regularizer=getattr(self, f"{prefix}_regularizer"),
            constraint=getattr(self, f"{prefix}_constraint"),
        )

    def project(self, inputs: Tensor, noise: DropoutMasks = NO_DROPOUT) -> Tensor:
        """Return `x_t @ kernel + bias`, `(..., blocks * units)`."""
        return product(drop_inputs(inputs, noise), self.kernel, self.bias)

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> DropoutMasks | None:
        """Draw the masks `m_x / (1 - dropout)` and `m_h / (1 - recurrent_dropout)`."""
        if not (self.dropout or self.recurrent_dropout):
            return None
        return DropoutMasks(
            inputs=self._draw_mask(batch_size, features, self.dropout),
            recurrent=self._draw_mask(batch_size, self.output_size, self.recurrent_dropout),
        )

    def _draw_mask(self, batch_size: Any, size: int, rate: float) -> Tensor | None:
        if not rate:
            return None
        ones = ops.ones((batch_size, size), dtype=self.compute_dtype)
        return ops.stop_gradient(keras.random.dropout(ones, rate, seed=self.seed_generator))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments under the keys that Keras uses."""
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
                f"{name}_{kind}": serialize(getattr(self, f"{name}_{kind}")) for name in WEIGHTS
            }
        return {**super().get_config(), **config}
