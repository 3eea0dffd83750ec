"""Layers around layers: both directions, layer on layer."""

from keras_rnn.wrappers.bidirectional import Bidirectional
from keras_rnn.wrappers.stacked import StackedRNN

__all__ = ["Bidirectional", "StackedRNN"]
