"""`SimpleRNN`, `GRU` and `LSTM`: `RNN` around the cell of that name, with Keras' arguments."""

import operator
from collections.abc import Callable
from typing import Any

import keras

from keras_rnn._arguments import arguments_of, in_the_order_of
from keras_rnn._checks import check_choice
from keras_rnn._types import Noise, State, Tensor
from keras_rnn.cells import GRUCell, LSTMCell, SimpleRNNCell
from keras_rnn.layers.cudnn import cudnn_applies, cudnn_scan
from keras_rnn.layers.rnn import RNN
from keras_rnn.scan import ScanResult

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class NamedRNN(RNN):
    """An `RNN` that makes its own cell, and has the cell's arguments as attributes.

    A subclass sets `cell_class`; `cell_name`, as Keras calls the cell, so that the paths of weights
    are those of Keras; and `order`, what takes the same arguments by position in the same order.

    Args:
        **kwargs: Arguments of the cell and of `RNN`.
    """

    cell_class: type
    cell_name: str
    order: Callable[..., Any]
    reads_vectors = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "cell_class" in vars(cls):
            for name in arguments_of(cls.cell_class):
                setattr(cls, name, property(operator.attrgetter(f"cell.{name}")))
            cls.__init__ = in_the_order_of(cls.order)(cls.__init__)

    def __init__(self, **kwargs: Any) -> None:
        shared = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        names = arguments_of(self.cell_class) & kwargs.keys()
        of_cell = {name: kwargs.pop(name) for name in names}
        cell = self.cell_class(name=self.cell_name, **shared, **of_cell)
        super().__init__(cell, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments: those of the layer and those of the cell."""
        config = super().get_config()
        del config["cell"]
        regularizer = keras.regularizers.serialize(self.activity_regularizer)
        return {**self.cell.get_config(), **config, "activity_regularizer": regularizer}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "NamedRNN":
        """Build the layer from what `get_config` returned."""
        return cls(**config)


class CudnnRNN(NamedRNN):
    """A `NamedRNN` for whose cell cuDNN has a kernel.

    Args:
        use_cudnn: Whether to use the kernel: `"auto"`, where it applies; `True`, or raise an error.
        **kwargs: Those of `NamedRNN`.
    """

    def __init__(self, *, use_cudnn: bool | str = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        choices = ("auto", True, False)
        self.use_cudnn = check_choice(type(self).__name__, "use_cudnn", use_cudnn, choices)
        if use_cudnn and cudnn_applies(self):
            self.supports_jit = False

    def scan(
        self,
        sequences: Tensor,
        states: State,
        noise: Noise | None,
        constants: dict[str, Any],
        training: bool,
        mask: Tensor | None,
    ) -> ScanResult:
        """Run the cell over the sequences, by cuDNN where it applies."""

        def scan() -> ScanResult:
            return super(CudnnRNN, self).scan(sequences, states, noise, constants, training, mask)

        return cudnn_scan(self, scan, sequences, states, noise, mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; `use_cudnn`, which Keras leaves out, where set."""
        config = super().get_config()
        return config if self.use_cudnn == "auto" else {**config, "use_cudnn": self.use_cudnn}


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
    order = keras.layers.SimpleRNN


@keras.saving.register_keras_serializable(package="keras_rnn")
class GRU(CudnnRNN):
    """The gated recurrent layer; equations, weights and arguments: `GRUCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h = GRU(4, return_sequences=True, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(h.shape)
    ((2, 5, 4), (2, 4))
    """

    cell_class = GRUCell
    cell_name = "gru_cell"
    order = keras.layers.GRU


@keras.saving.register_keras_serializable(package="keras_rnn")
class LSTM(CudnnRNN):
    """The long short-term memory layer; equations, weights and arguments: `LSTMCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h, c = LSTM(4, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(h.shape), tuple(c.shape)
    ((2, 4), (2, 4), (2, 4))
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"
    order = keras.layers.LSTM
