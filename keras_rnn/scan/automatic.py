"""The plain loop over time, left to automatic differentiation.

Backpropagation through time is what that makes of this loop: the gradient of the loss passes from
each state to the one before it, by the chain rule.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_rnn._types import Tensor

__all__ = ["automatic_scan"]


def automatic_scan(
    step: Callable[..., Any],
    sequences: list[Tensor],
    carry: list[Tensor],
    shared: list[Tensor],
    initial_output: Tensor,
    *,
    reverse: bool,
    keep_outputs: bool,
    unroll: bool,
) -> tuple[Tensor, list[Tensor]]:
    """Run the step over time.

    Args:
        step: Maps one step of the sequences, the carry and the shared tensors to
            `(output, carry)`.
        sequences: Each `(batch, time, ...)`.
        carry: What passes from one step to the next, at the start.
        shared: What is the same at every step.
        initial_output: Zeros of the shape and type of one output.
        reverse: Whether to run from the last step to the first.
        keep_outputs: Whether to return the outputs of all steps.
        unroll: Whether to write the loop out, which needs a known number of steps.

    Returns:
        The outputs, `(batch, time, ...)`, or the last one only; and the last carry.
    """
    length = sequences[0].shape[1] or tf.shape(sequences[0])[1]
    # Arrays, not slices of a tensor: a slice's gradient is a tensor of the whole sequence's size.
    arrays = [_unstack(sequence, length) for sequence in sequences]

    def step_at(time: Tensor, carry: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        index = length - 1 - time if reverse else time
        return step([array.read(index) for array in arrays], carry, shared)

    if unroll:
        outputs = []
        for time in range(length):
            output, carry = step_at(time, carry)
            outputs.append(output)
        return tf.stack(outputs, axis=1) if keep_outputs else output, carry
    # An array of all outputs, or the last one only.
    array = tf.TensorArray(initial_output.dtype, size=length, element_shape=initial_output.shape)

    def body(time: Tensor, output: Any, carry: list[Tensor]) -> tuple:
        latest, carry = step_at(time, carry)
        return time + 1, output.write(time, latest) if keep_outputs else latest, carry

    _, output, carry = tf.while_loop(
        lambda time, *_: time < length,
        body,
        (tf.constant(0), array if keep_outputs else initial_output, carry),
        maximum_iterations=length,
        parallel_iterations=2,  # More let the products of later steps compete with this one's.
    )
    return _swap_batch_and_time(output.stack()) if keep_outputs else output, carry


def _unstack(sequence: Tensor, length: int | Tensor) -> tf.TensorArray:
    return tf.TensorArray(sequence.dtype, size=length).unstack(_swap_batch_and_time(sequence))


def _swap_batch_and_time(tensor: Tensor) -> Tensor:
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])
