"""Promises on masks: padding and the other rows of a batch change nothing."""

import numpy as np
import tensorflow as tf
from keras import tree

from keras_rnn.layers import RNN
from keras_rnn.testing import runs
from keras_rnn.testing.case import CellCase, random_weights
from keras_rnn.testing.verdict import expect_near, promise
from keras_rnn.wrappers import Bidirectional, StackedRNN

__all__ = ["deep_bidirectional", "padding"]

TOLERANCE = 1e-9
PADDED, UNPADDED = slice(1, -1), slice(-1, None)  # Rows of a case; the first is padding alone.


@promise
def padding(case: CellCase) -> None:
    """Padding and the rest of the batch change nothing, wherever the padding stands."""
    layer = case.base
    together = runs.run(layer, case.inputs, case.mask)
    for rows in (PADDED, UNPADDED):
        _check_alone(case, {name: tensor[rows] for name, tensor in together.items()}, rows)
    nothing = {f"state {i}": s for i, s in enumerate(tree.flatten(layer.get_initial_state(1)))}
    nothing["output"] = np.zeros_like(together["output"][:1])
    first = {name: tensor[:1] for name, tensor in together.items()}
    expect_near(first, nothing, "no step at all, in a row of padding", TOLERANCE)
    _check_training(case)


def _check_alone(case: CellCase, together: runs.Results, rows: slice) -> None:
    """Check rows of a batch against the same rows on their own and without their padding."""
    mask, output = case.mask[rows], np.asarray(together["output"])
    alone = runs.run(case.base, _stripped(case.inputs[rows], mask))
    found = {**together, "output": _stripped(output, mask)}
    expect_near(found, alone, "rows without padding and without other rows", TOLERANCE)
    # A masked step repeats the output of the step before; before the first there are zeros.
    padded = np.concatenate([np.zeros_like(output[:, :1]), np.asarray(alone["output"])], axis=1)
    counts = np.cumsum(mask, axis=1)[..., None]
    wanted = {"output": np.take_along_axis(padded, counts, axis=1)}
    expect_near(together, wanted, "the last step that counts", TOLERANCE)


def _check_training(case: CellCase) -> None:
    """Check that what stands in the padding reaches no output and no gradient."""
    valid = case.mask[..., None]
    wanted = dict(case.once(runs.in_graph))
    with runs.restored(case.base):
        others = tf.constant(np.where(valid, case.inputs, 9.0))
        found = case.once(runs.graph_step)(others, tf.constant(case.mask))
    wanted["gradient of inputs"] = np.where(valid, wanted["gradient of inputs"], 0)
    expect_near(found, wanted, "a training step with other padding", TOLERANCE)


def _stripped(sequences: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the steps that count, of rows that have as many each."""
    return sequences[mask].reshape(len(mask), -1, sequences.shape[-1])


@promise
def deep_bidirectional(case: CellCase) -> None:
    """Two bidirectional layers with a mask read each row as if it stood alone, unpadded."""
    layers = [RNN(case.copy(), return_sequences=True) for _ in range(2)]
    # The sum, so that cells fit that have as many outputs as inputs.
    model = StackedRNN([Bidirectional(layer, merge_mode="sum") for layer in layers])
    model.build((None, None, case.features))
    model.set_weights(random_weights(model, np.random.default_rng(2)))
    rows = case.mask[PADDED]
    found = np.asarray(model(case.inputs, mask=case.mask))[PADDED]
    output, wanted = _stripped(case.inputs[PADDED], rows), np.zeros_like(found)
    for both in model.layers:
        output = _both_ways(both, output)
    wanted[rows] = output.reshape(-1, output.shape[-1])
    expect_near({"output": found}, {"output": wanted}, "rows read alone", TOLERANCE)


def _both_ways(both: Bidirectional, inputs: np.ndarray) -> np.ndarray:
    """Return what two cells say of sequences without padding, each read in its direction."""
    forward = RNN(both.forward_layer.cell, return_sequences=True)(inputs)
    backward = RNN(both.backward_layer.cell, return_sequences=True)(inputs[:, ::-1])
    return np.asarray(forward) + np.asarray(backward)[:, ::-1]
