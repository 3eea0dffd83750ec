"""An embedding whose vectors are long enough for a recurrent network to learn from at once."""

from typing import Any

import keras

__all__ = ["ScaledEmbedding"]


class ScaledEmbedding(keras.layers.Embedding):
    """An embedding, times the square root of its size.

        x_t = sqrt(d) E[token_t],      E ~ N(0, 1 / d)

    The rows of an output layer of products should have a length of about 1, for small first logits;
    the entries of an input should have a variance of 1, as initializers take for granted. With tied
    embeddings one matrix is both, and this factor lies between them. Without it the first states
    are nearly zero, and the first updates go into making E longer.

    Reference: the factor: Vaswani et al., 2017, section 3.4, https://arxiv.org/abs/1706.03762

    Args:
        input_dim: The size of the vocabulary.
        output_dim: d, the size of an embedding.

    Further arguments are those of `keras.layers.Embedding`. `embeddings` is E, without the factor.
    """

    def call(self, inputs: Any) -> Any:
        """Embed tokens, integers of any shape; returns that shape and `output_dim`."""
        return super().call(inputs) * self.output_dim**0.5
