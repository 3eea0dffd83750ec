"""The scan that keeps what its own backward pass needs: all of it, or by stretches of steps.

Three ways back:

- whole: every step is kept, and the gradient passes through all of them.
- recomputed: only the carry at the start of every stretch is kept. The way back runs each stretch
  forward once more, so memory is that of `time / stretch` carries and one stretch (Chen et al.,
  2016, https://arxiv.org/abs/1604.06174).
- truncated (k1, k2): after every k1 steps, the gradient of the outputs of these goes back through
  k2 steps and ends there (Williams and Peng, 1990, https://doi.org/10.1162/neco.1990.2.4.490).
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.products import plain, watched
from keras_rnn.scan.backward import Arguments, Arrays, Gradients, Loop
from keras_rnn.scan.plan import Plan

__all__ = ["keeping_scan"]

WayBack = Callable[[Callable[[Tensor], Tensor], list[Tensor]], Arguments]
"""From the gradient of the output at a step, and of the last carry, to those of the arguments."""


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
        recompute: How many steps there are in a stretch, to recompute.
        truncation: `(k1, k2)`, to truncate.

    Returns:
        The outputs, `(batch, time, ...)`, or the last one only; and the last carry.
    """
    kernels = _kernels(step, plan, [[s[:, 0] for s in sequences], carry, shared])
    arguments = Arguments(sequences, carry, shared, kernels)

    @tf.custom_gradient
    def run(*tensors: Tensor) -> tuple[list[Tensor], Callable[..., list[Tensor | None]]]:
        given = tf.nest.pack_sequence_as(arguments, tensors)
        loop = Loop(step, plan, given, reverse)
        spec, length = initial_output, loop.length
        output = (
            tf.TensorArray(spec.dtype, size=length, element_shape=spec.shape)
            if keep_outputs
            else spec
        )
        if recompute:
            output, last, go_back = _recomputed(
                loop, output, recompute if tf.is_tensor(length) else min(recompute, length)
            )
        elif truncation:
            output, last, go_back = _truncated(loop, output, *truncation)
        else:
            output, last, go_back = _whole(loop, output)

        def gradient(d_output: Tensor, *d_carry: Tensor) -> list[Tensor | None]:
            def d_output_at(time: Tensor) -> Tensor:
                if keep_outputs:
                    return tf.gather(d_output, time, axis=1)
                return tf.where(time == length - 1, d_output, tf.zeros_like(d_output))

            sources = (*tensors, d_output, *d_carry)
            return _once(lambda: tf.nest.flatten(go_back(d_output_at, list(d_carry))), *sources)

        return [_swap_batch_and_time(output.stack()) if keep_outputs else output, *last], gradient

    output, *carry = run(*tf.nest.flatten(arguments))
    return output, carry


def _whole(loop: Loop, output: Any) -> tuple[Any, list[Tensor], WayBack]:
    steps, kept = (0, loop.length), loop.arrays_to_keep(loop.length)
    output, last, kept = loop.forward(*steps, loop.given.carry, output, kept, loop.position)

    def go_back(d_output_at: Callable[[Tensor], Tensor], d_carry: list[Tensor]) -> Arguments:
        arrays = loop.arrays_of_inputs() | _products(kept) | loop.arrays_of_rows(loop.length)
        gradients = Gradients(arrays, loop.zeros_of_shared(), d_carry)
        gradients = loop.backward(*steps, kept, d_output_at, gradients, loop.position)
        return _result(loop, gradients, kept)

    return output, last, go_back


def _truncated(loop: Loop, output: Any, ahead: int, back: int) -> tuple[Any, list[Tensor], WayBack]:
    length = loop.length
    kept = loop.arrays_to_keep(length)
    output, last, kept = loop.forward(0, length, loop.given.carry, output, kept, loop.position)

    def go_back(d_output_at: Callable[[Tensor], Tensor], d_carry: list[Tensor]) -> Arguments:
        def block(i: Tensor, gradients: Gradients, d_first: list[Tensor]) -> tuple:
            stop = tf.minimum((i + 1) * ahead, length)
            start = tf.maximum(stop - back, 0)

            def own_output_at(time: Tensor) -> Tensor:
                d_output = d_output_at(time)
                return tf.where(time >= i * ahead, d_output, tf.zeros_like(d_output))

            gradients = loop.backward(
                start, stop, kept, own_output_at, gradients, loop.position, is_added=True
            )
            d_first = [
                tf.where(start == 0, total + more, total)
                for total, more in zip(d_first, gradients.carry, strict=True)
            ]
            return i - 1, gradients._replace(carry=[tf.zeros_like(d) for d in d_carry]), d_first

        count = -(-length // ahead)
        inputs = [_swap_batch_and_time(tf.zeros_like(s)) for s in loop.given.sequences]
        arrays = {key: a.unstack(inputs[key[1]]) for key, a in loop.arrays_of_inputs().items()}
        arrays |= {key: _zeros(array) for key, array in _products(kept).items()}
        arrays |= loop.arrays_of_rows(length)
        _, gradients, d_first = tf.while_loop(
            lambda i, *_: i >= 0,
            block,
            (
                tf.convert_to_tensor(count - 1),
                Gradients(arrays, loop.zeros_of_shared(), d_carry),
                [tf.zeros_like(d) for d in d_carry],
            ),
            maximum_iterations=count,
        )
        return _result(loop, gradients._replace(carry=d_first), kept)

    return output, last, go_back


def _recomputed(loop: Loop, output: Any, stretch: Any) -> tuple[Any, list[Tensor], WayBack]:
    given, length = loop.given, loop.length
    count = -(-length // stretch)
    # The products of a stretch have arrays of their own, the inputs have one for all steps.
    loop.plan = loop.plan._replace(same=[None] * len(given.sequences))
    starts = [
        tf.TensorArray(c.dtype, size=count, element_shape=c.shape, clear_after_read=False)
        for c in given.carry
    ]

    def ends(i: Tensor) -> tuple[Tensor, Tensor]:
        return i * stretch, tf.minimum((i + 1) * stretch, length)

    def forward(i: Tensor, output: Any, carry: list[Tensor], starts: list) -> tuple:
        starts = [array.write(i, state) for array, state in zip(starts, carry, strict=True)]
        output, carry, _ = loop.forward(*ends(i), carry, output, {}, loop.position)
        return i + 1, output, carry, starts

    _, output, last, starts = tf.while_loop(
        lambda i, *_: i < count,
        forward,
        (tf.constant(0), output, given.carry, starts),
        maximum_iterations=count,
    )

    def go_back(d_output_at: Callable[[Tensor], Tensor], d_carry: list[Tensor]) -> Arguments:
        def backward(i: Tensor, gradients: Gradients, d_kernels: list) -> tuple:
            def slot(time: Tensor) -> Tensor:
                return time - i * stretch

            carry, kept = [array.read(i) for array in starts], loop.arrays_to_keep(stretch)
            no_output = tf.zeros_like(d_output_at(i * stretch))
            _, _, kept = loop.forward(*ends(i), carry, no_output, kept, slot)
            own = _products(kept) | loop.arrays_of_rows(stretch)
            gradients = gradients._replace(arrays=gradients.arrays | own)
            gradients = loop.backward(*ends(i), kept, d_output_at, gradients, slot)
            d_products = loop.stacked_products(gradients.arrays)
            more = loop.kernel_gradients(kept, gradients.arrays, d_products)
            d_kernels = tf.nest.map_structure(tf.add, d_kernels, more)
            arrays = {key: array for key, array in gradients.arrays.items() if key not in own}
            return i - 1, gradients._replace(arrays=arrays), d_kernels

        _, gradients, d_kernels = tf.while_loop(
            lambda i, *_: i >= 0,
            backward,
            (
                tf.convert_to_tensor(count - 1),
                Gradients(loop.arrays_of_inputs(), loop.zeros_of_shared(), d_carry),
                tf.nest.map_structure(tf.zeros_like, given.kernels),
            ),
            maximum_iterations=count,
        )
        return _result(loop, gradients, {}, d_kernels)

    return output, last, go_back


def _result(
    loop: Loop, gradients: Gradients, kept: Arrays, d_kernels: list[list[Tensor]] | None = None
) -> Arguments:
    """Return the gradients of the arguments; those of the kernels from what was kept."""
    given, arrays = loop.given, gradients.arrays
    d_inputs: list[Tensor | None] = [
        arrays["inputs", j].stack() if ("inputs", j) in arrays else None
        for j in range(len(given.sequences))
    ]
    if d_kernels is None:
        d_products = loop.stacked_products(arrays)
        d_kernels = loop.kernel_gradients(kept, arrays, d_products)
        d_inputs = [
            d if same is None else d_products[same]
            for d, same in zip(d_inputs, loop.plan.same, strict=True)
        ]
    return Arguments(
        [None if d is None else _swap_batch_and_time(d) for d in d_inputs],
        [d if d.dtype.is_floating else None for d in gradients.carry],
        [gradients.shared.get(j) for j in range(len(given.shared))],
        d_kernels,
    )


def _products(arrays: Arrays) -> Arrays:
    return {key: array for key, array in arrays.items() if key[0] == "products"}


def _zeros(array: tf.TensorArray) -> tf.TensorArray:
    """Return an array of as many zeros of the same shapes."""
    zeros = tf.zeros_like(array.stack())
    size = array.size()
    return tf.TensorArray(array.dtype, size=size, clear_after_read=False).unstack(zeros)


def _once(gradient: Callable[[], list[Tensor | None]], *sources: Tensor) -> list[Tensor | None]:
    """Return the gradients, which themselves have none, as an error says."""
    missing: list[bool] = []

    @tf.custom_gradient
    def first(*_: Tensor) -> tuple[list[Tensor], Callable[..., Any]]:
        gradients = gradient()
        missing.extend(found is None for found in gradients)

        def second(*_: Tensor) -> Any:
            raise NotImplementedError(
                "A recurrent layer of `keras_rnn` has no second derivative in training: its "
                "backward pass is written out, once. For a derivative of a gradient, call the "
                "layer with `training=False`, or make it with `unroll=True`."
            )

        return [found for found in gradients if found is not None], second

    found = iter(first(*(source for source in sources if source.dtype.is_floating)))
    return [None if is_missing else next(found) for is_missing in missing]


def _kernels(
    step: Callable[..., Any], plan: Plan, arguments: list[list[Tensor]]
) -> list[list[Tensor]]:
    """Return kernel and bias of each kept product, by a step of which the rest is discarded."""
    found: list[list[Tensor]] = []

    def watch(rows: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        found.append([tf.convert_to_tensor(part) for part in (kernel, bias) if part is not None])
        return plain(rows, kernel, bias)

    with watched(watch):
        step(*arguments)
    return [kernel for kernel, is_kept in zip(found, plan.constant, strict=True) if is_kept]


def _swap_batch_and_time(tensor: Tensor) -> Tensor:
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])
