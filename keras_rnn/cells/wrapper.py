"""What all cells around a cell share."""

from typing import Any, NamedTuple

import keras

from keras_rnn._checks import check_cell, check_equal_settings
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.base import RecurrentCell

__all__ = ["NO_NOISE", "CellWrapper", "WrapperNoise"]


class WrapperNoise(NamedTuple):
    """The noise of a wrapper: what it drew itself, and what the cell in it drew.

    Attributes:
        own: What `draw_own_noise` returned.
        cell: What the cell's `draw_noise` returned.
    """

    own: Noise = None
    cell: Noise = None


NO_NOISE = WrapperNoise()


class CellWrapper(RecurrentCell):
    """A cell around a cell, ours or a plain Keras cell: with its states, and its way if not told.

    A subclass writes `project` or `step`, and `draw_own_noise` if it draws something. Wrappers
    stand around each other in any order.

    Args:
        cell: The cell to wrap, or another wrapper.

    Raises:
        ValueError: If `cell` is no cell.
    """

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        owner = type(self).__name__
        check_cell(owner, cell)
        kwargs.setdefault("dtype", getattr(cell, "dtype_policy", None))
        super().__init__(**kwargs)
        inner = getattr(cell, "compute_dtype", self.compute_dtype)
        check_equal_settings(owner, "dtype", self.compute_dtype, inner)
        self.cell = cell

    @property
    def state_size(self) -> Any:
        """The sizes of the states: those of the cell."""
        return self.cell.state_size

    @property
    def output_size(self) -> int:
        """The size of the output: that of the cell's."""
        return contract.output_size(self.cell)

    def build(self, input_shape: Shape) -> None:
        """Build the cell for one time step of the shape `(batch, features)`."""
        contract.build_cell(self.cell, input_shape)
        self.built = True

    def prepare(self, **constants: Any) -> dict[str, Any]:
        """Return what the cell's `prepare` returns; without any, a wrapper may have its own."""
        return contract.prepare(self.cell, constants) if constants else {}

    def draw_own_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None
    ) -> Noise | None:
        """Draw what the wrapper itself needs, as `draw_noise` does; by default nothing."""
        return None

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> WrapperNoise | None:
        """Draw the noise of the wrapper and that of the cell; `None` if neither has any."""
        noise = WrapperNoise(
            own=self.draw_own_noise(batch_size, features, length),
            cell=contract.draw_noise(self.cell, batch_size, features, True, length),
        )
        return None if noise.own is None and noise.cell is None else noise

    def project(self, inputs: Tensor, noise: WrapperNoise = NO_NOISE) -> Tensor:
        """Return what the cell's `project` returns."""
        return contract.project(self.cell, inputs, noise.cell)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: WrapperNoise = NO_NOISE,
        **constants: Any,
    ) -> Step:
        """Step the cell; further arguments are the cell's."""
        return contract.step(self.cell, projected, states, training, noise.cell, **constants)

    def get_initial_state(self, batch_size: int | Tensor | None = None, **constants: Any) -> State:
        """Return the cell's initial states."""
        return contract.initial_state(self.cell, batch_size, **constants)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**super().get_config(), "cell": cell}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "CellWrapper":
        """Build the cell from what `get_config` returned."""
        config = dict(config)
        cell = keras.saving.deserialize_keras_object(config.pop("cell"), custom_objects)
        return cls(cell, **config)
