"""What cells share whose state depends on the state before by a product alone."""

from typing import Any, NamedTuple

from keras import ops

from keras_rnn._cell_checks import check_no_recurrent_kernel
from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, KernelCell, drop_inputs
from keras_rnn.products import product

__all__ = ["Linear", "LinearCell"]


class Linear(NamedTuple):
    """What a step is made of that is linear in the state: `c_t = keep_t * c_{t-1} + add_t`.

    Attributes:
        keep: `(..., units)`.
        add: `(..., units)`.
        rest: What `read` needs beside the state, a structure of tensors.
    """

    keep: Tensor
    add: Tensor
    rest: Any = ()


class LinearCell(KernelCell):
    """A cell without a recurrent kernel, whose state is linear in the state before.

        keep_t, add_t, rest_t = project(x_t)
        c_t = keep_t * c_{t-1} + add_t
        output_t = read(c_t, rest_t)

    As `keep` and `add` depend on the input alone, a layer can compute all states at once.

    A subclass writes `project`, which returns a `Linear`, and `read` if the output is not the
    state. If `keep` and `add` are to depend on the state after all, it writes `linear` too, and
    sets `is_linear` to false.

    Args:
        units: Size of the state and of the output.
        activation: The cell says where.
        use_bias: Whether to add the biases.
        **kwargs: Those of `KernelCell` that are not about a recurrent kernel.

    Raises:
        ValueError: If an argument is about a recurrent kernel.

    >>> class AverageCell(LinearCell):
    ...     def project(self, inputs, noise=NO_DROPOUT):
    ...         (x,) = self.blocks_of(inputs, noise)
    ...         return Linear(ops.full_like(x, 0.5), 0.5 * x)
    >>> cell = AverageCell(2, kernel_initializer="ones")
    >>> cell(ops.ones((1, 3)), [ops.zeros((1, 2))])[0].numpy().tolist()
    [[1.5, 1.5]]
    """

    recurrent_arguments: tuple[str, ...] = ()
    is_linear = True

    def __init__(
        self, units: int, activation: Any = "linear", use_bias: bool = True, **kwargs: Any
    ) -> None:
        check_no_recurrent_kernel(type(self).__name__, kwargs, self.recurrent_arguments)
        super().__init__(units, activation, use_bias, **kwargs)

    def recurrent_shape(self) -> None:
        """Return `None`: there is no recurrent kernel."""
        return

    def blocks_of(self, inputs: Tensor, noise: DropoutMasks) -> list[Tensor]:
        """Return `x_t U + b` block by block, each `(..., units)`; the last may have no bias."""
        bias = self.bias
        if bias is not None:
            bias = ops.pad(bias, [[0, self.kernel.shape[-1] - bias.shape[0]]])
        columns = product(drop_inputs(inputs, noise), self.kernel, bias)
        return ops.split(columns, self.blocks, axis=-1)

    def linear(self, projected: Any, state: Tensor) -> Linear:
        """Return the parts of a step: what `project` returned of it."""
        return projected

    def read(self, state: Tensor, rest: Any) -> Tensor:
        """Return the output of steps: by default the state."""
        return state

    def step(
        self,
        projected: Any,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return the output of one step, and its state."""
        (c,) = states
        keep, add, rest = self.linear(projected, c)
        c = keep * c + add
        return self.read(c, rest), [c]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config, allowed = super().get_config(), self.recurrent_arguments
        return {
            name: value
            for name, value in config.items()
            if not name.startswith("recurrent_") or name in allowed
        }
