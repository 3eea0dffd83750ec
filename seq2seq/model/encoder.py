"""The encoder: a deep bidirectional network over the source."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn import StackedRNN

__all__ = ["EncodedSource", "Encoder"]


class EncodedSource(NamedTuple):
    """What the encoder knows of the source.

    Attributes:
        values: One vector a token, `(batch, source_time, features)`; zeros at padding. Features are
            those of the top layer, and after them those of an embedding if attention sees it.
        mask: Boolean `(batch, source_time)`, false at padding.
        states: The last states of all layers, a list of `(batch, units)`.
    """

    values: Any
    mask: Any
    states: list[Any]


class Encoder(keras.layers.Layer):
    """Embed the source and read it with a stack of bidirectional layers.

        x_j = drop(embedding(source_j))
        h, states = layers(x)
        values_j = drop(h_j), or with `attend_embeddings` [drop(h_j); x_j]

    Where attention looks at the embedded words too, there is a way from a word to its translation
    that passes no recurrent layer.

    Reference: a context of outputs and embeddings: Gehring et al., 2017, section 3.3,
    https://arxiv.org/abs/1705.03122, who add the two, and score by the outputs alone; words that
    are rare in the text, and a way for them: Nguyen and Chiang, 2018, section 4,
    https://arxiv.org/abs/1710.01329

    Args:
        embedding: The embedding layer.
        layers: A `StackedRNN` of `Bidirectional` layers that return sequences and states.
        dropout: Rate at which the embedded input and the output are dropped in training.
        word_dropout: Rate at which whole words of the input are dropped in training.
        padding: The token that fills a sentence up.
        attend_embeddings: Whether the embedded words stand beside the output.

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
        attend_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embedding = embedding
        self.layers = layers
        self.attend_embeddings = attend_embeddings
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

    def output_shapes(self, source_shape: Any) -> EncodedSource:
        """Return the shapes of what `call` returns, given that of `source`."""
        size = self.embedding.output_dim
        values, *states = self.layers.compute_output_shape((*source_shape, size))
        width = values[-1] + (size if self.attend_embeddings else 0)
        return EncodedSource((*values[:-1], width), source_shape, states)

    def call(self, source: Any, training: bool = False) -> EncodedSource:
        """Encode a batch of sentences."""
        mask = ops.not_equal(source, self.padding)
        words = self.drop_words(self.embedding(source), training=training)
        embedded = self.drop(words, training=training)
        values, *states = self.layers(embedded, mask=mask, training=training)
        values = self.drop(values, training=training)
        if self.attend_embeddings:
            beside = ops.where(mask[..., None], embedded, ops.zeros_like(embedded))
            values = ops.concatenate([values, beside], axis=-1)
        return EncodedSource(values, mask, states)
