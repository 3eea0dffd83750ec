"""Backpropagation through time, written out.

Automatic differentiation of a loop forms the gradient of every kernel anew at each step. This loop
keeps the states and the products with kernels of each step. Its backward pass replays only the
rest of the step, which is element by element, and forms the gradient of each kernel once, after
the loop:

    dy_t     = dE/dy_t,  y_t = rows_t K + b         from the step replayed
    drows_t  = dy_t K^T                             on to the step before
    dK       = sum_t rows_t^T dy_t                  one product over all steps
    db       = sum_t dy_t

Reference: Werbos, 1990, https://doi.org/10.1109/5.58337
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.products import plain, watched
from keras_rnn.scan.plan import Plan
from keras_rnn.scan.replay import pull_back, run_and_keep

__all__ = ["keeping_scan"]


class Arguments(NamedTuple):
    """What a scan runs on: all tensors that gradients flow into.

    Attributes:
        sequences: Each `(batch, time, ...)`.
        carry: What passes from one step to the next, at the start.
        shared: What is the same at every step.
        kernels: The kernel of each kept product, and its bias if it has one.
    """

    sequences: list[Tensor]
    carry: list[Tensor]
    shared: list[Tensor]
    kernels: list[list[Tensor]]


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
) -> tuple[Tensor, list[Tensor]]:
    """Run the step over time, with the backward pass written out.

    Args:
        step: Maps one step of the sequences, the carry and the shared tensors to
            `(output, carry)`.
        plan: What `make_plan` said of it.
        sequences: Each `(batch, time, ...)`.
        carry: What passes from one step to the next, at the start.
        shared: What is the same at every step.
        initial_output: Zeros of the shape and type of one output.
        reverse: Whether to run from the last step to the first.
        keep_outputs: Whether to return the outputs of all steps.

    Returns:
        The outputs, `(batch, time, ...)`, or the last one only; and the last carry.
    """
    kernels = _kernels(step, plan, [[s[:, 0] for s in sequences], carry, shared])
    arguments = Arguments(sequences, carry, shared, kernels)

    @tf.custom_gradient
    def run(*tensors: Tensor) -> tuple[list[Tensor], Callable[..., list[Tensor | None]]]:
        given = tf.nest.pack_sequence_as(arguments, tensors)
        loop = _Loop(step, plan, given, reverse, keep_outputs)
        result, kept = loop.forward(initial_output)

        def gradient(*upstream: Tensor) -> list[Tensor | None]:
            return tf.nest.flatten(loop.backward(kept, list(upstream)))

        return result, gradient

    output, *carry = run(*tf.nest.flatten(arguments))
    return output, carry


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


class _Loop:
    """The loop over time, forwards and backwards. Arrays stand in the order of the input."""

    def __init__(
        self,
        step: Callable[..., Any],
        plan: Plan,
        given: Arguments,
        reverse: bool,
        keep_outputs: bool,
    ) -> None:
        self.step, self.plan, self.given = step, plan, given
        self.reverse, self.keep_outputs = reverse, keep_outputs
        first = given.sequences[0]
        self.length = first.shape[1] or tf.shape(first)[1]

    def forward(self, output: Tensor) -> tuple[list[Tensor], list[tf.TensorArray]]:
        """Return the outputs and the last carry; and, of each step, what is kept."""
        given = self.given
        kept = [self._array(s.dtype, s.shape[:1] + s.shape[2:]) for s in given.sequences]
        kept += [self._array(state.dtype, state.shape) for state in given.carry]
        kept += [self._array(kernel[0].dtype) for kernel in given.kernels]
        outputs = [self._array(output.dtype, output.shape)] if self.keep_outputs else []

        def body(time: Tensor, kept: list, outputs: list, _: Tensor, carry: list) -> tuple:
            arguments = [self._inputs(time), carry, given.shared]
            output, after, products = run_and_keep(
                self.step, arguments, self.plan.constant, given.kernels
            )
            index, values = self._index(time), [*arguments[0], *carry, *products]
            kept = [array.write(index, v) for array, v in zip(kept, values, strict=True)]
            return time + 1, kept, [o.write(time, output) for o in outputs], output, after

        _, kept, outputs, output, carry = self._loop(body, kept, outputs, output, given.carry)
        if self.keep_outputs:
            output = _batch_first(outputs[0].stack())
        return [output, *carry], kept

    def backward(self, kept: list[tf.TensorArray], upstream: list[Tensor]) -> Arguments:
        """Return the gradients of the arguments, given those of the outputs and the last carry."""
        given, plan = self.given, self.plan
        d_output, *d_carry = upstream
        transposed = [tf.transpose(kernel[0]) for kernel in given.kernels]
        ends = len(given.sequences), len(given.sequences) + len(given.carry)
        totals = {j: tf.zeros_like(given.shared[j]) for j in plan.reached}
        arrays = self._gradient_arrays()

        def body(done: Tensor, arrays: dict, totals: dict, d_carry: list) -> tuple:
            time = self.length - 1 - done
            index = self._index(time)
            saved = [array.read(index) for array in kept]
            inputs, carry, products = saved[: ends[0]], saved[slice(*ends)], saved[ends[1] :]
            arguments = [inputs, carry, given.shared]
            d_after = [self._at(d_output, time), *d_carry]
            found = pull_back(
                self.step, arguments, plan.constant, products, transposed, d_after
            )
            values = {
                **_named("inputs", _or_zeros(found.inputs, inputs)),
                **_named("products", _or_zeros(found.products, products)),
                **_named("rows", found.rows),
            }
            arrays = {key: array.write(index, values[key]) for key, array in arrays.items()}
            totals = {j: total + found.shared[j] for j, total in totals.items()}
            return done + 1, arrays, totals, _or_zeros(found.carry, carry)

        _, arrays, totals, d_carry = self._loop(body, arrays, totals, d_carry)
        stacked = {key: array.stack() for key, array in arrays.items()}
        return Arguments(
            [
                _batch_first(stacked["inputs", j]) if ("inputs", j) in stacked else None
                for j in range(len(given.sequences))
            ],
            [d if d.dtype.is_floating else None for d in d_carry],
            [totals.get(j) for j in range(len(given.shared))],
            [self._kernel_gradient(i, kept[slice(*ends)], stacked) for i in range(len(given.kernels))],
        )

    def _gradient_arrays(self) -> dict[tuple[str, int], tf.TensorArray]:
        """Return an array for each gradient, and for rows, that the backward loop has to keep."""
        given, plan = self.given, self.plan
        inputs = [
            self._array(s.dtype, s.shape[:1] + s.shape[2:]) if s.dtype.is_floating else None
            for s in given.sequences
        ]
        products, rows = (
            [
                self._array(kernel[0].dtype) if found is None else None
                for kernel, found in zip(given.kernels, elsewhere, strict=True)
            ]
            for elsewhere in (plan.same, plan.rows)
        )
        named = {
            **_named("inputs", inputs), **_named("products", products), **_named("rows", rows)
        }
        return {key: array for key, array in named.items() if array is not None}

    def _kernel_gradient(
        self, i: int, kept: list[tf.TensorArray], stacked: dict[tuple[str, int], Tensor]
    ) -> list[Tensor]:
        """Return dK and, if the product has a bias, db."""
        same, row = self.plan.same[i], self.plan.rows[i]
        d_products = stacked["products", i] if same is None else stacked["inputs", same]
        rows = stacked["rows", i] if row is None else kept[row].stack()
        features, columns = self.given.kernels[i][0].shape
        d_products = tf.reshape(d_products, [-1, columns])
        d_kernel = tf.matmul(tf.reshape(rows, [-1, features]), d_products, transpose_a=True)
        biases = self.given.kernels[i][1:]
        return [d_kernel, *(tf.reduce_sum(d_products, axis=0) for _ in biases)]

    def _index(self, time: Tensor) -> Tensor:
        return self.length - 1 - time if self.reverse else time

    def _inputs(self, time: Tensor) -> list[Tensor]:
        return [tf.gather(s, self._index(time), axis=1) for s in self.given.sequences]

    def _at(self, d_output: Tensor, time: Tensor) -> Tensor:
        """Return the gradient of the output of one step."""
        if self.keep_outputs:
            return tf.gather(d_output, time, axis=1)
        return tf.where(time == self.length - 1, d_output, tf.zeros_like(d_output))

    def _array(self, dtype: Any, shape: Any = None) -> tf.TensorArray:
        return tf.TensorArray(dtype, size=self.length, element_shape=shape)

    def _loop(self, body: Callable[..., tuple], *variables: Any) -> tuple:
        return tf.while_loop(
            lambda time, *_: time < self.length,
            body,
            (tf.constant(0), *variables),
            maximum_iterations=self.length,
        )


def _named(kind: str, values: list) -> dict[tuple[str, int], Any]:
    return {(kind, i): value for i, value in enumerate(values)}


def _or_zeros(gradients: list[Tensor | None], likes: list[Tensor]) -> list[Tensor]:
    """Return the gradients, zeros in place of `None`."""
    pairs = zip(gradients, likes, strict=True)
    return [tf.zeros_like(like) if gradient is None else gradient for gradient, like in pairs]


def _batch_first(tensor: Tensor) -> Tensor:
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])
