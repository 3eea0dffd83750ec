"""Tiny translation models with random weights, and batches of random tokens to run them on."""

import keras
import numpy as np

from seq2seq.config import Config
from seq2seq.marks import END, IMPOSSIBLE
from seq2seq.model.translator import DecoderStart, build_model

VOCABULARY = 270
SIZES = {
    "data.vocabulary_size": VOCABULARY,
    "model.embedding_size": 5,
    "model.encoder_layers": 2,
    "model.encoder_units": 3,
    "model.decoder_layers": 2,
    "model.decoder_units": 6,
    "model.attention_units": 4,
    "model.dropout": 0.0,
}


def tiny_model_config(**changes):
    """`model_cell="lstm"` changes `model.cell`: the first underscore stands for the dot."""
    dotted = {name.replace("_", ".", 1): value for name, value in changes.items()}
    return Config().replace({**SIZES, **dotted})


def random_model(config, rng, scale=0.6):
    """Build the model; no weight keeps a value of zero, under which a fault could hide."""
    model = build_model(config)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) * scale)
    return model


def says(bias, *tokens):
    """Make the model of this output bias say these tokens rather than any other."""
    is_said = np.isin(np.arange(bias.shape[0]), tokens)
    bias.assign(np.where(is_said, 100.0, -100.0))


def random_tokens(rng, lengths, width=None):
    """Rows of random tokens of these lengths, padded with zeros on the right."""
    tokens = np.zeros((len(lengths), width or max(lengths)), "int32")
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = rng.integers(4, VOCABULARY, size=length)
    return tokens


class BagModel(keras.Model):
    """Stands in for a translation model where only its signature matters; compiles in no time.

    logits_t = V drop(E[target_{t-1}] + mean_j E[source_j]) + b
    """

    def __init__(self, vocabulary_size, size=6, dropout=0.0, seed=1, **kwargs):
        super().__init__(**kwargs)
        options = {"dtype": self.dtype_policy}
        uniform = keras.initializers.RandomUniform(seed=seed)
        self.embedding = keras.layers.Embedding(vocabulary_size, size, uniform, **options)
        normal = keras.initializers.RandomNormal(stddev=0.3, seed=seed)
        self.dense = keras.layers.Dense(vocabulary_size, kernel_initializer=normal, **options)
        self.drop = keras.layers.Dropout(dropout, seed=seed, **options)
        self((np.ones((1, 1), "int32"), np.ones((1, 1), "int32")))

    def call(self, inputs, training=False):
        source, target_in = inputs
        context = keras.ops.mean(self.embedding(source), axis=1, keepdims=True)
        seen = self.drop(self.embedding(target_in) + context, training=training)
        return keras.ops.cast(self.dense(seen), "float32")


class SteppingBag(BagModel):
    """A bag model that can be run step by step too, like the decoder of a translation model."""

    @property
    def decoder(self):
        return self

    def encode(self, source):
        return DecoderStart(keras.ops.mean(self.embedding(source), axis=1), None)

    @property
    def output_layer(self):
        return self

    def projection(self, with_marks=True):
        """Not the weights, but what is added to the logits."""
        return np.where(with_marks | (np.arange(self.dense.units) >= END), 0.0, IMPOSSIBLE)

    def step(self, tokens, states, memory, projection=0.0):
        logits = keras.ops.cast(self.dense(self.embedding(tokens) + states), "float32")
        return logits + projection, states


def step_by_step(model, source, target_in):
    """Run the decoder as a search would, on tokens that are known."""
    states, memory = model.encode(source)
    logits = []
    for tokens in target_in.T:
        step, states = model.decoder.step(tokens, states, memory)
        logits.append(step.numpy())
    return np.stack(logits, axis=1)
