"""`RNN` around the cells of TensorFlow Addons and the other layer-normalised cells, by name."""

import keras

from keras_rnn.cells import (
    ESNCell,
    LayerNormGRUCell,
    LayerNormLSTMCell,
    LayerNormSimpleRNNCell,
    NASCell,
    PeepholeLSTMCell,
)
from keras_rnn.layers.named import NamedRNN

__all__ = [
    "ESN",
    "NAS",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LayerNormSimpleRNN",
    "PeepholeLSTM",
]


@keras.saving.register_keras_serializable(package="keras_rnn")
class ESN(NamedRNN):
    """The echo state layer; equations, weights and arguments: `ESNCell`, then `RNN`.

    >>> from keras import ops
    >>> layer = ESN(100, seed=1)
    >>> tuple(layer(ops.zeros((2, 5, 3))).shape), len(layer.trainable_weights)
    ((2, 100), 0)
    """

    cell_class = ESNCell
    cell_name = "esn_cell"
    order = ESNCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormGRU(NamedRNN):
    """The layer-normalised GRU; equations, weights and arguments: `LayerNormGRUCell`, then `RNN`.

    >>> from keras import ops
    >>> tuple(LayerNormGRU(4)(ops.zeros((2, 5, 3))).shape)
    (2, 4)
    """

    cell_class = LayerNormGRUCell
    cell_name = "layer_norm_gru_cell"
    order = LayerNormGRUCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormLSTM(NamedRNN):
    """The layer-normalised LSTM; equations, weights and arguments: `LayerNormLSTMCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h, c = LayerNormLSTM(4, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(h.shape), tuple(c.shape)
    ((2, 4), (2, 4), (2, 4))
    """

    cell_class = LayerNormLSTMCell
    cell_name = "layer_norm_lstm_cell"
    order = LayerNormLSTMCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class LayerNormSimpleRNN(NamedRNN):
    """The layer-normalised simple layer; equations and more: `LayerNormSimpleRNNCell`, then `RNN`.

    >>> from keras import ops
    >>> tuple(LayerNormSimpleRNN(4, layernorm_epsilon=1e-3)(ops.zeros((2, 5, 3))).shape)
    (2, 4)
    """

    cell_class = LayerNormSimpleRNNCell
    cell_name = "layer_norm_simple_rnn_cell"
    order = LayerNormSimpleRNNCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class NAS(NamedRNN):
    """The layer of `NASCell`, which has its equations, weights and arguments; then those of `RNN`.

    >>> from keras import ops
    >>> output, c, m = NAS(4, projection=2, return_state=True)(ops.zeros((3, 5, 6)))
    >>> tuple(output.shape), tuple(c.shape), tuple(m.shape)
    ((3, 2), (3, 4), (3, 2))
    """

    cell_class = NASCell
    cell_name = "nas_cell"
    order = NASCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class PeepholeLSTM(NamedRNN):
    """The LSTM with peepholes; equations, weights and arguments: `PeepholeLSTMCell`, then `RNN`.

    >>> from keras import ops
    >>> tuple(PeepholeLSTM(4, return_sequences=True)(ops.zeros((2, 5, 3))).shape)
    (2, 5, 4)
    """

    cell_class = PeepholeLSTMCell
    cell_name = "peephole_lstm_cell"
    order = PeepholeLSTMCell
