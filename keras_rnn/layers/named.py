"""`SimpleRNN`, `GRU` and `LSTM`: `RNN` around the cell of that name, with Keras' arguments."""

from typing import Any

import keras

from keras_rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_rnn.layers.rnn import RNN

__all__ = ["GRU", "LSTM", "SimpleRNN"]

_LAYER_ARGUMENTS = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
    "recompute",
    "truncation",
    "activity_regularizer",
    "name",
)


class NamedRNN(RNN):
    """An `RNN` that makes its own cell, of the class `cell_class`.

    Args:
        units: Size of the state and of the output.
        *args: Further arguments of the cell, in its order.
        **kwargs: Arguments of the cell or of `RNN`, by name. `implementation` and `use_cudnn` are
            taken because Keras has them: they choose a kernel there, never a result.
    """

    cell_class: type
    cell_name: str  # That of Keras, so that the paths of weights are too.

    def __init__(self, units: int, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("use_cudnn", None)
        layer_arguments = {name: kwargs.pop(name) for name in _LAYER_ARGUMENTS if name in kwargs}
        shared = {name: kwargs.pop(name) for name in ("dtype", "trainable") if name in kwargs}
        cell = self.cell_class(units, *args, name=self.cell_name, **shared, **kwargs)
        super().__init__(cell, **layer_arguments, **shared)

    def __getattr__(self, name: str) -> Any:
        """Look up the cell's arguments, such as `units` and `activation`, on the cell."""
        if name == "cell" or name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.cell, name)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments: those of the layer and those of the cell."""
        config = super().get_config()
        del config["cell"]
        return {**self.cell.get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "NamedRNN":
        """Build the layer from what `get_config` returned."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_rnn")
class SimpleRNN(NamedRNN):
    """The simple recurrent layer: `s_t = f(U x_t + W s_{t-1} + b)`, one U, W and b for all steps.

    Takes the arguments of `SimpleRNNCell`, then those of `RNN`; weights, shapes and results are
    those of `keras.layers.SimpleRNN`.

    >>> from keras import ops
    >>> tuple(SimpleRNN(4, activation="sigmoid")(ops.zeros((2, 5, 3))).shape)
    (2, 4)
    """

    cell_class = SimpleRNNCell
    cell_name = "simple_rnn_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class GRU(NamedRNN):
    """The gated recurrent layer; equations, weights and arguments: `GRUCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h = GRU(4, return_sequences=True, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(h.shape)
    ((2, 5, 4), (2, 4))
    """

    cell_class = GRUCell
    cell_name = "gru_cell"


@keras.saving.register_keras_serializable(package="keras_rnn")
class LSTM(NamedRNN):
    """The long short-term memory layer; equations, weights and arguments: `LSTMCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h, c = LSTM(4, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(h.shape), tuple(c.shape)
    ((2, 4), (2, 4), (2, 4))
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"
