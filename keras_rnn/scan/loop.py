"""The time loop: it runs any step function over a sequence and knows no cell."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_rnn._types import State, Step, Tensor
from keras_rnn.scan.automatic import automatic_scan
from keras_rnn.scan.keeping import keeping_scan
from keras_rnn.scan.plan import make_plan

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
    step: Callable[..., Step],
    sequences: Tensor,
    states: State,
    initial_output: Tensor,
    *,
    shared: Sequence[Any] = (),
    mask: Tensor | None = None,
    reverse: bool = False,
    unroll: bool = False,
    zero_output_for_mask: bool = False,
    keep_outputs: bool = True,
    written_out: bool = False,
    recompute: int | None = None,
    truncation: tuple[int, int] | None = None,
) -> ScanResult:
    """Run `step` over time.

        output_t, states_t = step(sequences[:, t], states_{t-1}, *shared)      t = 0 .. time - 1

    Where the mask is false, the states stay as they were, and the output is that of the step
    before (of zeros if there is none), or zeros if `zero_output_for_mask`.

    Args:
        step: Maps one step of `sequences`, the states and `shared` to output and next states.
        sequences: A tensor `(batch, time, ...)`, or a structure of such tensors.
        states: The states before the first step, any structure of tensors `(batch, ...)`.
        initial_output: Zeros of the shape and type of one output, `(batch, size)`.
        shared: Further arguments of `step`, the same at every step; structures of tensors.
        mask: Boolean `(batch, time)`, or `None`: every step counts.
        reverse: Whether to run from the last step to the first; outputs stand in the order in
            which they were computed.
        unroll: Whether to write the loop out, which needs a known number of steps.
        zero_output_for_mask: Whether outputs are zeros where the mask is false.
        keep_outputs: Whether to return the outputs of all steps.
        written_out: Whether the backward pass is the one in `backward.py`, made for training. It
            needs a step that reads nothing but its arguments; any other is left to automatic
            differentiation.
        recompute: How many steps there are in a stretch whose states are kept only at its start,
            and which the backward pass runs once more; saves memory. Needs `written_out`.
        truncation: `(k1, k2)`: after each k1 steps, the gradient of their outputs goes back
            through k2 steps and no further. Needs `written_out`.

    Returns:
        The outputs and the last states, a `ScanResult`.
    """
    # All below deals in flat lists; a held output is one more tensor that passes on.
    is_held = mask is not None and not zero_output_for_mask
    inputs = [*tf.nest.flatten(sequences), *([] if mask is None else [tf.cast(mask, tf.bool)])]
    carry = [*([initial_output] if is_held else []), *tf.nest.flatten(states)]
    leaves = tf.nest.flatten(tuple(shared))
    given = [leaf for leaf in leaves if tf.is_tensor(leaf)]

    def flat_step(inputs: list[Tensor], carry: list[Tensor], given: list[Tensor]) -> tuple:
        *inputs, valid = inputs if mask is not None else [*inputs, None]
        tensors = iter(given)
        shared_leaves = [next(tensors) if tf.is_tensor(leaf) else leaf for leaf in leaves]
        output, after = step(
            tf.nest.pack_sequence_as(sequences, inputs),
            tf.nest.pack_sequence_as(states, carry[is_held:]),
            *tf.nest.pack_sequence_as(tuple(shared), shared_leaves),
        )
        after = tf.nest.flatten(after)
        if mask is not None:
            held = carry[0] if is_held else tf.zeros_like(output)
            output = _select(valid, output, held)
            after = [_select(valid, *pair) for pair in zip(after, carry[is_held:], strict=True)]
        return output, [output, *after] if is_held else after

    arguments = (flat_step, inputs, carry, given, initial_output)
    options = {"reverse": reverse, "keep_outputs": keep_outputs}
    plan = None
    if written_out and not unroll:
        plan = make_plan(flat_step, [[sequence[:, 0] for sequence in inputs], carry, given])
    if plan is not None:
        options |= {"recompute": recompute, "truncation": truncation}
        output, carry = keeping_scan(*arguments, plan=plan, **options)
    elif recompute or truncation:
        raise ValueError(
            "`recompute` and `truncation` need a cell that follows the contract: `project` and "
            "`step`, which reads its arguments and the cell's weights, and writes nothing. "
            "Received: another cell. Write it so, or leave both out."
        )
    else:
        output, carry = automatic_scan(*arguments, unroll=unroll, **options)
    return ScanResult(
        output if keep_outputs else None,
        output[:, -1] if keep_outputs else output,
        tf.nest.pack_sequence_as(states, carry[is_held:]),
    )


def _select(valid: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return tf.where(tf.reshape(valid, [-1] + [1] * (len(new.shape) - 1)), new, old)
