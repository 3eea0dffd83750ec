"""Cells: one step of a recurrent network in time."""

from keras_rnn.cells.base import RecurrentCell
from keras_rnn.cells.deep_transition import DeepTransitionCell
from keras_rnn.cells.dropout import DropoutCell
from keras_rnn.cells.esn import ESNCell
from keras_rnn.cells.gru import GRUCell
from keras_rnn.cells.highway import HighwayCell
from keras_rnn.cells.ind import IndRNNCell, MaxAbsolute
from keras_rnn.cells.layer_norm_gru import LayerNormGRUCell
from keras_rnn.cells.layer_norm_lstm import LayerNormLSTMCell
from keras_rnn.cells.layer_norm_simple import LayerNormSimpleRNNCell
from keras_rnn.cells.linear import Linear, LinearCell
from keras_rnn.cells.lstm import LSTMCell
from keras_rnn.cells.mgu import MGUCell
from keras_rnn.cells.min import MinGRUCell, MinLSTMCell
from keras_rnn.cells.multiplicative import MultiplicativeLSTMCell
from keras_rnn.cells.nas import NASCell
from keras_rnn.cells.noise import EachStep
from keras_rnn.cells.peephole import PeepholeLSTMCell
from keras_rnn.cells.projected import ProjectedLSTMCell
from keras_rnn.cells.residual import ResidualCell
from keras_rnn.cells.simple import SimpleRNNCell
from keras_rnn.cells.slstm import SLSTMCell
from keras_rnn.cells.sru import SRUCell, SSRUCell
from keras_rnn.cells.stacked import StackedRNNCells
from keras_rnn.cells.weight_drop import WeightDropCell
from keras_rnn.cells.wrapper import CellWrapper
from keras_rnn.cells.zoneout import ZoneoutCell

__all__ = [
    "CellWrapper",
    "DeepTransitionCell",
    "DropoutCell",
    "ESNCell",
    "EachStep",
    "GRUCell",
    "HighwayCell",
    "IndRNNCell",
    "LSTMCell",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "LayerNormSimpleRNNCell",
    "Linear",
    "LinearCell",
    "MGUCell",
    "MaxAbsolute",
    "MinGRUCell",
    "MinLSTMCell",
    "MultiplicativeLSTMCell",
    "NASCell",
    "PeepholeLSTMCell",
    "ProjectedLSTMCell",
    "RecurrentCell",
    "ResidualCell",
    "SLSTMCell",
    "SRUCell",
    "SSRUCell",
    "SimpleRNNCell",
    "StackedRNNCells",
    "WeightDropCell",
    "ZoneoutCell",
]
