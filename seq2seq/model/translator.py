"""The translation model: encoder, bridge, decoder. `build_model(config)`: here config ends."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from keras_rnn import Bidirectional, Memory, StackedRNN
from seq2seq.config import Config
from seq2seq.marks import PAD
from seq2seq.model.bridge import Bridge, CopyBridge, DenseBridge, ZeroBridge
from seq2seq.model.decoder import Decoder
from seq2seq.model.embedding import ScaledEmbedding
from seq2seq.model.encoder import Encoder
from seq2seq.model.parts import decoder_cell, encoder_layer, states_per_cell

__all__ = ["DecoderStart", "TranslationModel", "build_model"]

BRIDGES = {"zero": ZeroBridge, "copy": CopyBridge, "dense": DenseBridge}


class DecoderStart(NamedTuple):
    """All that decoding needs of the source.

    Attributes:
        states: The decoder's states before its first step.
        memory: What its attention looks at.
    """

    states: Any
    memory: Memory


class TranslationModel(keras.Model):
    """A sequence-to-sequence model with attention.

        values, last states = encoder(source)
        s_0 = bridge(last states)
        logits_t, s_t = decoder(target_{t-1}, s_{t-1}, values)

    Args:
        encoder: The `Encoder`.
        bridge: The `Bridge`.
        decoder: The `Decoder`.

    Call arguments:
        inputs: `(source, target_in)`, both int32: `(batch, source_time)`, and
            `(batch, target_time)`, the target shifted to what each step reads.
        training: Whether dropout applies.

    Returns:
        Logits, float32 `(batch, target_time, vocabulary_size)`.

    Reference: Sutskever et al., 2014, https://arxiv.org/abs/1409.3215; attention: Bahdanau et al.,
    2015, https://arxiv.org/abs/1409.0473
    """

    def __init__(
        self, *, encoder: Encoder, bridge: Bridge, decoder: Decoder, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder
        self.bridge = bridge
        self.decoder = decoder

    def build(self, inputs_shape: Any) -> None:
        """Build the decoder, the encoder and the bridge.

        Args:
            inputs_shape: The shapes of `(source, target_in)`.
        """
        encoded = self.encoder.output_shapes(inputs_shape[0])
        self.decoder.build((None, self.decoder.embedding.output_dim), encoded.values)
        self.encoder.build(inputs_shape[0])
        self.bridge.build(encoded.states)
        self.built = True

    def encode(self, source: Any, training: bool = False) -> DecoderStart:
        """Read the source: return the decoder's first states and its memory."""
        encoded = self.encoder(source, training=training)
        memory = self.decoder.memory(encoded.values, encoded.mask)
        states = self.decoder.initial_state(self.bridge(encoded.states), memory)
        return DecoderStart(states, memory)

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Return the logits of all steps of a known target (teacher forcing)."""
        source, target_in = inputs
        start = self.encode(source, training=training)
        return self.decoder(target_in, start.states, start.memory, training=training)


def build_model(config: Config) -> TranslationModel:
    """Build the model that the configuration describes, with its weights.

    The weights and the dropout follow `config.training.seed`, the precision
    `config.training.precision`.

    >>> import numpy as np
    >>> from seq2seq.config import Config
    >>> tiny = {"data.vocabulary_size": 300, "model.encoder_units": 4, "model.decoder_units": 4}
    >>> model = build_model(Config().replace(tiny))
    >>> tuple(model((np.ones((2, 5), "int32"), np.ones((2, 3), "int32"))).shape)
    (2, 3, 300)
    """
    with _seeded(config.training.seed):
        return _build(config)


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let Keras draw its default seeds, which are Python's random numbers, from `seed`.

    Keras draws the seed of each initializer and dropout that has none from Python's `random`. What
    `keras.utils.set_random_seed` would change besides, for all of the process, stays as it was.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _build(config: Config) -> TranslationModel:
    model, vocabulary_size = config.model, config.data.vocabulary_size
    dtype = config.training.precision
    source_embedding = target_embedding = _embedding(config, "source_embedding")
    if not config.data.shared_vocabulary:
        target_embedding = _embedding(config, "target_embedding")
    count = states_per_cell(config)
    translator = TranslationModel(
        encoder=_encoder(config, source_embedding),
        bridge=BRIDGES[model.bridge](
            sizes=[model.decoder_units] * (model.decoder_layers * count),
            states_per_layer=2 * count,
            dtype=dtype,
        ),
        decoder=Decoder(
            embedding=target_embedding,
            cell=decoder_cell(config),
            vocabulary_size=vocabulary_size,
            tie_embeddings=model.tie_embeddings,
            dropout=model.dropout,
            word_dropout=model.word_dropout,
            normalize_output=model.normalize_output,
            dtype=dtype,
        ),
        dtype=dtype,
    )
    translator.build(((None, None), (None, None)))
    return translator


def _embedding(config: Config, name: str) -> Any:
    size, scaled = config.model.embedding_size, config.model.scale_embeddings
    return (ScaledEmbedding if scaled else keras.layers.Embedding)(
        config.data.vocabulary_size,
        size,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=size**-0.5),
        dtype=config.training.precision,
        name=name,
    )


def _encoder(config: Config, embedding: Any) -> Encoder:
    model, dtype = config.model, config.training.precision
    layers = [
        Bidirectional(encoder_layer(config), dtype=dtype) for _ in range(model.encoder_layers)
    ]
    return Encoder(
        embedding=embedding,
        layers=StackedRNN(layers, dropout=model.dropout, residual=model.residual, dtype=dtype),
        dropout=model.dropout,
        word_dropout=model.word_dropout,
        attend_embeddings=model.attend_embeddings,
        padding=PAD,
        dtype=dtype,
    )
