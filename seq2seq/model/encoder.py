"""The encoder: a deep bidirectional network over the source."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn import StackedRNN

__all__ = ["EncodedSource", "Encoder"]


class EncodedSource(NamedTuple):
    """What the encoder knows of the source.

    Attributes:
        values: One vector a token, `(batch, source_time, features)`; zeros at padding.
        mask: Boolean `(batch, source_time)`, false at padding.
        states: The last states of all layers, a list of `(batch, units)`.
    """

    values: Any
    mask: Any
    states: list[Any]


class Encoder(keras.layers.Layer):
    """Embed the source and read it with a stack of bidirectional layers.

        x_j = drop(embedding(source_j))
        values, states = layers(x)

    Args:
        embedding: The embedding layer.
        layers: A `StackedRNN` of `Bidirectional` layers that return sequences and states.
        dropout: Rate at which the embedded input and the output are dropped in training.
        word_dropout: Rate at which whole words of the input are dropped in training.
        padding: The token that fills a sentence up.

    Call arguments:
        source: Tokens, int32 `(batch, source_time)`.
        training: Whether dropout applies.

    Returns:
        An `EncodedSource`.
    """

    def __init__(
        self,
        *,
        embedding: Any,
        layers: StackedRNN,
        dropout: float,
        padding: int,
        word_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embedding = embedding
        self.layers = layers
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.drop_words = keras.layers.Dropout(
            word_dropout, noise_shape=(None, None, 1), dtype=self.dtype_policy
        )
        self.padding = padding

    def build(self, source_shape: Any) -> None:
        """Build the embedding and the layers."""
        if not self.embedding.built:
            self.embedding.build(source_shape)
        self.layers.build((*source_shape, self.embedding.output_dim))
        self.built = True

    def call(self, source: Any, training: bool = False) -> EncodedSource:
        """Encode a batch of sentences."""
        mask = ops.not_equal(source, self.padding)
        words = self.drop_words(self.embedding(source), training=training)
        embedded = self.drop(words, training=training)
        values, *states = self.layers(embedded, mask=mask, training=training)
        return EncodedSource(self.drop(values, training=training), mask, states)
