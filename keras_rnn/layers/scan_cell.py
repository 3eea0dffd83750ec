"""A cell run over a sequence: where cells and the scan meet."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops, tree

from keras_rnn._types import Noise, State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.noise import put_steps, take_steps
from keras_rnn.layers.precision import floats_to, step_in, variables_in
from keras_rnn.scan import ImpureStepError, PureStep, ScanResult, scan

__all__ = ["scan_cell"]


def scan_cell(
    cell: Any,
    sequences: Tensor,
    states: State,
    noise: Noise | None,
    constants: dict[str, Any],
    training: bool,
    state_dtype: str | None = None,
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
        state_dtype: The type of the states and of what a step computes, where it is not the cell's.
        **options: Those of `scan`.
    """
    if not training:
        options |= {"recompute": None, "truncation": None}
    is_projected = training and options["recompute"] is None
    inputs = contract.project(cell, sequences, noise) if is_projected else sequences
    noise_of_steps = take_steps(noise)
    noise = put_steps(noise, [None] * len(noise_of_steps))

    step_with = _step_with(cell, training, is_projected, state_dtype)

    def step(inputs: tuple[Any, list[Tensor]], states: State) -> Step:
        return step_with(inputs, states, noise, constants)

    initial_output = _zero_output(cell, sequences, states, step)
    # Planning a backward pass takes longer than a loop does eagerly.
    is_asked = options["recompute"] is not None or options["truncation"] is not None
    pure = None
    if training and contract.follows_contract(cell) and (is_asked or not tf.executing_eagerly()):
        pure = _pure(cell, step_with, noise, constants)
    inputs = (inputs, noise_of_steps)
    return scan(step, inputs, states, initial_output, pure=pure, **options)


def _step_with(
    cell: Any, training: bool, is_projected: bool, state_dtype: str | None
) -> Callable[..., Step]:
    """Return the step as a function of inputs, states, noise and constants.

    Its inputs are those of one step, or their projection, and the noise of this step alone.
    """

    def step(
        inputs: tuple[Any, list[Tensor]], states: State, noise: Noise, constants: dict[str, Any]
    ) -> Step:
        projected, noise_of_step = inputs
        noise = put_steps(noise, noise_of_step)
        if not is_projected:
            projected = contract.project(cell, projected, noise)
        if state_dtype is None:
            return contract.step(cell, projected, states, training, noise, **constants)
        projected, noise = floats_to(state_dtype, (projected, noise))
        with step_in(state_dtype, cell.compute_dtype):
            output, states = contract.step(cell, projected, states, training, noise, **constants)
        return ops.cast(output, cell.compute_dtype), states

    return step


def _zero_output(
    cell: Any, sequences: Tensor, states: State, step: Callable[[Any, State], Step]
) -> Tensor:
    """Return zeros like one output; a plain cell need not say its size, so it is run for it."""
    if not contract.follows_contract(cell):
        return ops.zeros_like(step((sequences[:, 0], []), states)[0])
    size = contract.output_size(cell)
    return ops.zeros((ops.shape(sequences)[0], size), dtype=cell.compute_dtype)


def _pure(cell: Any, step: Callable[..., Step], noise: Noise, constants: Any) -> PureStep:
    """Return the step as a function of noise, constants and the values of the cell's variables."""
    variables = getattr(cell, "variables", [])
    with variables_in(None):
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
    is_constant = tree.map_structure(_has_no_gradient, noise)

    def pure_step(
        inputs: Tensor, states: State, noise: Noise, constants: dict, values: list[Tensor]
    ) -> Step:
        noise = tree.map_structure(_stop_if, is_constant, noise)
        scope = keras.StatelessScope(collect_losses=True)
        for update in zip(variables, values, strict=True):
            scope.add_update(update)
        # The backward pass runs outside of the layer's call, and so of its scope.
        with scope, variables_in(cell.compute_dtype):
            stepped = step(inputs, states, noise, constants)
        pairs = zip(variables, values, strict=True)
        is_written = any(
            scope.get_current_value(variable) is not value for variable, value in pairs
        )
        if is_written or len(scope.state_mapping) > len(variables) or scope.losses:
            raise ImpureStepError
        return stepped

    return PureStep(pure_step, (noise, constants, values))


def _has_no_gradient(noise: Any) -> bool:
    """Return whether the tensor was made by `stop_gradient`, which a graph can tell."""
    is_symbolic = tf.is_tensor(noise) and not tf.executing_eagerly()
    return is_symbolic and noise.op.type == "StopGradient"


def _stop_if(is_constant: bool, noise: Any) -> Any:
    return tf.stop_gradient(noise) if is_constant else noise
