"""A cell run over a sequence: where cells and the scan meet."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops, tree

from keras_rnn._types import Noise, State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.scan import ImpureStepError, ScanResult, scan

__all__ = ["scan_cell"]


def scan_cell(
    cell: Any,
    sequences: Tensor,
    states: State,
    noise: Noise | None,
    constants: dict[str, Any],
    training: bool,
    **options: Any,
) -> ScanResult:
    """Run a cell over sequences.

    In training, what depends on the inputs alone is computed for all steps at once, and the
    backward pass is the scan's own. Otherwise the cell runs step by step on its inputs: faster
    where nothing is to be kept, and smaller where it is to be computed twice.

    Args:
        cell: The cell.
        sequences: `(batch, time, features)`.
        states: The states before the first step.
        noise: What the cell drew for this call.
        constants: Further arguments of its step, by name.
        training: Whether this is a training step.
        **options: Those of `scan`.
    """
    size = contract.output_size(cell)
    initial_output = ops.zeros((ops.shape(sequences)[0], size), dtype=cell.compute_dtype)
    is_projected = training and options["recompute"] is None
    inputs = contract.project(cell, sequences, noise) if is_projected else sequences

    def step(inputs: Tensor, states: State, noise: Noise, constants: dict[str, Any]) -> Step:
        projected = inputs if is_projected else contract.project(cell, inputs, noise)
        return contract.step(cell, projected, states, training, noise, **constants)

    # Planning a backward pass takes longer than a loop does eagerly.
    is_asked = options["recompute"] is not None or options["truncation"] is not None
    if training and contract.follows_contract(cell) and (is_asked or not tf.executing_eagerly()):
        variables = getattr(cell, "variables", [])
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
        step, written_out = _pure(step, variables), True
        shared = (noise, constants, values)
    else:
        shared, written_out = (noise, constants), False
    return scan(
        step,
        inputs,
        states,
        initial_output,
        shared=shared,
        written_out=written_out,
        **options,
    )


def _pure(step: Callable[..., Step], variables: list[Any]) -> Callable[..., Step]:
    """Return the step as a function of the values of variables too."""

    def pure_step(
        inputs: Tensor, states: State, noise: Noise, constants: dict, values: list[Tensor]
    ) -> Step:
        scope = keras.StatelessScope()
        for update in zip(variables, values, strict=True):
            scope.add_update(update)
        with scope:
            stepped = step(inputs, states, _without_gradient(noise), constants)
        pairs = zip(variables, values, strict=True)
        if any(scope.get_current_value(variable) is not value for variable, value in pairs):
            raise ImpureStepError
        return stepped

    return pure_step


def _without_gradient(noise: Noise) -> Noise:
    return tree.map_structure(lambda mask: None if mask is None else tf.stop_gradient(mask), noise)
