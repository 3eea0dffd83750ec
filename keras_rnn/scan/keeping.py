"""The scan that keeps what its own backward pass needs, and ties the two together."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.products import plain, watched
from keras_rnn.scan.backward import Arguments, Loop
from keras_rnn.scan.plan import Plan
from keras_rnn.scan.recomputed import Recomputed
from keras_rnn.scan.truncated import Truncated
from keras_rnn.scan.whole import Whole, batch_first

__all__ = ["keeping_scan"]

NO_SECOND = (
    "A recurrent layer of `keras_rnn` has no second derivative in training, and no forward-mode "
    "derivative: its backward pass is written out, once. For these, call the layer with "
    "`training=False`, or make it with `unroll=True`."
)


def keeping_scan(
    step: Callable[..., Any],
    sequences: list[Tensor],
    carry: list[Tensor],
    shared: list[Tensor],
    initial_output: Tensor,
    *,
    plan: Plan,
    reverse: bool,
    keep_outputs: bool,
    recompute: int | None = None,
    truncation: tuple[int, int] | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Run the step over time, with the backward pass written out.

    Args:
        step: Maps one step of the sequences, the carry and the shared tensors to
            `(output, carry)`.
        sequences: Each `(batch, time, ...)`.
        carry: What passes from one step to the next, at the start.
        shared: What is the same at every step.
        initial_output: Zeros of the shape and type of one output.
        plan: What `make_plan` said of the step.
        reverse: Whether to run from the last step to the first.
        keep_outputs: Whether to return the outputs of all steps.
        recompute: How many steps there are in a stretch, to go back as `Recomputed` does.
        truncation: `(k1, k2)`, to go back as `Truncated` does.

    Returns:
        The outputs, `(batch, time, ...)`, or the last one only; and the last carry.
    """
    kernels = _kernels(step, plan, [[s[:, 0] for s in sequences], carry, shared])
    arguments = Arguments(sequences, carry, shared, kernels)

    @tf.custom_gradient
    def run(*tensors: Tensor) -> tuple[list[Tensor], Callable[..., list[Tensor | None]]]:
        loop = Loop(step, plan, tf.nest.pack_sequence_as(arguments, tensors), reverse)
        way = _way(loop, recompute, truncation)
        output, last = way.forward(_place_for(initial_output, loop.length, keep_outputs))

        def gradient(*upstream: Tensor) -> list[Tensor | None]:
            d_output, *d_carry = (tf.convert_to_tensor(onto) for onto in upstream)

            def d_output_at(time: Tensor) -> Tensor:
                if keep_outputs:
                    return tf.gather(d_output, time, axis=1)
                return tf.where(time == loop.length - 1, d_output, tf.zeros_like(d_output))

            def gradients() -> list[Tensor | None]:
                return tf.nest.flatten(way.backward(d_output_at, d_carry))

            return _once(gradients, *tensors, d_output, *d_carry)

        return [batch_first(output.stack()) if keep_outputs else output, *last], gradient

    output, *carry = run(*tf.nest.flatten(arguments))
    return output, carry


def _way(
    loop: Loop, recompute: int | None, truncation: tuple[int, int] | None
) -> Whole | Recomputed:
    if recompute is not None:
        return Recomputed(loop, recompute)
    return Whole(loop) if truncation is None else Truncated(loop, *truncation)


def _place_for(output: Tensor, length: int | Tensor, keep_outputs: bool) -> Any:
    """Return an array for all outputs, or a tensor in place of the last one."""
    if not keep_outputs:
        return output
    return tf.TensorArray(output.dtype, size=length, element_shape=output.shape)


def _once(gradient: Callable[[], list[Tensor | None]], *sources: Tensor) -> list[Tensor | None]:
    """Return the gradients, which themselves have none, as an error says."""
    missing: list[bool] = []

    @tf.custom_gradient
    def first(*sources: Tensor) -> tuple[list[Tensor], Callable[..., list[Tensor]]]:
        gradients = gradient()
        missing.extend(found is None for found in gradients)

        def second(*upstream: Tensor) -> list[Tensor]:
            # TensorFlow asks in advance, with zeros, where nobody may ever ask for more.
            is_asked = tf.reduce_any(
                [tf.reduce_any(tf.convert_to_tensor(onto) != 0) for onto in upstream]
            )
            with tf.control_dependencies([tf.debugging.Assert(~is_asked, [NO_SECOND])]):
                return [_nan_if(is_asked, source) for source in sources]

        return [found for found in gradients if found is not None], second

    found = iter(first(*(source for source in sources if source.dtype.is_floating)))
    return [None if is_missing else next(found) for is_missing in missing]


def _nan_if(condition: Tensor, like: Tensor) -> Tensor:
    """Return zeros, or not a number: XLA knows no assertion."""
    return tf.where(condition, tf.constant(float("nan"), like.dtype), tf.zeros_like(like))


def _kernels(
    step: Callable[..., Any], plan: Plan, arguments: list[list[Tensor]]
) -> list[list[Tensor]]:
    """Return kernel and bias of each kept product, by a step of which a graph discards the rest."""
    found: list[list[Tensor]] = []

    def watch(rows: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        found.append([tf.convert_to_tensor(part) for part in (kernel, bias) if part is not None])
        return plain(rows, kernel, bias)

    with watched(watch):
        step(*arguments)
    return [kernel for kernel, is_kept in zip(found, plan.constant, strict=True) if is_kept]
