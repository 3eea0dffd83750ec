"""Cells: one step of a recurrent network in time."""

from keras_rnn.cells.base import RecurrentCell
from keras_rnn.cells.gru import GRUCell
from keras_rnn.cells.lstm import LSTMCell
from keras_rnn.cells.simple import SimpleRNNCell
from keras_rnn.cells.stacked import StackedRNNCells

__all__ = ["GRUCell", "LSTMCell", "RecurrentCell", "SimpleRNNCell", "StackedRNNCells"]
