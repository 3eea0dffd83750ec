"""Layers around the further cells: `RNN` around the cell of that name."""

import keras

from keras_rnn.cells import (
    IndRNNCell,
    MGUCell,
    MinGRUCell,
    MinLSTMCell,
    MultiplicativeLSTMCell,
    ProjectedLSTMCell,
    SLSTMCell,
    SRUCell,
    SSRUCell,
)
from keras_rnn.layers.named import NamedRNN
from keras_rnn.layers.parallel import ParallelRNN

__all__ = [
    "MGU",
    "SLSTM",
    "SRU",
    "SSRU",
    "IndRNN",
    "MinGRU",
    "MinLSTM",
    "MultiplicativeLSTM",
    "ProjectedLSTM",
]


@keras.saving.register_keras_serializable(package="keras_rnn")
class IndRNN(NamedRNN):
    """The independently recurrent layer; equation, weights and arguments: `IndRNNCell`, then `RNN`.

    >>> from keras import ops
    >>> tuple(IndRNN(4, return_sequences=True)(ops.zeros((2, 5, 3))).shape)
    (2, 5, 4)
    """

    cell_class = IndRNNCell
    cell_name = "ind_rnn_cell"
    order = IndRNNCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class MGU(NamedRNN):
    """The minimal gated layer; equations, weights and arguments: `MGUCell`, then `RNN`.

    >>> from keras import ops
    >>> tuple(MGU(4)(ops.zeros((2, 5, 3))).shape)
    (2, 4)
    """

    cell_class = MGUCell
    cell_name = "mgu_cell"
    order = MGUCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class MultiplicativeLSTM(NamedRNN):
    """The multiplicative LSTM layer; equations, weights: `MultiplicativeLSTMCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h, c = MultiplicativeLSTM(4, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(h.shape), tuple(c.shape)
    ((2, 4), (2, 4), (2, 4))
    """

    cell_class = MultiplicativeLSTMCell
    cell_name = "multiplicative_lstm_cell"
    order = MultiplicativeLSTMCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class ProjectedLSTM(NamedRNN):
    """The LSTM layer with projection; equations, weights, arguments: `ProjectedLSTMCell`, `RNN`.

    >>> from keras import ops
    >>> output, r, c = ProjectedLSTM(6, 4, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(r.shape), tuple(c.shape)
    ((2, 4), (2, 4), (2, 6))
    """

    cell_class = ProjectedLSTMCell
    cell_name = "projected_lstm_cell"
    order = ProjectedLSTMCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class SLSTM(NamedRNN):
    """The sLSTM layer of xLSTM; equations, weights and arguments: `SLSTMCell`, then `RNN`.

    >>> from keras import ops
    >>> output, h, c, n, m = SLSTM(4, heads=2, return_state=True)(ops.zeros((2, 5, 3)))
    >>> tuple(output.shape), tuple(m.shape)
    ((2, 4), (2, 4))
    """

    cell_class = SLSTMCell
    cell_name = "slstm_cell"
    order = SLSTMCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class SRU(ParallelRNN):
    """The layer of simple recurrent units; equations: `SRUCell`, then `ParallelRNN`, `RNN`.

    >>> from keras import ops
    >>> tuple(SRU(4, gates_read_state=False, parallel=True)(ops.zeros((2, 5, 3))).shape)
    (2, 4)
    """

    cell_class = SRUCell
    cell_name = "sru_cell"
    order = SRUCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class SSRU(ParallelRNN):
    """The layer of simpler simple recurrent units: `SSRUCell`, then `ParallelRNN`, `RNN`.

    >>> from keras import ops
    >>> tuple(SSRU(4, return_sequences=True)(ops.zeros((2, 5, 3))).shape)
    (2, 5, 4)
    """

    cell_class = SSRUCell
    cell_name = "ssru_cell"
    order = SSRUCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class MinGRU(ParallelRNN):
    """The minimal GRU layer; equations, weights and arguments: `MinGRUCell`, `ParallelRNN`, `RNN`.

    >>> from keras import ops
    >>> tuple(MinGRU(4, return_sequences=True)(ops.zeros((2, 5, 3))).shape)
    (2, 5, 4)
    """

    cell_class = MinGRUCell
    cell_name = "min_gru_cell"
    order = MinGRUCell


@keras.saving.register_keras_serializable(package="keras_rnn")
class MinLSTM(ParallelRNN):
    """The minimal LSTM layer; equations, weights, arguments: `MinLSTMCell`, `ParallelRNN`, `RNN`.

    >>> from keras import ops
    >>> tuple(MinLSTM(4, return_sequences=True)(ops.zeros((2, 5, 3))).shape)
    (2, 5, 4)
    """

    cell_class = MinLSTMCell
    cell_name = "min_lstm_cell"
    order = MinLSTMCell
