"""Train one translation model in three libraries, and print the target tokens each does a second.

    python benchmarks/translator.py [--batch 96] [--length 16] [--samples 7]

The model is that of translator.toml: two bidirectional GRU layers with a residual
connection, a GRU decoder with additive attention and input feeding, tied embeddings. It is built
of `seq2seq` and `keras_rnn`, of `keras.layers` alone, and of PyTorch (`pip install torch==2.13.0`;
left out without it). One update is the loss, its gradients, clipping and Adam. Updates are
interleaved, and dropped where the machine was slow; see layers.py.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from layers import Run, measure

from seq2seq.config import Config, load_config
from seq2seq.model import build_model
from seq2seq.training import keep_freed_memory, parallel_parts, share_cores
from seq2seq.training.step import make_train_step

RATE = 1e-3


class KerasAttentionCell(keras.layers.Layer):
    """The decoder's step as a cell for `keras.layers.RNN`: the memory travels in the states."""

    def __init__(self, config: Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        model = config.model
        self.cell = keras.layers.GRUCell(model.decoder_units)
        self.query = keras.layers.Dense(model.attention_units, use_bias=False)
        self.score = keras.layers.Dense(1, use_bias=False)
        self.merge = keras.layers.Dense(model.embedding_size, "tanh", use_bias=False)
        self.output_size = model.embedding_size
        self.state_size = [model.decoder_units, model.embedding_size, 1, 1, 1]

    def call(self, inputs: Any, states: Any) -> tuple[Any, Any]:
        """Step the cell, look at the memory."""
        h, fed, values, keys, bias = states
        h, _ = self.cell(ops.concatenate([inputs, fed], axis=-1), [h])
        scores = self.score(ops.tanh(self.query(h)[:, None] + keys))[..., 0] + bias
        context = ops.matmul(ops.softmax(scores)[:, None], values)[:, 0]
        fed = self.merge(ops.concatenate([h, context], axis=-1))
        return fed, [h, fed, values, keys, bias]


class KerasTranslator(keras.Model):
    """The model of `keras.layers`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        model = config.model
        words, size = config.data.vocabulary_size, model.embedding_size
        self.embedding = keras.layers.Embedding(words, size)
        self.encoder = [
            keras.layers.Bidirectional(
                keras.layers.GRU(model.encoder_units, return_sequences=True, return_state=True)
            )
            for _ in range(model.encoder_layers)
        ]
        self.bridge = keras.layers.Dense(model.decoder_units, "tanh")
        self.keys = keras.layers.Dense(model.attention_units, use_bias=False)
        self.decoder = keras.layers.RNN(KerasAttentionCell(config), return_sequences=True)
        self.drop = keras.layers.Dropout(model.dropout)
        self.bias = self.add_weight((words,), initializer="zeros")

    def embedded(self, tokens: Any) -> Any:
        """Return the embedding of tokens, as long as the model has it."""
        return self.embedding(tokens) * self.embedding.output_dim**0.5

    def call(self, inputs: tuple[Any, Any], training: bool = False) -> Any:
        """Return the logits of all target words."""
        source, target = inputs
        mask = ops.not_equal(source, 0)
        values, all_states = self.drop(self.embedded(source), training=training), []
        for i, layer in enumerate(self.encoder):
            outputs, *states = layer(values, mask=mask, training=training)
            outputs = self.drop(outputs, training=training)
            values, all_states = outputs + values if i else outputs, all_states + states
        keys = self.keys(values)
        first = self.bridge(ops.concatenate(all_states, axis=-1))
        fed = ops.zeros((ops.shape(source)[0], self.decoder.cell.output_size))
        bias = ops.where(mask, 0.0, -1e9)
        embedded = self.drop(self.embedded(target), training=training)
        outputs = self.decoder(embedded, initial_state=[first, fed, values, keys, bias])
        outputs = self.drop(outputs, training=training)
        return ops.matmul(outputs, ops.transpose(self.embedding.embeddings)) + self.bias


def tensorflow_update(model: keras.Model, config: Config, batch: list[np.ndarray]) -> Run:
    """Return one update of a Keras model, by the step that `seq2seq train` runs."""
    tensors = [tf.constant(part) for part in batch]
    model(tensors[:2])
    training = config.training
    optimizer = keras.optimizers.Adam(RATE)
    step = make_train_step(
        model,
        optimizer,
        training.label_smoothing,
        training.clip_norm,
        parts=parallel_parts(training.parallel_parts),
    )
    return lambda: float(step(*tensors).loss)


def torch_update(config: Config, batch: list[np.ndarray]) -> Run | None:
    """Return one update of the PyTorch model, or `None` without PyTorch."""
    try:
        from torch_translator import make_update
    except ImportError:
        return None
    return make_update(config, batch, RATE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("batch", 96), ("length", 16), ("samples", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    config = load_config(Path(__file__).with_name("translator.toml"))
    keep_freed_memory()
    share_cores(config.training.parallel_parts)
    random = np.random.default_rng(0)
    shape = (args.batch, args.length)
    batch = [random.integers(5, config.data.vocabulary_size, shape, "int32") for _ in range(3)]
    runs = {
        "ours": tensorflow_update(build_model(config), config, batch),
        "keras.layers": tensorflow_update(KerasTranslator(config), config, batch),
        "torch": torch_update(config, batch),
    }
    present = {name: run for name, run in runs.items() if run is not None}
    medians, kept = measure(present, args.samples)
    tokens = args.batch * args.length
    for name, seconds in medians.items():
        ratio = seconds / medians["ours"]
        print(f"{name:14} {tokens / seconds:6.0f} target tokens/s   time / ours {ratio:.2f}")
    print(f"{kept} samples kept")


if __name__ == "__main__":
    main()
