"""The echo state cell, whose weights are drawn and never trained."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_rnn._cell_checks import check_between, check_not_negative, check_seed
from keras_rnn._checks import check_activation, check_positive_integer
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.base import RecurrentCell
from keras_rnn.products import product

__all__ = ["ESNCell"]

WEIGHTS = ("kernel", "recurrent", "bias")
SQUARINGS = 26  # The radius is then right to about 1e-7, what a float32 can tell apart.


@keras.saving.register_keras_serializable(package="Addons")
class ESNCell(RecurrentCell):
    """Echo state cell: a reservoir of random connections that fades, read by a trained layer above.

        h_t = (1 - leaky) * h_{t-1} + leaky * tanh(x_t U + h_{t-1} W + b)
        W = spectral_radius / radius(W_0 * M) * (W_0 * M),        M_jk = 1 with p = connectivity

    `radius` is the largest absolute eigenvalue, or its upper bound, the root of the sum of squares,
    if `use_norm2`. Below 1 it makes the reservoir forget the state in which it began: surely if
    `use_norm2`, in practice otherwise. A reservoir without cycles, whose radius is 0 however it is
    scaled, stays as it was drawn.

    No weight is trained. They stand in this order: `recurrent_kernel` (W), `(units, units)`;
    `kernel` (U), `(features, units)`; `bias` (b), `(units,)`: the layout of `tfa.rnn.ESNCell`.

    Args:
        units: Size of the reservoir: of the state and of the output.
        connectivity: Probability that a unit is connected to another, in [0, 1].
        leaky: Share of the new in the state, in [0, 1]; with 1 nothing leaks.
        spectral_radius: The radius of W, at least 0.
        use_norm2: Whether to scale by the upper bound, which takes less time.
        use_bias: Whether to add b.
        activation: In place of tanh.
        kernel_initializer: Initial values of U.
        recurrent_initializer: What W_0 is drawn from.
        bias_initializer: Initial values of b.
        seed: Seed of M, and of each initializer that has none of its own: the same seed makes the
            same reservoir.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Makes no difference.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, `connectivity` or `leaky` is not in
            [0, 1], or `spectral_radius` or `seed` is negative.

    Reference: Jaeger, 2001, "The echo state approach to analysing and training recurrent neural
    networks", GMD report 148, https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf

    >>> cell = ESNCell(50, spectral_radius=0.5, seed=1)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> eigenvalues = np.linalg.eigvals(cell.recurrent_kernel.numpy())
    >>> print(abs(eigenvalues).max().round(4), len(cell.trainable_weights))
    0.5 0
    """

    def __init__(
        self,
        units: int,
        connectivity: float = 0.1,
        leaky: float = 1,
        spectral_radius: float = 0.9,
        use_norm2: bool = False,
        use_bias: bool = True,
        activation: Any = "tanh",
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        *,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_positive_integer("ESNCell", "units", units, "ESNCell(units=64)")
        self.connectivity = check_between("ESNCell", "connectivity", connectivity, 0, 1)
        self.leaky = check_between("ESNCell", "leaky", leaky, 0, 1)
        self.spectral_radius = check_not_negative("ESNCell", "spectral_radius", spectral_radius)
        self.use_norm2 = use_norm2
        self.use_bias = use_bias
        self.activation = check_activation("ESNCell", "activation", activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed = check_seed("ESNCell", seed)
        self.state_size = self.output_size = self.units

    def build(self, input_shape: Shape) -> None:
        """Draw the weights."""
        names = [f"{weight}_initializer" for weight in WEIGHTS]
        of_mask, *seeds = self._seeds(1 + len(names))
        kernel, recurrent, bias = (
            _seeded(getattr(self, name), seed) for name, seed in zip(names, seeds, strict=True)
        )

        def reservoir(shape: Shape, dtype: Any = None) -> Tensor:
            drawn = ops.cast(recurrent(shape, dtype=dtype), "float64")
            chances = keras.random.uniform(shape, dtype="float32", seed=of_mask)
            connected = drawn * ops.cast(chances < self.connectivity, "float64")
            return ops.cast(self._scaled(connected), dtype)

        self.recurrent_kernel = self.add_weight(
            (self.units, self.units),
            name="recurrent_kernel",
            initializer=reservoir,
            trainable=False,
        )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), name="kernel", initializer=kernel, trainable=False
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), name="bias", initializer=bias, trainable=False
            )
        self.built = True

    def _seeds(self, count: int) -> list[int | None]:
        """Return seeds that differ, since a mask and a kernel of one seed would depend."""
        if self.seed is None:
            return [None] * count
        return [int(seed) for seed in np.random.SeedSequence(self.seed).generate_state(count)]

    def _scaled(self, matrix: Tensor) -> Tensor:
        radius = ops.sqrt(ops.sum(ops.square(matrix))) if self.use_norm2 else _radius(matrix)
        scale = ops.divide_no_nan(ops.cast(self.spectral_radius, matrix.dtype), radius)
        return matrix * ops.where(radius > 0, scale, ops.ones_like(scale))

    def project(self, inputs: Tensor) -> Tensor:
        """Return `x_t U + b`, `(..., units)`."""
        return product(inputs, self.kernel, self.bias)

    def step(self, projected: Tensor, states: State, training: bool = False) -> Step:
        """Return `h_t` as output and as state."""
        (h,) = states
        new = self.activation(projected + self.recur(h, self.recurrent_kernel))
        h = (1 - self.leaky) * h + self.leaky * new
        return h, [h]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("units", "connectivity", "leaky", "spectral_radius", "use_norm2", "use_bias")
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (*names, "seed")},
            "activation": keras.activations.serialize(self.activation),
            **{f"{w}_initializer": serialize(getattr(self, f"{w}_initializer")) for w in WEIGHTS},
        }


def _seeded(initializer: Any, seed: int | None) -> Any:
    """Return the initializer, with the seed if it is random and has none."""
    config = initializer.get_config() if isinstance(initializer, keras.Initializer) else {}
    is_seedless = "seed" in config and config["seed"] is None
    return type(initializer).from_config({**config, "seed": seed}) if is_seedless else initializer


def _radius(matrix: Tensor) -> Tensor:
    """Return the largest absolute eigenvalue: the limit of `norm(matrix^n)^(1/n)` (Gelfand, 1941).

    Squared again and again, the matrix shows exactly whether it has cycles. A solver for
    eigenvalues rounds, and where there are none, what it finds in place of 0 can be large.
    """
    log_radius = ops.zeros((), matrix.dtype)
    for k in range(SQUARINGS):
        norm = ops.sqrt(ops.sum(ops.square(matrix)))
        log_radius += ops.log(norm) / 2**k
        matrix = ops.divide_no_nan(matrix, norm)
        matrix = ops.matmul(matrix, matrix)
    return ops.exp(log_radius)
