"""Promises on results: those of a reference, of Keras, of single steps, of a compiled graph."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops, tree

from keras_rnn.cells import contract
from keras_rnn.testing import runs
from keras_rnn.testing.case import CellCase
from keras_rnn.testing.verdict import expect, expect_near, promise

__all__ = ["compiled", "keras_layer", "reference", "steps"]

TOLERANCE = 1e-9  # In float64, of what is computed in another order.


@promise
def reference(case: CellCase) -> None:
    """With random weights and states, steps equal those of the NumPy reference, if one is given."""
    if case.reference is None:
        return
    cell = case.built()
    weights = cell.get_weights()
    random, batch = np.random.default_rng(1), len(case.inputs)
    zeros = contract.initial_state(cell, batch)
    # Above zero, so that they may stand for sums of what is above zero too.
    states = tree.map_structure(lambda state: _shifted(state, random), zeros)
    expected = tree.map_structure(np.asarray, states)
    for t in range(3):
        output, states = runs.call(cell, case.inputs[:, t], states)
        wanted, expected = case.reference(case.inputs[:, t], expected, weights)
        found, others = tree.flatten(states), tree.flatten(expected)
        expect(len(found) == len(others), f"{len(others)} states", f"{len(found)}")
        names = [f"output at step {t}", *(f"state {i} after step {t}" for i in range(len(found)))]
        expect_near(
            dict(zip(names, [output, *found], strict=True)),
            dict(zip(names, [wanted, *others], strict=True)),
            "the reference",
            TOLERANCE,
        )


def _shifted(state: object, random: np.random.Generator) -> object:
    if not keras.backend.is_float_dtype(state.dtype):
        return state
    return state + random.uniform(0.2, 1.0, size=state.shape)


@promise
def keras_layer(case: CellCase) -> None:
    """`keras_rnn.RNN(cell)` equals `keras.layers.RNN(cell)`, with a mask, gradients included."""
    ours, inputs = case.base, tf.constant(case.inputs)
    theirs = keras.layers.RNN(
        ours.cell, return_sequences=True, return_state=True, dtype=ours.dtype_policy
    )
    for mask in (case.mask, None):
        found, wanted = (runs.train(layer, inputs, mask, False) for layer in (ours, theirs))
        expect_near(found, wanted, "`keras.layers.RNN(cell)`", TOLERANCE)


@promise
def steps(case: CellCase) -> None:
    """Step by step equals the whole sequence, and so do two halves of it."""
    layer, cell, inputs = case.base, case.base.cell, case.inputs
    whole = runs.run(layer, inputs)
    states, outputs = contract.initial_state(cell, len(inputs)), []
    for t in range(inputs.shape[1]):
        output, states = runs.call(cell, inputs[:, t], states)
        outputs.append(output)
    one_by_one = {"output": ops.stack(outputs, axis=1)}
    one_by_one |= {f"state {i}": state for i, state in enumerate(tree.flatten(states))}
    expect_near(whole, one_by_one, "steps one by one", TOLERANCE)
    first, *states = layer(inputs[:, :2])
    second, *states = layer(inputs[:, 2:], initial_state=states)
    halves = {"output": ops.concatenate([first, second], axis=1)}
    halves |= {f"state {i}": state for i, state in enumerate(tree.flatten(states))}
    expect_near(whole, halves, "two halves", TOLERANCE)
    _check_project(cell, ops.convert_to_tensor(inputs))


def _check_project(cell: object, inputs: object) -> None:
    """Check that `project` looks at each step alone."""
    whole = tree.flatten(contract.project(cell, inputs))
    for t in range(inputs.shape[1]):
        alone = tree.flatten(contract.project(cell, inputs[:, t]))
        names = [f"part {i} of `project` at step {t}" for i in range(len(alone))]
        expect_near(
            dict(zip(names, [part[:, t] for part in whole], strict=True)),
            dict(zip(names, alone, strict=True)),
            "that step alone",
            TOLERANCE,
        )


@promise
def compiled(case: CellCase) -> None:
    """Eager mode equals `tf.function` equals XLA: inference, and gradients in training."""
    wanted = case.once(runs.eager)
    expect_near(case.once(runs.in_graph), wanted, "eager mode, in a graph", TOLERANCE)
    inference = runs.run(case.base, case.inputs, case.mask)
    training = runs.draws_alike_by_xla(case)
    inference_by_xla, by_xla = case.once(runs.by_xla, training)
    expect_near(inference_by_xla, inference, "eager mode, at inference by XLA", TOLERANCE)
    if not training:
        wanted = runs.train(case.base, tf.constant(case.inputs), case.mask, training)
    expect_near(by_xla, wanted, "eager mode, by XLA", TOLERANCE)
