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
from keras_rnn.layers.named_composite import ConditionalGRU, DeepTransition
from keras_rnn.layers.named_further import (
    MGU,
    SLSTM,
    SRU,
    SSRU,
    IndRNN,
    MinGRU,
    MinLSTM,
    MultiplicativeLSTM,
    ProjectedLSTM,
)
from keras_rnn.layers.rnn import RNN

__all__ = [
    "ESN",
    "GRU",
    "LSTM",
    "MGU",
    "NAS",
    "RNN",
    "SLSTM",
    "SRU",
    "SSRU",
    "ConditionalGRU",
    "DeepTransition",
    "IndRNN",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LayerNormSimpleRNN",
    "MinGRU",
    "MinLSTM",
    "MultiplicativeLSTM",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "SequenceLayer",
    "SimpleRNN",
]
