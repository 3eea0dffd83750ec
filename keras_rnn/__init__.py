"""Recurrent cells, sequence layers, wrappers and attention for Keras 3 on TensorFlow.

`import keras_rnn as layers` stands in place of `from keras import layers`: what is not recurrent,
such as `layers.Dense`, is Keras' own.
"""

from typing import Any

import keras

from keras_rnn.attention import (
    AttentionCell,
    AttentionMechanism,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    ConditionalGRUCell,
    CoverageAttention,
    GNMTCell,
    LocationAwareAttention,
    Look,
    LuongAttention,
    LuongMonotonicAttention,
    Memory,
    MultiHeadDotAttention,
    SeveralAttentions,
    hardmax,
    monotonic_attention,
    safe_cumprod,
)
from keras_rnn.cells import (
    CellWrapper,
    DeepTransitionCell,
    DropoutCell,
    EachStep,
    ESNCell,
    GRUCell,
    HighwayCell,
    IndRNNCell,
    LayerNormGRUCell,
    LayerNormLSTMCell,
    LayerNormSimpleRNNCell,
    LSTMCell,
    MaxAbsolute,
    MGUCell,
    MinGRUCell,
    MinLSTMCell,
    MultiplicativeLSTMCell,
    NASCell,
    PeepholeLSTMCell,
    ProjectedLSTMCell,
    RecurrentCell,
    ResidualCell,
    SimpleRNNCell,
    SLSTMCell,
    SRUCell,
    SSRUCell,
    StackedRNNCells,
    WeightDropCell,
    ZoneoutCell,
)
from keras_rnn.convert import convert
from keras_rnn.gradient_flow import GradientFlow, gradient_flow
from keras_rnn.gradient_plot import plot_gradient_flow
from keras_rnn.layers import (
    ESN,
    GRU,
    LSTM,
    MGU,
    NAS,
    RNN,
    SLSTM,
    SRU,
    SSRU,
    ConditionalGRU,
    DeepTransition,
    IndRNN,
    LayerNormGRU,
    LayerNormLSTM,
    LayerNormSimpleRNN,
    MinGRU,
    MinLSTM,
    MultiplicativeLSTM,
    PeepholeLSTM,
    ProjectedLSTM,
    SimpleRNN,
)
from keras_rnn.wrappers import Bidirectional, StackedRNN

__version__ = "0.1.0"

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
    "AttentionCell",
    "AttentionMechanism",
    "BahdanauAttention",
    "BahdanauMonotonicAttention",
    "Bidirectional",
    "CellWrapper",
    "ConditionalGRU",
    "ConditionalGRUCell",
    "CoverageAttention",
    "DeepTransition",
    "DeepTransitionCell",
    "DropoutCell",
    "ESNCell",
    "EachStep",
    "GNMTCell",
    "GRUCell",
    "GradientFlow",
    "HighwayCell",
    "IndRNN",
    "IndRNNCell",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "LayerNormSimpleRNN",
    "LayerNormSimpleRNNCell",
    "LocationAwareAttention",
    "Look",
    "LuongAttention",
    "LuongMonotonicAttention",
    "MGUCell",
    "MaxAbsolute",
    "Memory",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "MultiHeadDotAttention",
    "MultiplicativeLSTM",
    "MultiplicativeLSTMCell",
    "NASCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "ProjectedLSTM",
    "ProjectedLSTMCell",
    "RecurrentCell",
    "ResidualCell",
    "SLSTMCell",
    "SRUCell",
    "SSRUCell",
    "SeveralAttentions",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNN",
    "StackedRNNCells",
    "WeightDropCell",
    "ZoneoutCell",
    "convert",
    "gradient_flow",
    "hardmax",
    "monotonic_attention",
    "plot_gradient_flow",
    "safe_cumprod",
]


def __getattr__(name: str) -> Any:
    """Return the layer of Keras of the given name."""
    if not hasattr(keras.layers, name):
        raise AttributeError(f"module {__name__!r}, as `keras.layers`, has no attribute {name!r}")
    return getattr(keras.layers, name)


def __dir__() -> list[str]:
    """Return the names of this module and of the layers of Keras."""
    return sorted({*globals(), *dir(keras.layers)})
