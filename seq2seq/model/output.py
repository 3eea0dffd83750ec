"""The output layer: from what the decoder says at a step to a logit for each token."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from seq2seq.marks import BEGIN, IMPOSSIBLE, PAD, UNKNOWN

__all__ = ["OutputLayer", "Projection"]

EPSILON = 1e-6
"""Added to squared lengths: a vector of zeros has cosines of 0, one of 0.001 has 0.7 of its own."""


class Projection(NamedTuple):
    """The weights of an output layer, read once for many steps.

    Attributes:
        kernel: V, `(features, vocabulary_size)`, or where directions count its columns of length g.
        bias: b, float32 `(vocabulary_size,)`.
    """

    kernel: Any
    bias: Any


class OutputLayer(keras.layers.Layer):
    """The textbook's V: `logits = a V + b`, with V of its own or that of an embedding, transposed.

    With `normalize` directions alone count, of a and of each column of V:

        logits_k = g cos(a, V_k) + b_k

    A product favours a token whose column is long, and those of frequent tokens become long; of
    cosines all are at most 1, so that what is rare is chosen where it fits.

    g is at first 2 log(vocabulary_size): a token with a cosine of 1 then has a probability of
    1 - 1 / vocabulary_size, if the cosines of the others are 0. From much less than that an
    optimizer, which moves all weights at one rate, takes thousands of updates to be as sure.

    `kernel` (V) is `(features, vocabulary_size)`, `bias` (b) `(vocabulary_size,)`, and `scale` (g)
    a scalar. The logits are float32 whatever the precision, since a softmax over a vocabulary needs
    it.

    Reference: tied embeddings: Press and Wolf, 2017, https://arxiv.org/abs/1608.05859; lengths that
    are fixed: Nguyen and Chiang, 2018, https://arxiv.org/abs/1710.01329, with g learned as in
    Nguyen and Salazar, 2019, https://arxiv.org/abs/1910.05895

    Args:
        vocabulary_size: Number of tokens.
        embedding: The embedding layer whose matrix, transposed, is V; `None` for one of its own.
        normalize: Whether directions alone count.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding: Any = None,
        normalize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding = embedding
        self.normalize = normalize

    def build(self, input_shape: Any) -> None:
        """Create b, V unless it is an embedding's, and g if it is needed."""
        if self.embedding is None:
            self.kernel = self.add_weight((input_shape[-1], self.vocabulary_size), name="kernel")
        self.bias = self.add_weight(
            (self.vocabulary_size,), name="bias", initializer="zeros", autocast=False
        )
        if self.normalize:
            initial = keras.initializers.Constant(2 * math.log(self.vocabulary_size))
            self.scale = self.add_weight((), name="scale", initializer=initial, autocast=False)
        self.built = True

    def projection(self, with_marks: bool = True) -> Projection:
        """Return V and b as they are now, V with columns of length g if directions count.

        Args:
            with_marks: Whether the marks that no sentence has may be chosen.
        """
        tied = self.embedding
        kernel = self.kernel if tied is None else ops.transpose(tied.embeddings)
        if self.normalize:
            kernel = self.scale * _directions(kernel, axis=0)
        bias = ops.cast(self.bias, "float32")
        if not with_marks:
            impossible = np.zeros(self.vocabulary_size, "float32")
            impossible[[PAD, UNKNOWN, BEGIN]] = IMPOSSIBLE
            bias = bias + impossible
        return Projection(ops.cast(kernel, self.compute_dtype), bias)

    def logits(self, inputs: Any, projection: Projection) -> Any:
        """Return the logits of each of the inputs, `(..., features)`."""
        if self.normalize:
            inputs = ops.cast(_directions(inputs, axis=-1), projection.kernel.dtype)
        logits = ops.matmul(inputs, projection.kernel)
        return ops.cast(logits, "float32") + projection.bias

    def call(self, inputs: Any) -> Any:
        """Return the logits of each of the inputs, `(..., features)`."""
        return self.logits(inputs, self.projection())


def _directions(vectors: Any, axis: int) -> Any:
    """Return the vectors along an axis with a length of 1, float32; zeros stay zeros.

    `keras.ops.normalize` divides by a root of 0 first: compiled by XLA its gradient is NaN there.
    """
    vectors = ops.cast(vectors, "float32")
    squares = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.rsqrt(squares + EPSILON)
