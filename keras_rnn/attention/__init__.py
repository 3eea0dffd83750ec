"""Attention: mechanisms, and the cell that puts one around another cell."""

from keras_rnn.attention.additive import AdditiveAttention, Memory
from keras_rnn.attention.cell import AttentionCell

__all__ = ["AdditiveAttention", "AttentionCell", "Memory"]
