"""Promises on gradients: those of finite differences, and of automatic differentiation."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_rnn.cells import contract
from keras_rnn.testing import runs
from keras_rnn.testing.case import CellCase
from keras_rnn.testing.verdict import expect_near, promise

__all__ = ["finite_differences", "scan_gradient"]

STEP = 1e-5
OF_DIFFERENCES = 1e-7
OF_SCAN = 1e-10


@promise
def finite_differences(case: CellCase) -> None:
    """The gradient in training equals finite differences, along a direction of each argument."""
    layer, step, random = case.base, case.once(runs.graph_step), np.random.default_rng(3)
    mask, weights = tf.constant(case.mask), layer.cell.trainable_weights

    def loss(inputs: np.ndarray) -> float:
        with runs.restored(layer):
            return float(step(tf.constant(inputs), mask)["loss"])

    def slope(name: str, at: np.ndarray, loss_at: Any) -> None:
        direction = random.normal(size=at.shape)
        direction /= np.linalg.norm(direction)
        ahead, behind = (loss_at(at + sign * STEP * direction) for sign in (1, -1))
        gradient = case.once(runs.in_graph)[f"gradient of {name}"]
        name = f"slope along a direction of {name}"
        found = {name: np.sum(gradient * direction)}
        wanted = {name: (ahead - behind) / (2 * STEP)}
        expect_near(found, wanted, "finite differences", OF_DIFFERENCES)

    slope("inputs", case.inputs, loss)
    for index, weight in enumerate(weights):

        def loss_with(value: np.ndarray, weight: Any = weight) -> float:
            with runs.restored(layer):
                weight.assign(value)
                return loss(case.inputs)

        slope(f"weight {index}, `{weight.name}`", weight.numpy(), loss_with)


@promise
def scan_gradient(case: CellCase) -> None:
    """The backward pass that the scan writes out equals automatic differentiation's.

    In a graph with a mask; and without a mask where steps are run twice, which no cell allows that
    the scan cannot write the backward pass of.
    """
    expect_near(case.once(runs.in_graph), runs.unrolled(case, True), "`unroll=True`", OF_SCAN)
    if contract.follows_contract(case.cell):
        found, wanted = (way(case, False) for way in (runs.recomputed, runs.unrolled))
        expect_near(found, wanted, "`unroll=True`, with `recompute`", OF_SCAN)
