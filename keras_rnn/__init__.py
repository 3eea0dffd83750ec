"""Recurrent cells, sequence layers, wrappers and attention for Keras 3 on TensorFlow."""

from keras_rnn.attention import AdditiveAttention, AttentionCell, Memory
from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell, StackedRNNCells
from keras_rnn.layers import GRU, LSTM, RNN, SimpleRNN
from keras_rnn.wrappers import Bidirectional, StackedRNN

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AdditiveAttention",
    "AttentionCell",
    "Bidirectional",
    "GRUCell",
    "LSTMCell",
    "Memory",
    "RecurrentCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNN",
    "StackedRNNCells",
]
