"""Promises on short types: training in mixed precision."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_rnn._scan_checks import check_steps_are_seen
from keras_rnn.cells import contract
from keras_rnn.layers import RNN
from keras_rnn.testing import runs
from keras_rnn.testing.case import CellCase
from keras_rnn.testing.verdict import expect, expect_near, promise

__all__ = ["mixed_bfloat16", "mixed_float16", "single_states"]

LARGE = 10.0


@promise
def mixed_float16(case: CellCase) -> None:
    """In mixed float16 a training step is finite and near that in float32."""
    _check(case, "mixed_float16", 0.03, tf.function(_train, autograph=False), None)


@promise
def mixed_bfloat16(case: CellCase) -> None:
    """In mixed bfloat16 a training step is finite and near that in float32."""
    _check(case, "mixed_bfloat16", 0.2, _train, case.mask)  # The graph is that of float16.


@promise
def single_states(case: CellCase) -> None:
    """With `state_dtype="float32"` in mixed float16 states are float32, and near what they were."""
    try:
        check_steps_are_seen("RNN", case.cell, contract.follows_contract)
    except ValueError:
        return  # A cell that has only `call` computes in one type.
    found = runs.run(case.layer("mixed_float16", state_dtype="float32"), case.inputs, case.mask)
    types = {name: value.dtype.name for name, value in found.items()}
    output = types.pop("output")
    expect(output == "float16", "an output of type float16", f"type {output}")
    for name, dtype in types.items():
        expect(dtype != "float16", f"{name} of type float32", "type float16")
    wanted = runs.run(case.layer("float32"), case.inputs, case.mask)
    expect_near(found, wanted, "float32", 0.03)


def _check(
    case: CellCase, policy: str, tolerance: float, train: Callable[..., Any], mask: Any
) -> None:
    layer = case.layer(policy)
    found = train(layer, case.inputs, mask, training=True)
    expect(
        found["output"].dtype == layer.compute_dtype,
        f"an output of type {layer.compute_dtype}",
        f"type {found['output'].dtype.name}",
    )
    _check_finite(found, "a training step")
    large = runs.run(layer, LARGE * case.inputs, case.mask)
    _check_finite(large, f"inference with inputs around {LARGE}")
    if case.once(runs.is_random):  # In another type other numbers are drawn.
        found = _train(layer, case.inputs, mask, training=False)
    training = not case.once(runs.is_random)
    wanted = _train(case.layer("float32"), case.inputs, mask, training)
    values = {name: wanted[name] for name in found if name == "output" or "state" in name}
    expect_near(found, values, "float32", tolerance)
    _check_gradients(found, wanted)


def _train(layer: RNN, inputs: Any, mask: Any, training: bool) -> runs.Results:
    return runs.train(layer, tf.cast(inputs, layer.compute_dtype), mask, training)


def _check_gradients(found: runs.Results, wanted: runs.Results) -> None:
    """Check their distance as a whole: at the kink of a relu rounding changes an entry."""
    for name in (name for name in wanted if name.startswith("gradient")):
        one, other = (np.asarray(results[name], "float64") for results in (found, wanted))
        size, distance = np.linalg.norm(other), np.linalg.norm(one - other)
        expected = f"{name} as that of float32, of the norm {size:.3g}, within half of it"
        expect(distance <= 0.5 * size + 0.01, expected, f"one at a distance of {distance:.3g}")


def _check_finite(results: runs.Results, what: str) -> None:
    for name, tensor in results.items():
        values = np.asarray(tensor, "float64")
        wrong = values[~np.isfinite(values)]
        expect(not wrong.size, f"finite values of {what}, {name}", f"{wrong[:1]}")
