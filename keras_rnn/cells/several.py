"""What the cells made of several cells share."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_rnn._cell_checks import check_cells
from keras_rnn._checks import check_equal_settings
from keras_rnn._types import Noise, Shape, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.base import RecurrentCell

__all__ = ["SeveralCells"]


class SeveralCells(RecurrentCell):
    """A cell made of several cells, each with its own noise.

    A subclass writes `input_shapes` and `step`.

    Args:
        cells: The cells, ours or plain Keras cells.

    Raises:
        ValueError: If `cells` is empty, holds something that is no cell, or a cell of ours that
            computes in another type than this one.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        owner = type(self).__name__
        check_cells(owner, cells)
        kwargs.setdefault("dtype", getattr(cells[0], "dtype_policy", None))
        super().__init__(**kwargs)
        for cell in cells:
            if isinstance(cell, RecurrentCell):  # Those of Keras cast for themselves.
                types = self.compute_dtype, cell.compute_dtype
                check_equal_settings(owner, "compute_dtype", *types)
        self.cells = list(cells)
        self.output_size = contract.output_size(self.cells[-1])

    def input_shapes(self, input_shape: Shape) -> list[Shape]:
        """Return the shape of what each cell reads.

        Args:
            input_shape: That of the input of one step, `(batch, features)`.
        """
        raise NotImplementedError

    def build(self, input_shape: Shape) -> None:
        """Build each cell for what it reads."""
        for cell, shape in zip(self.cells, self.input_shapes(input_shape), strict=True):
            contract.build_cell(cell, shape)
        self.built = True

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> list[Noise] | None:
        """Draw the noise of each cell, a list; `None` if no cell has any."""
        shapes = self.input_shapes((batch_size, features))
        noises = [
            contract.draw_noise(cell, batch_size, shape[-1], True, length)
            for cell, shape in zip(self.cells, shapes, strict=True)
        ]
        return noises if any(noise is not None for noise in noises) else None

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        cells = [keras.saving.serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "SeveralCells":
        """Build the cell from what `get_config` returned."""
        config = dict(config)
        deserialize = keras.saving.deserialize_keras_object
        cells = [deserialize(cell, custom_objects) for cell in config.pop("cells")]
        return cls(cells, **config)
