"""A cell run over a sequence: where cells and the scan meet."""

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
    backward pass is the scan's own. Otherwise the cell runs step by step, which is faster where
    nothing is to be kept.

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

    def step(projected: Tensor, states: State) -> Step:
        return contract.step(cell, projected, states, training, noise, **constants)

    def step_from_input(inputs: Tensor, states: State) -> Step:
        return step(contract.project(cell, inputs, noise), states)

    if not training:
        return scan(step_from_input, sequences, states, initial_output, **options)
    projected = contract.project(cell, sequences, noise)
    needs_own = options["recompute"] is not None or options["truncation"] is not None
    is_worth_it = not tf.executing_eagerly()  # Planning takes longer than an eager loop does.
    if contract.follows_contract(cell) and (is_worth_it or needs_own):
        variables = getattr(cell, "variables", [])
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
        options |= {"shared": (values, noise, constants), "written_out": True}
        step = _pure_step(cell, variables, training)
    return scan(step, projected, states, initial_output, **options)


def _pure_step(cell: Any, variables: list[Any], training: bool) -> Any:
    """Return the cell's step as a function of its arguments, the values of variables included."""

    def step(
        projected: Tensor, states: State, values: list[Tensor], noise: Noise, constants: dict
    ) -> Step:
        noise = tree.map_structure(lambda x: None if x is None else tf.stop_gradient(x), noise)
        scope = keras.StatelessScope()
        for update in zip(variables, values, strict=True):
            scope.add_update(update)
        with scope:
            stepped = contract.step(cell, projected, states, training, noise, **constants)
        pairs = zip(variables, values, strict=True)
        if any(scope.get_current_value(variable) is not value for variable, value in pairs):
            raise ImpureStepError
        return stepped

    return step
