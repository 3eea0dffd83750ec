"""Sequence layers: a cell run over time."""

from keras_rnn.layers.base import SequenceLayer
from keras_rnn.layers.named import GRU, LSTM, SimpleRNN
from keras_rnn.layers.named_addons import (
    ESN,
    NAS,
    LayerNormGRU,
    LayerNormLSTM,
    LayerNormSimpleRNN,
    PeepholeLSTM,
)
from keras_rnn.layers.rnn import RNN

__all__ = [
    "ESN",
    "GRU",
    "LSTM",
    "NAS",
    "RNN",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LayerNormSimpleRNN",
    "PeepholeLSTM",
    "SequenceLayer",
    "SimpleRNN",
]
