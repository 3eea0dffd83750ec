"""A layer run and trained, eagerly, in a graph and by XLA: all that it gives, by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from keras_rnn._types import Tensor
from keras_rnn.cells import contract
from keras_rnn.layers import RNN
from keras_rnn.testing.case import CellCase

__all__ = [
    "Results",
    "by_xla",
    "call",
    "drawn",
    "draws_alike_by_xla",
    "eager",
    "graph_step",
    "in_graph",
    "is_random",
    "recomputed",
    "restored",
    "run",
    "train",
    "unrolled",
]

Results = dict[str, Any]
"""Tensors by name: outputs, states, loss and gradients."""


def run(layer: Any, inputs: Tensor, mask: Tensor | None = None, **options: Any) -> Results:
    """Return the outputs and the last states of a layer."""
    outputs, *states = layer(inputs, mask=mask, **options)
    named = {f"state {index}": state for index, state in enumerate(tree.flatten(states))}
    return {"output": outputs, **named}


def call(cell: Any, inputs: Any, states: list[Any]) -> tuple[Tensor, list[Any]]:
    """Return what one call of the cell gives: its output, and its next states as a list."""
    output, states = cell(keras.ops.convert_to_tensor(inputs), states)
    return output, list(states) if isinstance(states, list | tuple) else [states]


def train(layer: Any, inputs: Tensor, mask: Tensor | None = None, training: bool = True) -> Results:
    """Return what `run` does, a loss made of all of it, and the loss's gradients."""
    weights = layer.cell.trainable_weights
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        results = run(layer, inputs, mask, training=training)
        loss = _loss(list(results.values()))
    sources = [inputs, *(weight.value for weight in weights)]
    gradients = tape.gradient(loss, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    names = ["inputs", *(f"weight {i}, `{w.name}`" for i, w in enumerate(weights))]
    named = {
        f"gradient of {name}": tf.convert_to_tensor(gradient)
        for name, gradient in zip(names, gradients, strict=True)
    }
    return {**results, "loss": loss, **named}


def _loss(tensors: list[Tensor]) -> Tensor:
    """Return a loss whose gradient is another at each entry of all tensors of real numbers."""
    floats = [tf.cast(tensor, "float64") for tensor in tensors if tensor.dtype.is_floating]
    return tf.add_n([tf.reduce_sum(tf.square(tensor - 0.5)) for tensor in floats])


@contextmanager
def restored(layer: Any) -> Iterator[None]:
    """Set all variables back afterwards, so that the next call draws the same numbers."""
    before = [variable.numpy() for variable in layer.variables]
    try:
        yield
    finally:
        for variable, value in zip(layer.variables, before, strict=True):
            variable.assign(value)


def is_random(case: CellCase) -> bool:
    """Return whether the cell draws something in training."""
    with restored(case.base):
        if contract.draw_noise(case.base.cell, 2, case.features, True, 3) is not None:
            return True
        outputs = [np.asarray(case.base(case.inputs, training=True)[0]) for _ in range(2)]
    return not np.array_equal(*outputs)


def eager(case: CellCase) -> Results:
    """Return what a training step gives eagerly, with a mask."""
    with restored(case.base):
        return train(case.base, tf.constant(case.inputs), case.mask)


def unrolled(case: CellCase, masked: bool) -> Results:
    """Return the same of a loop that is written out and left to automatic differentiation."""
    return _by_another_layer(case, masked, unroll=True)


def recomputed(case: CellCase, masked: bool) -> Results:
    """Return the same of a scan that runs its steps once more in a backward pass of its own."""
    return _by_another_layer(case, masked, recompute=2)


def _by_another_layer(case: CellCase, masked: bool, **options: Any) -> Results:
    cell, inputs = case.base.cell, tf.constant(case.inputs)
    layer = RNN(cell, return_sequences=True, return_state=True, **options)
    with restored(layer):
        return train(layer, inputs, case.mask if masked else None)


def graph_step(case: CellCase) -> Any:
    """Return a training step in a graph that knows neither batch size nor length."""
    inputs = tf.TensorSpec([None, None, case.features], "float64")
    mask = tf.TensorSpec([None, None], "bool")

    def step(inputs: Tensor, mask: Tensor) -> Results:
        return train(case.base, inputs, mask)

    return tf.function(step, input_signature=[inputs, mask], autograph=False)


def in_graph(case: CellCase) -> Results:
    """Return what a training step gives in a graph, with a mask."""
    with restored(case.base):
        return case.once(graph_step)(tf.constant(case.inputs), tf.constant(case.mask))


def drawn(case: CellCase) -> Any:
    """Return what the cell draws in the training step of the other functions; `None`: nothing."""
    cell, (batch, length) = case.base.cell, case.mask.shape
    with restored(case.base):
        return contract.draw_noise(cell, batch, case.features, True, length)


def draws_alike_by_xla(case: CellCase) -> bool:
    """Return whether XLA can be given what the cell draws.

    From a seed XLA draws other numbers. So not where a step draws from a seed that the cell drew,
    nor where a plain cell does not say what it draws.
    """
    noise = drawn(case)
    if noise is None:
        return not case.once(is_random)
    parts = [part for part in tree.flatten(noise) if part is not None]
    return not any(tf.convert_to_tensor(part).dtype.is_integer for part in parts)


def by_xla(case: CellCase, training: bool) -> tuple[Results, Results]:
    """Return what inference and a training step give, compiled by XLA; noise is handed in."""
    layer, noise = case.base, drawn(case)

    @tf.function(jit_compile=True, autograph=False)
    def both(inputs: Tensor, mask: Tensor, noise: Any) -> tuple[Results, Results]:
        with _drawing(layer.cell, noise):
            return run(layer, inputs, mask), train(layer, inputs, mask, training)

    return both(tf.constant(case.inputs), tf.constant(case.mask), noise)


@contextmanager
def _drawing(cell: Any, noise: Any) -> Iterator[None]:
    """Let the cell draw what is given."""

    def draw(*_: Any) -> Any:
        return tree.map_structure(_constant, noise)

    if noise is not None:
        cell.draw_noise = draw
    try:
        yield
    finally:
        if noise is not None:
            del cell.draw_noise


def _constant(part: Any) -> Any:
    return None if part is None else keras.ops.stop_gradient(part)
