"""The time loop: it runs any step function over a sequence and knows no cell.

Backpropagation through time is what automatic differentiation makes of this loop: the gradient of
the loss passes from each state to the one before it, by the chain rule (Werbos, 1990,
https://doi.org/10.1109/5.58337).
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from keras_rnn._types import State, Step, Tensor

__all__ = ["ScanResult", "scan"]


class ScanResult(NamedTuple):
    """What a scan returns.

    Attributes:
        outputs: The outputs of all steps, `(batch, time, size)`; `None` if they were not kept.
        last_output: The output of the last step, `(batch, size)`.
        states: The states after the last step.
    """

    outputs: Tensor | None
    last_output: Tensor
    states: State


def scan(
    step: Callable[[Tensor, State], Step],
    sequences: Tensor,
    states: State,
    initial_output: Tensor,
    *,
    mask: Tensor | None = None,
    reverse: bool = False,
    unroll: bool = False,
    zero_output_for_mask: bool = False,
    keep_outputs: bool = True,
) -> ScanResult:
    """Run `step` over time.

        output_t, states_t = step(sequences[:, t], states_{t-1})       t = 0 .. time - 1

    Where the mask is false, the states stay as they were, and the output is that of the step
    before (of zeros if there is none), or zeros if `zero_output_for_mask`.

    Args:
        step: Maps one time step of `sequences` and the states to output and next states.
        sequences: A tensor `(batch, time, ...)`, or a structure of such tensors.
        states: The states before the first step, any structure of tensors `(batch, ...)`.
        initial_output: Zeros of the shape and type of one output, `(batch, size)`.
        mask: Boolean `(batch, time)`, or `None`: every step counts.
        reverse: Whether to run from the last step to the first; outputs stand in the order in
            which they were computed.
        unroll: Whether to write the loop out, which needs a known number of steps.
        zero_output_for_mask: Whether outputs are zeros where the mask is false.
        keep_outputs: Whether to return the outputs of all steps.

    Returns:
        The outputs and the last states, a `ScanResult`.
    """
    first = tf.nest.flatten(sequences)[0]
    length = first.shape[1] if first.shape[1] is not None else tf.shape(first)[1]
    # Arrays, not slices of a tensor: a slice's gradient is a tensor of the whole sequence's size.
    arrays = tf.nest.map_structure(lambda sequence: _unstack(sequence, length), sequences)
    if mask is not None:
        mask = _swap_batch_and_time(tf.cast(mask, tf.bool))

    def masked_step(time: Tensor, output: Tensor, states: State) -> Step:
        index = length - 1 - time if reverse else time
        inputs = tf.nest.map_structure(lambda array: array.read(index), arrays)
        next_output, next_states = step(inputs, states)
        if mask is None:
            return next_output, next_states
        valid = mask[index]
        held = tf.zeros_like(output) if zero_output_for_mask else output
        return _select(valid, next_output, held), _select(valid, next_states, states)

    loop = _unrolled if unroll else _looped
    outputs, last_output, states = loop(masked_step, length, initial_output, states, keep_outputs)
    return ScanResult(
        None if outputs is None else _swap_batch_and_time(outputs), last_output, states
    )


def _unrolled(
    step: Callable[[Tensor, Tensor, State], Step],
    length: int,
    output: Tensor,
    states: State,
    keep_outputs: bool,
) -> ScanResult:
    outputs = []
    for time in range(length):
        output, states = step(time, output, states)
        outputs.append(output)
    return ScanResult(tf.stack(outputs) if keep_outputs else None, output, states)


def _looped(
    step: Callable[[Tensor, Tensor, State], Step],
    length: int | Tensor,
    output: Tensor,
    states: State,
    keep_outputs: bool,
) -> ScanResult:
    array = tf.TensorArray(output.dtype, size=length, element_shape=output.shape)
    # No array, rather than an empty one, if they are not kept: XLA has no gradient of an empty one.
    arrays = [array] if keep_outputs else []

    def body(time: Tensor, arrays: list, output: Tensor, states: State) -> tuple:
        output, states = step(time, output, states)
        return time + 1, [array.write(time, output) for array in arrays], output, states

    _, arrays, output, states = tf.while_loop(
        lambda time, *_: time < length,
        body,
        (tf.constant(0), arrays, output, states),
        maximum_iterations=length,
    )
    return ScanResult(arrays[0].stack() if keep_outputs else None, output, states)


def _unstack(sequence: Tensor, length: int | Tensor) -> tf.TensorArray:
    return tf.TensorArray(sequence.dtype, size=length).unstack(_swap_batch_and_time(sequence))


def _select(valid: Tensor, new: State, old: State) -> State:
    def select(a: Tensor, b: Tensor) -> Tensor:
        return tf.where(tf.reshape(valid, [-1] + [1] * (len(a.shape) - 1)), a, b)

    return tf.nest.map_structure(select, new, old)


def _swap_batch_and_time(tensor: Tensor) -> Tensor:
    axes = [1, 0, *range(2, len(tensor.shape))]
    return tf.transpose(tensor, axes)
