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


Arrays = dict[tuple[str, int], tf.TensorArray]
"""Arrays with one tensor a step, by kind (inputs, carry, products, rows) and number."""


class Gradients(NamedTuple):
    """What the backward loop passes on.

    Attributes:
        arrays: The gradients of inputs and of products; and the rows that stand nowhere else.
        shared: The sum so far for each shared tensor that a gradient reaches.
        carry: The gradients of the carry.
    """

    arrays: Arrays
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
        kept: Arrays,
        slot: Callable[[Tensor], Tensor],
    ) -> tuple[Any, list[Tensor], Arrays]:
        """Run from `start` to `stop`.

        Args:
            start: The first step.
            stop: The step after the last one.
            carry: What comes from the step before.
            output: An array for the outputs, or a tensor, which is to be the last output.
            kept: Arrays for what the way back needs, from `arrays_to_keep`; or none.
            slot: Maps a step to its place in them.

        Returns:
            The outputs, the carry after the last step, and the arrays.
        """
        given = self.given

        def body(time: Tensor, output: Any, carry: list[Tensor], kept: Arrays) -> tuple:
            inputs = self._inputs(time)
            latest, after, products = run_and_keep(
                self.step, [inputs, carry, given.shared], self.plan.constant, given.kernels
            )
            is_array = isinstance(output, tf.TensorArray)
            output = output.write(time, latest) if is_array else latest
            values = _named(carry=carry, products=products)
            kept = {key: array.write(slot(time), values[key]) for key, array in kept.items()}
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
        kept: Arrays,
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
            gradients: What comes from the steps after; arrays to write to. Of an array that is
                also in `kept`, what is read makes room for its gradient.
            slot: Maps a step to its place in what was kept.
            is_added: Whether gradients are added to those in the arrays.
        """
        given, plan = self.given, self.plan
        transposed = [tf.transpose(kernel[0]) for kernel in given.kernels]
        in_place = {key for key, array in gradients.arrays.items() if array is kept.get(key)}

        def body(time: Tensor, sums: Gradients) -> tuple:
            def read(kind: str, count: int) -> list[Tensor]:
                keys = [(kind, i) for i in range(count)]
                arrays = [(sums.arrays if key in in_place else kept)[key] for key in keys]
                return [array.read(slot(time)) for array in arrays]

            inputs, carry = self._inputs(time), read("carry", len(given.carry))
            products = read("products", len(given.kernels))
            found = pull_back(
                self.step,
                [inputs, carry, given.shared],
                plan.constant,
                products,
                transposed,
                [d_output_at(time), *sums.carry],
            )
            d_inputs, d_products = (
                _or_zeros(found.inputs, inputs),
                _or_zeros(found.products, products),
            )
            values = _named(inputs=d_inputs, products=d_products, rows=found.rows)
            arrays = {}
            for key, array in sums.arrays.items():
                index = self.position(time) if key[0] == "inputs" else slot(time)
                is_sum = is_added and key[0] != "rows"
                value = array.read(index) + values[key] if is_sum else values[key]
                arrays[key] = array.write(index, value)
            shared = {j: total + found.shared[j] for j, total in sums.shared.items()}
            pairs = zip(_or_zeros(found.carry, carry), sums.carry, strict=True)
            return time - 1, Gradients(arrays, shared, [_of_shape(d, like) for d, like in pairs])

        _, gradients = tf.while_loop(
            lambda time, _: time >= start,
            body,
            (tf.convert_to_tensor(stop - 1), gradients),
            maximum_iterations=self.length,
        )
        return gradients

    def arrays_to_keep(self, size: Any) -> Arrays:
        """Return empty arrays for the carry and the products of `size` steps."""
        given = self.given
        return _named(
            carry=[_array(state.dtype, size, state.shape) for state in given.carry],
            products=[_array(dtype, size) for _, dtype in self.plan.types],
        )

    def arrays_of_inputs(self) -> Arrays:
        """Return empty arrays for the gradients of the inputs that are not those of products."""
        return {
            ("inputs", j): _array(s.dtype, self.length, s.shape[:1] + s.shape[2:])
            for j, s in enumerate(self.given.sequences)
            if s.dtype.is_floating and self.plan.same[j] is None
        }

    def arrays_of_rows(self, size: Any) -> Arrays:
        """Return empty arrays for the rows of products that are no part of the carry."""
        return {
            ("rows", i): _array(dtype, size)
            for i, (dtype, _) in enumerate(self.plan.types)
            if self.plan.rows[i] is None
        }

    def zeros_of_shared(self) -> dict[int, Tensor]:
        """Return the sums to start with, for the shared tensors."""
        return {j: tf.zeros_like(self.given.shared[j]) for j in self.plan.reached}

    def kernel_gradients(
        self, carry: Arrays, rows: Arrays, d_products: list[Tensor]
    ) -> list[list[Tensor]]:
        """Return dK, and db where the product has a bias, of each kept product.

        Args:
            carry: The arrays of the carry.
            rows: The arrays of rows that are no part of the carry.
            d_products: For each kept product its gradients, `(time, batch, columns)`.
        """
        result = []
        for i, (kernel, *bias) in enumerate(self.given.kernels):
            row, dtype = self.plan.rows[i], kernel.dtype
            array = rows["rows", i] if row is None else carry["carry", row]
            stacked, d_product = (
                tf.cast(tf.reshape(part, [-1, kernel.shape[axis] or tf.shape(kernel)[axis]]), dtype)
                for axis, part in enumerate((array.stack(), d_products[i]))
            )
            d_kernel = tf.matmul(stacked, d_product, transpose_a=True)
            result.append([d_kernel, *(tf.reduce_sum(d_product, axis=0) for _ in bias)])
        return result

    def _inputs(self, time: Tensor) -> list[Tensor]:
        return [tf.gather(s, self.position(time), axis=1) for s in self.given.sequences]


def _array(dtype: Any, size: Any, shape: Any = None) -> tf.TensorArray:
    return tf.TensorArray(dtype, size=size, element_shape=shape, clear_after_read=False)


def _named(**kinds: list[Any]) -> dict[tuple[str, int], Any]:
    return {(kind, i): value for kind, values in kinds.items() for i, value in enumerate(values)}


def _or_zeros(gradients: list[Tensor | None], likes: list[Tensor]) -> list[Tensor]:
    """Return the gradients, zeros in place of `None`."""
    pairs = zip(gradients, likes, strict=True)
    return [tf.zeros_like(like) if gradient is None else gradient for gradient, like in pairs]


def _of_shape(tensor: Tensor, like: Tensor) -> Tensor:
    """Return the tensor, known to have the shape of `like`."""
    return tensor if tensor.shape == like.shape else tf.ensure_shape(tensor, like.shape)
