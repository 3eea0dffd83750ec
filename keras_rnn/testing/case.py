"""A cell under test: fresh copies with random weights, and sequences to run them over."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np

from keras_rnn import _checks
from keras_rnn.cells import contract
from keras_rnn.layers import RNN

__all__ = ["CellCase", "Reference", "random_weights"]

Reference = Callable[[np.ndarray, Any, list[np.ndarray]], tuple[np.ndarray, Any]]
"""One step in NumPy: maps inputs, states and the cell's weights to output and next states."""

# Each row but the first and the last has three steps, so that they fit in one batch without any
# padding; the first has none, the last has all.
MASK = np.array(
    [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]],
    dtype=bool,
)
SCALE = 0.5  # Weights so large that gates open and close, so small that states stay small.
NOT_OF_A_LAYER = ("_initializer", "_regularizer", "_constraint")


class CellCase:
    """A cell under test, for the functions in `PROMISES`.

    The cell itself is only read. What runs are copies, made by
    `type(cell).from_config(cell.get_config())`, with random weights. What is slow to make, such as
    a compiled training step, is made once and kept for all promises.

    Args:
        cell: The cell: ours, a plain Keras cell, or cells in each other.
        features: Size of the input of one step.
        reference: One step in NumPy, `(inputs, states, weights) -> (output, states)`, with
            `inputs` of shape `(batch, features)`, `states` as the cell has them and `weights` as
            `cell.get_weights()` gives them; `None` if there is none.
        seed: Seed of weights and inputs.

    Raises:
        ValueError: If `cell` is no cell or `features` no size.

    >>> from keras_rnn import GRUCell
    >>> case = CellCase(GRUCell(3))
    >>> [weight.shape for weight in case.weights(case.built())]
    [(4, 9), (3, 9), (2, 9)]
    """

    def __init__(
        self, cell: Any, features: int = 4, reference: Reference | None = None, seed: int = 0
    ) -> None:
        self.cell = _checks.check_cell("CellCase", cell)
        example = "CellCase(cell, features=4)"
        self.features = _checks.check_positive_integer("CellCase", "features", features, example)
        self.reference = reference
        self.random = np.random.default_rng(seed)
        self.mask = MASK
        self.inputs = self.random.normal(size=(*MASK.shape, self.features))
        self._made: dict[Any, Any] = {}

    def copy(self, dtype: str | None = "float64") -> Any:
        """Return a fresh copy of the cell, not built, that computes in another type.

        Args:
            dtype: Name of a dtype policy; `None` leaves that of the cell.
        """
        config = self.cell.get_config()
        if dtype is None:
            return type(self.cell).from_config(config)
        usual = keras.config.dtype_policy()
        keras.config.set_dtype_policy(dtype)  # For cells whose config does not say.
        try:
            return type(self.cell).from_config(_with_dtype(config, dtype))
        finally:
            keras.config.set_dtype_policy(usual)

    def built(self, dtype: str = "float64") -> Any:
        """Return a fresh copy of the cell with the random weights of this case."""
        cell = self.copy(dtype)
        contract.build_cell(cell, (None, self.features))
        cell.set_weights(self.weights(cell))
        return cell

    def layer(self, dtype: str = "float64", **options: Any) -> RNN:
        """Return `RNN(cell)` around a fresh copy, which returns all outputs and the last states."""
        layer = RNN(self.built(dtype), return_sequences=True, return_state=True, **options)
        layer.build((None, None, self.features))
        return layer

    def weights(self, cell: Any) -> list[np.ndarray]:
        """Return the random weights of this case, for any built copy of the cell."""
        if "weights" not in self._made:
            self._made["weights"] = random_weights(cell, self.random)
        return self._made["weights"]

    def once(self, make: Callable[..., Any], *arguments: Any) -> Any:
        """Return `make(self, *arguments)`, made at the first call and kept."""
        key = make, arguments
        if key not in self._made:
            self._made[key] = make(self, *arguments)
        return self._made[key]

    def keep(self, make: Callable[..., Any], made: Any) -> None:
        """Keep `made` as what `once(make)` returns."""
        self._made[make, ()] = made

    @cached_property
    def base(self) -> RNN:
        """The layer in float64 that most promises share."""
        return self.layer()


def random_weights(layer: Any, random: np.random.Generator) -> list[np.ndarray]:
    """Return random values for the weights of a layer; whole numbers stay as they are."""
    return [
        random.normal(scale=SCALE, size=weight.shape)
        if keras.backend.is_float_dtype(weight.dtype)
        else np.asarray(weight)
        for weight in layer.weights
    ]


def _with_dtype(config: Any, dtype: str) -> Any:
    """Return a config in which the cell, and each cell in it, has the given dtype policy."""
    if isinstance(config, list | tuple):
        return type(config)(_with_dtype(entry, dtype) for entry in config)
    if not isinstance(config, dict):
        return config
    return {
        name: dtype
        if name == "dtype"
        else value
        if name.endswith(NOT_OF_A_LAYER)
        else _with_dtype(value, dtype)
        for name, value in config.items()
    }
