"""Recurrent cells, sequence layers, wrappers and attention for Keras 3 on TensorFlow."""

from keras_rnn.attention import AdditiveAttention, AttentionCell, Memory
from keras_rnn.cells import GRUCell, LSTMCell, RecurrentCell, SimpleRNNCell, StackedRNNCells
from keras_rnn.gradient_flow import GradientFlow, gradient_flow
from keras_rnn.gradient_plot import plot_gradient_flow
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
    "GradientFlow",
    "LSTMCell",
    "Memory",
    "RecurrentCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNN",
    "StackedRNNCells",
    "gradient_flow",
    "plot_gradient_flow",
]
