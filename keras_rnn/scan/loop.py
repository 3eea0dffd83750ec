"""The time loop: it runs any step function over a sequence and knows no cell."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_rnn._types import State, Step, Tensor
from keras_rnn.scan.automatic import automatic_scan
from keras_rnn.scan.keeping import keeping_scan
from keras_rnn.scan.plan import make_plan

__all__ = ["PureStep", "ScanResult", "scan"]


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


class PureStep(NamedTuple):
    """A step as a function of its arguments alone, as `backward.py` needs it.

    Attributes:
        step: Maps one step of the sequences, the states and `shared` to output and next states.
        shared: All else that it reads, structures of tensors.
    """

    step: Callable[..., Step]
    shared: Sequence[Any]


def scan(
    step: Callable[[Tensor, State], Step],
    sequences: Tensor,
    states: State,
    initial_output: Tensor,
    *,
    pure: PureStep | None = None,
    mask: Tensor | None = None,
    reverse: bool = False,
    unroll: bool = False,
    zero_output_for_mask: bool = False,
    keep_outputs: bool = True,
    recompute: int | None = None,
    truncation: tuple[int, int] | None = None,
) -> ScanResult:
    """Run `step` over time.

        output_t, states_t = step(sequences[:, t], states_{t-1})       t = 0 .. time - 1

    Where the mask is false, the states stay as they were, and the output is that of the step
    before (of zeros if there is none), or zeros if `zero_output_for_mask`.

    Args:
        step: Maps one step of `sequences` and the states to output and next states.
        sequences: A tensor `(batch, time, ...)`, or a structure of such tensors.
        states: The states before the first step, any structure of tensors `(batch, ...)`.
        initial_output: Zeros of the shape and type of one output, `(batch, size)`.
        pure: The same step for training: the backward pass is then the one in `backward.py`, if
            the step is found to be pure, and that of automatic differentiation otherwise.
        mask: Boolean `(batch, time)`, or `None`: every step counts.
        reverse: Whether to run from the last step to the first; outputs stand in the order in
            which they were computed.
        unroll: Whether to write the loop out, which needs a known number of steps.
        zero_output_for_mask: Whether outputs are zeros where the mask is false.
        keep_outputs: Whether to return the outputs of all steps.
        recompute: How many steps there are in a stretch whose states are kept only at its start,
            and which the backward pass runs once more; saves memory. Needs `pure`.
        truncation: `(k1, k2)`: after each k1 steps, the gradient of their outputs goes back
            through k2 steps and no further. Needs `pure`.

    Returns:
        The outputs and the last states, a `ScanResult`.
    """
    # All below deals in flat lists; a held output is one more tensor that passes on.
    is_held = mask is not None and not zero_output_for_mask
    inputs = [*tf.nest.flatten(sequences), *([] if mask is None else [tf.cast(mask, tf.bool)])]
    carry = [*([initial_output] if is_held else []), *tf.nest.flatten(states)]

    def flatten(step: Callable[..., Step], shared: Sequence[Any]) -> FlatStep:
        return _flatten(step, sequences, states, shared, mask is not None, is_held)

    options = {"reverse": reverse, "keep_outputs": keep_outputs}
    plan = None
    if pure is not None and not unroll:
        flat, given = flatten(*pure)
        plan = make_plan(flat, [[sequence[:, 0] for sequence in inputs], carry, given])
    if plan is not None:
        options |= {"plan": plan, "recompute": recompute, "truncation": truncation}
        output, carry = keeping_scan(flat, inputs, carry, given, initial_output, **options)
    else:
        _check_nothing_asked(recompute, truncation)
        flat, given = flatten(step, ())
        options |= {"unroll": unroll}
        output, carry = automatic_scan(flat, inputs, carry, given, initial_output, **options)
    return ScanResult(
        output if keep_outputs else None,
        output[:, -1] if keep_outputs else output,
        tf.nest.pack_sequence_as(states, carry[is_held:]),
    )


FlatStep = tuple[Callable[..., tuple[Tensor, list[Tensor]]], list[Tensor]]
"""A step that takes and returns flat lists, and the flat list of what it shares."""


def _flatten(
    step: Callable[..., Step],
    sequences: Any,
    states: State,
    shared: Sequence[Any],
    has_mask: bool,
    is_held: bool,
) -> FlatStep:
    """Return the step on flat lists, the mask the last of its inputs, a held output the first."""
    leaves = tf.nest.flatten(tuple(shared))

    def flat_step(inputs: list[Tensor], carry: list[Tensor], given: list[Tensor]) -> tuple:
        *inputs, valid = inputs if has_mask else [*inputs, None]
        tensors = iter(given)
        own = [next(tensors) if tf.is_tensor(leaf) else leaf for leaf in leaves]
        output, after = step(
            tf.nest.pack_sequence_as(sequences, inputs),
            tf.nest.pack_sequence_as(states, carry[is_held:]),
            *tf.nest.pack_sequence_as(tuple(shared), own),
        )
        after = tf.nest.flatten(after)
        if has_mask:
            held = carry[0] if is_held else tf.zeros_like(output)
            output = _select(valid, output, held)
            after = [_select(valid, *pair) for pair in zip(after, carry[is_held:], strict=True)]
        return output, [output, *after] if is_held else after

    return flat_step, [leaf for leaf in leaves if tf.is_tensor(leaf)]


def _check_nothing_asked(recompute: int | None, truncation: tuple[int, int] | None) -> None:
    if recompute is not None or truncation is not None:
        raise ValueError(
            "`recompute` and `truncation` need a cell that follows the contract, and whose `step` "
            "reads its arguments and the cell's weights alone and writes nothing. Received: "
            "another, which perhaps draws random numbers in `step`. Write it so, or leave both out."
        )


def _select(valid: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return tf.where(tf.reshape(valid, [-1] + [1] * (len(new.shape) - 1)), new, old)
