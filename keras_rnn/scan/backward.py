"""Backpropagation through time, written out.

Automatic differentiation of a loop forms the gradient of every kernel anew at each step. This loop
keeps what each step read, and its products with kernels. The backward pass replays only the rest
of the step, which is element by element, and forms the gradient of each kernel once, after the
loop:

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
from keras_rnn.scan.plan import Plan
from keras_rnn.scan.replay import pull_back, run_and_keep

__all__ = ["Arguments", "Gradients", "Loop"]


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


class Gradients(NamedTuple):
    """What the backward loop passes on.

    Attributes:
        inputs: For each sequence of real numbers, an array of the gradients of its steps.
        steps: Arrays for the gradients of products, `("products", i)`, and for rows that stand
            nowhere else, `("rows", i)`.
        shared: The sum so far for each shared tensor that a gradient reaches.
        carry: The gradients of the carry.
    """

    inputs: dict[int, tf.TensorArray]
    steps: dict[tuple[str, int], tf.TensorArray]
    shared: dict[int, Tensor]
    carry: list[Tensor]


class Loop:
    """The loop over the steps from `start` to `stop`, forwards and backwards.

    Args:
        step: Maps one step of the sequences, the carry and the shared tensors to
            `(output, carry)`.
        plan: What `make_plan` said of it.
        given: What it runs on.
        reverse: Whether to run from the last step to the first.
    """

    def __init__(
        self, step: Callable[..., Any], plan: Plan, given: Arguments, reverse: bool
    ) -> None:
        self.step, self.plan, self.given, self.reverse = step, plan, given, reverse
        first = given.sequences[0]
        self.length = first.shape[1] or tf.shape(first)[1]

    def position(self, time: Tensor) -> Tensor:
        """Return where in the sequences the step stands."""
        return self.length - 1 - time if self.reverse else time

    def forward(
        self,
        start: Any,
        stop: Any,
        carry: list[Tensor],
        output: Any,
        kept: list[tf.TensorArray],
        slot: Callable[[Tensor], Tensor],
    ) -> tuple[Any, list[Tensor], list[tf.TensorArray]]:
        """Run from `start` to `stop`.

        Args:
            start: The first step.
            stop: The step after the last one.
            carry: What comes from the step before.
            output: An array for the outputs, or a tensor, which is to be the last output.
            kept: Arrays for what the way back needs, from `arrays_to_keep`; or none.
            slot: Maps a step to its place in them.

        Returns:
            The outputs, the carry after the last step, and the arrays: the inputs, the carry and
            the products of each step.
        """
        given = self.given

        def body(time: Tensor, output: Any, carry: list[Tensor], kept: list) -> tuple:
            inputs = [tf.gather(s, self.position(time), axis=1) for s in given.sequences]
            latest, after, products = run_and_keep(
                self.step, [inputs, carry, given.shared], self.plan.constant, given.kernels
            )
            is_array = isinstance(output, tf.TensorArray)
            output = output.write(time, latest) if is_array else latest
            pairs = zip(kept, [*inputs, *carry, *products], strict=True) if kept else []
            kept = [array.write(slot(time), value) for array, value in pairs]
            return time + 1, output, after, kept

        _, output, carry, kept = tf.while_loop(
            lambda time, *_: time < stop,
            body,
            (tf.convert_to_tensor(start), output, carry, kept),
            maximum_iterations=self.length,
        )
        return output, carry, kept

    def backward(
        self,
        start: Any,
        stop: Any,
        kept: list[tf.TensorArray],
        d_output_at: Callable[[Tensor], Tensor],
        gradients: Gradients,
        slot: Callable[[Tensor], Tensor],
        is_added: bool = False,
    ) -> Gradients:
        """Run back from `stop` to `start`.

        Args:
            start: The first step.
            stop: The step after the last one.
            kept: What `forward` kept of these steps.
            d_output_at: Maps a step to the gradient of its output.
            gradients: What comes from the steps after; arrays to write to.
            slot: Maps a step to its place in what was kept.
            is_added: Whether gradients are added to those in the arrays.
        """
        given, plan = self.given, self.plan
        transposed = [tf.transpose(kernel[0]) for kernel in given.kernels]
        ends = len(given.sequences), len(given.sequences) + len(given.carry)

        def body(time: Tensor, sums: Gradients) -> tuple:
            saved = [array.read(slot(time)) for array in kept]
            inputs, carry, products = saved[: ends[0]], saved[slice(*ends)], saved[ends[1] :]
            found = pull_back(
                self.step,
                [inputs, carry, given.shared],
                plan.constant,
                products,
                transposed,
                [d_output_at(time), *sums.carry],
            )
            values = {
                **_named("products", _or_zeros(found.products, products)),
                **_named("rows", found.rows),
            }
            d_inputs, position = _or_zeros(found.inputs, inputs), self.position(time)
            return time - 1, Gradients(
                {j: _write(a, position, d_inputs[j], is_added) for j, a in sums.inputs.items()},
                {
                    key: _write(a, slot(time), values[key], is_added and key[0] == "products")
                    for key, a in sums.steps.items()
                },
                {j: total + found.shared[j] for j, total in sums.shared.items()},
                _or_zeros(found.carry, carry),
            )

        _, gradients = tf.while_loop(
            lambda time, _: time >= start,
            body,
            (tf.convert_to_tensor(stop - 1), gradients),
            maximum_iterations=self.length,
        )
        return gradients

    def zeros(
        self, d_carry: list[Tensor], size: Any, like: list[tf.TensorArray] | None = None
    ) -> Gradients:
        """Return what the backward loop starts with: empty arrays, and sums of zeros.

        Args:
            d_carry: The gradients of the last carry.
            size: How many steps were kept.
            like: What was kept, to fill the arrays with zeros of the same shapes.
        """
        sequences, plan = self.given.sequences, self.plan
        inputs = {
            j: _array(s.dtype, self.length, s.shape[:1] + s.shape[2:])
            for j, s in enumerate(sequences)
            if s.dtype.is_floating
        }
        steps = self.step_arrays(size)
        if like is not None:
            inputs = {j: _filled(array, like[j]) for j, array in inputs.items()}
            first = len(like) - len(self.given.kernels)
            steps |= {
                key: _filled(array, like[first + key[1]])
                for key, array in steps.items()
                if key[0] == "products"
            }
        shared = {j: tf.zeros_like(self.given.shared[j]) for j in plan.reached}
        return Gradients(inputs, steps, shared, d_carry)

    def step_arrays(self, size: Any) -> dict[tuple[str, int], tf.TensorArray]:
        """Return empty arrays for the gradients of products, and for rows, of `size` steps."""
        kinds = {"products": self.plan.same, "rows": self.plan.rows}
        return {
            (kind, i): _array(kernel[0].dtype, size)
            for kind, elsewhere in kinds.items()
            for i, kernel in enumerate(self.given.kernels)
            if elsewhere[i] is None
        }

    def kernel_gradients(
        self, kept: list[tf.TensorArray], gradients: Gradients
    ) -> list[list[Tensor]]:
        """Return dK, and db where the product has a bias, of each kept product."""
        count, result = len(self.given.sequences), []
        for i, (kernel, *bias) in enumerate(self.given.kernels):
            same, row = self.plan.same[i], self.plan.rows[i]
            products = gradients.steps["products", i] if same is None else gradients.inputs[same]
            rows = gradients.steps["rows", i] if row is None else kept[count + row]
            d_products = tf.reshape(products.stack(), [-1, kernel.shape[1]])
            rows = tf.reshape(rows.stack(), [-1, kernel.shape[0]])
            d_kernel = tf.matmul(rows, d_products, transpose_a=True)
            result.append([d_kernel, *(tf.reduce_sum(d_products, axis=0) for _ in bias)])
        return result

    def arrays_to_keep(self, size: Any) -> list[tf.TensorArray]:
        """Return empty arrays for the inputs, the carry and the products of `size` steps."""
        given = self.given
        return [
            *(_array(s.dtype, size, s.shape[:1] + s.shape[2:]) for s in given.sequences),
            *(_array(state.dtype, size, state.shape) for state in given.carry),
            *(_array(kernel[0].dtype, size) for kernel in given.kernels),
        ]


def _array(dtype: Any, size: Any, shape: Any = None) -> tf.TensorArray:
    return tf.TensorArray(dtype, size=size, element_shape=shape, clear_after_read=False)


def _filled(array: tf.TensorArray, like: tf.TensorArray) -> tf.TensorArray:
    return array.unstack(tf.zeros_like(like.stack()))


def _write(array: tf.TensorArray, index: Tensor, value: Tensor, is_added: bool) -> tf.TensorArray:
    return array.write(index, array.read(index) + value if is_added else value)


def _named(kind: str, values: list) -> dict[tuple[str, int], Any]:
    return {(kind, i): value for i, value in enumerate(values)}


def _or_zeros(gradients: list[Tensor | None], likes: list[Tensor]) -> list[Tensor]:
    """Return the gradients, zeros in place of `None`."""
    pairs = zip(gradients, likes, strict=True)
    return [tf.zeros_like(like) if gradient is None else gradient for gradient, like in pairs]
