"""Training to remember: the adding task."""

import random
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.layers import RNN
from keras_rnn.testing.case import CellCase

__all__ = ["learns_to_remember"]

BATCH_SIZE, HELD_OUT, EVERY = 50, 1000, 50
BOUND = 1 / 24


def learns_to_remember(
    cell: Any,
    length: int = 20,
    updates: int = 3000,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> float:
    """Train a cell on the adding task, until it has remembered both numbers.

    A step is a random number in [0, 1] and a mark. Two steps are marked: one in the first half, one
    in the second half, the last step never. After the last step a dense layer has to say the sum of
    the two marked numbers. The mean squared error is 1/6 for one who remembers nothing, and 1/12
    for one who remembers the later number only; the cell has to come below 1/24, on sequences that
    it was not trained on.

    Args:
        cell: A cell with enough units, for example `LSTMCell(16)`; a copy of it is trained, from
            its own initial weights.
        length: Number of steps.
        updates: How many updates of Adam it may take, each on 50 sequences.
        learning_rate: Of Adam.
        seed: Seed of the sequences and of the initial weights.

    Returns:
        The mean squared error reached.

    Raises:
        AssertionError: If the error stays above 1/24.
        ValueError: If `cell` is no cell, or there are too few steps for two marks.

    Reference: Hochreiter and Schmidhuber, 1997, experiment 4,
    https://doi.org/10.1162/neco.1997.9.8.1735

    >>> from keras_rnn import GRUCell
    >>> learns_to_remember(GRUCell(8), length=4) < 1 / 24
    True
    """
    if length < 3:
        raise ValueError(
            "`learns_to_remember` needs a `length` of at least 3, for two marks and the last step. "
            f"Received: length={length}."
        )
    model, numbers = _model(cell, length, seed), np.random.default_rng(seed)
    optimizer = keras.optimizers.Adam(learning_rate, clipnorm=1.0)

    @tf.function
    def update(sequences: Tensor, sums: Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = _error(model(sequences, training=True), sums)
        optimizer.apply(tape.gradient(loss, model.trainable_weights), model.trainable_weights)

    held_out = _adding_task(HELD_OUT, length, numbers)
    error = np.inf
    for count in range(updates):
        update(*_adding_task(BATCH_SIZE, length, numbers))
        if (count + 1) % EVERY == 0 or count + 1 == updates:
            error = float(_error(model(held_out[0]), held_out[1]))
            if error < BOUND:
                return error
    raise AssertionError(
        f"`{type(cell).__name__}` does not learn to remember. Expected: a mean squared error below "
        f"{BOUND:.3f} on the adding task of {length} steps after {updates} updates (without "
        f"memory it is 0.167). Received: {error:.3f}."
    )


def _model(cell: Any, length: int, seed: int) -> keras.Model:
    """Return a model around a copy of the cell, with the initial weights that the seed gives."""
    state = random.getstate()
    random.seed(seed)  # Keras draws the seeds of initial weights from here.
    try:
        layers = [RNN(CellCase(cell).copy("float32")), keras.layers.Dense(1)]
        return keras.Sequential([keras.Input((length, 2)), *layers])
    finally:
        random.setstate(state)


def _error(predicted: Tensor, sums: Tensor) -> Tensor:
    return tf.reduce_mean(tf.square(predicted - sums))


def _adding_task(
    count: int, length: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences `(count, length, 2)` of numbers and marks, and the sums, `(count, 1)`."""
    numbers, marks = generator.random((count, length)), np.zeros((count, length))
    half, rows = length // 2, np.arange(count)
    marks[rows, generator.integers(0, half, size=count)] = 1
    marks[rows, generator.integers(half, length - 1, size=count)] = 1
    sequences = np.stack([numbers, marks], axis=-1).astype("float32")
    return sequences, np.sum(numbers * marks, axis=1, keepdims=True).astype("float32")
