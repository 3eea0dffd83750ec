"""Promises on what is random, and on what a call leaves behind."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import tree

from keras_rnn.cells import contract
from keras_rnn.testing import runs
from keras_rnn.testing.case import CellCase
from keras_rnn.testing.verdict import expect, expect_near, promise

__all__ = ["inference", "noise"]

MANY = 32  # Sequences, so that hardly two draws are equal.
DRAWS = 4


@promise
def noise(case: CellCase) -> None:
    """What is random is drawn anew in each call of training, eagerly and in a graph."""
    if case.once(runs.is_random):
        with runs.restored(case.base):
            _check_new(case)


def _check_new(case: CellCase) -> None:
    cell, shape = case.base.cell, (MANY, case.features, True, 3)
    draws = [contract.draw_noise(cell, *shape) for _ in range(DRAWS)]
    for index, parts in enumerate(zip(*map(tree.flatten, draws), strict=True)):
        is_new = parts[0] is None or not _all_equal(parts)
        expect(is_new, f"another part {index} of the noise at each draw", "the same")
    inputs = tf.constant(np.repeat(case.inputs, MANY // 4, axis=0))
    mask = tf.constant(np.repeat(case.mask, MANY // 4, axis=0))
    ways = {"eager mode": lambda: case.base(inputs, training=True)[0]}
    ways["a graph"] = lambda: case.once(runs.graph_step)(inputs, mask)["output"]
    for where, call in ways.items():
        outputs = [call() for _ in range(2)]
        expect(not _all_equal(outputs), f"another output at each call in {where}", "the same")


def _all_equal(arrays: list[object]) -> bool:
    first, *others = map(np.asarray, arrays)
    return all(np.array_equal(first, other) for other in others)


@promise
def inference(case: CellCase) -> None:
    """Inference gives the same each time, writes no variable and leaves nothing on the cell."""
    layer = case.layer()
    before = [variable.numpy() for variable in layer.variables]
    first = runs.run(layer, case.inputs)
    runs.run(layer, -case.inputs)
    expect_near(runs.run(layer, case.inputs), first, "the same call before", 0.0)
    for variable, value in zip(layer.variables, before, strict=True):
        is_kept = np.array_equal(variable, value)
        expect(is_kept, f"`{variable.name}` as before the call", "another value")
    for cell in _cells_in(layer.cell):
        left = sorted(name for name, value in vars(cell).items() if isinstance(value, tf.Tensor))
        expect(not left, f"no tensor of the call on `{cell.name}`", ", ".join(left))


def _cells_in(cell: object) -> Iterator[object]:
    """Yield the cell and the cells, or other layers, that it is made of."""
    yield cell
    for part in tree.flatten(list(vars(cell).values())):
        if isinstance(part, keras.layers.Layer):
            yield from _cells_in(part)
