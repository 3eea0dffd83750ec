"""Cells: one step of a recurrent network in time."""

from keras_rnn.cells.base import RecurrentCell
from keras_rnn.cells.gru import GRUCell
from keras_rnn.cells.lstm import LSTMCell
from keras_rnn.cells.noise import EachStep
from keras_rnn.cells.simple import SimpleRNNCell
from keras_rnn.cells.stacked import StackedRNNCells
from keras_rnn.cells.wrapper import CellWrapper

__all__ = [
    "CellWrapper",
    "EachStep",
    "GRUCell",
    "LSTMCell",
    "RecurrentCell",
    "SimpleRNNCell",
    "StackedRNNCells",
]
