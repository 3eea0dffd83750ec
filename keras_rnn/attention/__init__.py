"""Attention: mechanisms, and the cell that puts one around another cell."""

from keras_rnn.attention.additive import AdditiveAttention, Memory
from keras_rnn.attention.cell import AttentionCell
from keras_rnn.attention.conditional import ConditionalGRUCell

__all__ = ["AdditiveAttention", "AttentionCell", "ConditionalGRUCell", "Memory"]
