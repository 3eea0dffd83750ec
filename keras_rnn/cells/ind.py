"""The independently recurrent cell."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_limit
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, KernelCell, drop_state

__all__ = ["IndRNNCell", "MaxAbsolute"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class MaxAbsolute(keras.constraints.Constraint):
    """A constraint on a weight: no entry is larger than a limit, in absolute value.

        w <- min(max(w, -limit), limit)

    Args:
        limit: The largest absolute value.

    Call arguments:
        w: The weight, of any shape.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If `limit` is not a positive number.

    Reference: Li et al., 2018, https://arxiv.org/abs/1803.04831

    >>> MaxAbsolute(2.0)(ops.array([-3.0, 1.0, 2.5])).numpy().tolist()
    [-2.0, 1.0, 2.0]
    """

    def __init__(self, limit: float) -> None:
        self.limit = check_limit("MaxAbsolute", limit)

    def __call__(self, w: Tensor) -> Tensor:
        """Return the weight with its entries cut off at the limit."""
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"limit": self.limit}


@keras.saving.register_keras_serializable(package="keras_rnn")
class IndRNNCell(KernelCell):
    """Independently recurrent cell: each unit sees of the state its own entry alone.

        h_t = relu(x_t U + w * h_{t-1} + b)

    `kernel` (U) is `(features, units)`, `recurrent_kernel` (w) and `bias` (b) are `(units,)`.

    Over T steps a gradient grows or shrinks by `w ** T`. For relu the paper keeps each entry of w
    within `2 ** (1 / T)`, by `recurrent_constraint=MaxAbsolute(2 ** (1 / T))`. Layers of such cells
    are stacked, so that units meet between layers.

    Args:
        units: Size of the state and of the output.
        activation: In place of relu.
        use_bias: Whether to add b.
        recurrent_initializer: Initial values of w; by default drawn evenly from 0 to 1.
        kernel_initializer: Initial values of U; likewise `bias_initializer` of b. Regularizers and
            constraints have the same prefixes, `recurrent_` for w.
        kernel_regularizer: Penalty on U.
        kernel_constraint: Constraint on U.
        dropout: Rate at which inputs are dropped in training.
        recurrent_dropout: Rate at which h is dropped where it meets w in training.
        seed: Seed of the dropout masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h]`, with `h` of shape `(batch, units)`.
        training: Whether dropout applies.

    Returns:
        `(h, [h])`: output and next state, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Li et al., 2018, https://arxiv.org/abs/1803.04831

    >>> cell = IndRNNCell(4, recurrent_constraint=MaxAbsolute(2 ** (1 / 100)))
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> tuple(h.shape), tuple(cell.recurrent_kernel.shape)
    ((2, 4), (4,))
    """

    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        use_bias: bool = True,
        *,
        recurrent_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        if recurrent_initializer is None:
            recurrent_initializer = keras.initializers.RandomUniform(0.0, 1.0)
        kwargs["recurrent_initializer"] = recurrent_initializer
        super().__init__(units, activation, use_bias, **kwargs)

    def recurrent_shape(self) -> Shape:
        """Return the shape of w: one entry a unit."""
        return (self.units,)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` as output and as state."""
        (h,) = states
        h = self.activation(projected + self.recurrent_kernel * drop_state(h, noise))
        return h, [h]
