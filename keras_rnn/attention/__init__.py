"""Attention: mechanisms, and the cells that put one around or between other cells."""

from keras_rnn.attention.bahdanau import BahdanauAttention
from keras_rnn.attention.base import AttentionMechanism, Look, Memory
from keras_rnn.attention.cell import AttentionCell
from keras_rnn.attention.conditional import ConditionalGRUCell
from keras_rnn.attention.gnmt import GNMTCell
from keras_rnn.attention.location import CoverageAttention, LocationAwareAttention
from keras_rnn.attention.luong import LuongAttention
from keras_rnn.attention.monotonic import BahdanauMonotonicAttention, LuongMonotonicAttention
from keras_rnn.attention.multi_head import MultiHeadDotAttention
from keras_rnn.attention.probability import hardmax, monotonic_attention, safe_cumprod
from keras_rnn.attention.several import SeveralAttentions

__all__ = [
    "AttentionCell",
    "AttentionMechanism",
    "BahdanauAttention",
    "BahdanauMonotonicAttention",
    "ConditionalGRUCell",
    "CoverageAttention",
    "GNMTCell",
    "LocationAwareAttention",
    "Look",
    "LuongAttention",
    "LuongMonotonicAttention",
    "Memory",
    "MultiHeadDotAttention",
    "SeveralAttentions",
    "hardmax",
    "monotonic_attention",
    "safe_cumprod",
]
