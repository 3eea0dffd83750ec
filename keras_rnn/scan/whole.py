"""The way back through all steps, each of which was kept."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext  # Not public.

from keras_rnn._types import Tensor
from keras_rnn.scan.backward import Arguments, Arrays, Gradients, Loop

__all__ = ["Whole", "arguments_gradient", "batch_first", "products", "products_gradients"]


class Whole:
    """Every step is kept, and the gradient passes through all of them.

    Args:
        loop: The loop to run.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.kept: Arrays = {}

    def forward(self, output: Any) -> tuple[Any, list[Tensor]]:
        """Run over all steps, into `output`; return that and the last carry."""
        loop = self.loop
        kept, carry = loop.arrays_to_keep(loop.length), loop.given.carry
        output, last, self.kept = loop.forward(0, loop.length, carry, output, kept, loop.position)
        return output, last

    def backward(self, d_output_at: Callable[[Tensor], Tensor], d_carry: list[Tensor]) -> Arguments:
        """Return the gradients of the arguments.

        Args:
            d_output_at: Maps a step to the gradient of its output.
            d_carry: The gradients of the last carry.
        """
        loop = self.loop
        own = products_gradients(loop, self.kept, loop.length)
        arrays = loop.arrays_of_inputs() | own | loop.arrays_of_rows(loop.length)
        gradients = loop.backward(
            0,
            loop.length,
            self.kept,
            d_output_at,
            Gradients(arrays, loop.zeros_of_shared(), d_carry),
            loop.position,
        )
        return self.result(gradients)

    def result(self, gradients: Gradients) -> Arguments:
        """Return the gradients of the arguments from what the backward loop returned."""
        loop, arrays = self.loop, gradients.arrays
        d_products = [arrays["products", i].stack() for i in range(len(loop.given.kernels))]
        d_kernels = loop.kernel_gradients(self.kept, arrays, d_products)
        same = enumerate(loop.plan.same)
        d_inputs = {j: d_products[i] for j, i in same if i is not None}
        return arguments_gradient(loop, gradients, d_inputs, d_kernels)


def arguments_gradient(
    loop: Loop,
    gradients: Gradients,
    d_inputs: dict[int, Tensor],
    d_kernels: list[list[Tensor]],
) -> Arguments:
    """Return the gradients of all arguments, `None` where there is none.

    Args:
        loop: The loop that ran.
        gradients: What its backward pass returned.
        d_inputs: The gradients of inputs that stand elsewhere, `(time, batch, ...)`.
        d_kernels: The gradients of the kernels and biases.
    """
    stacked = {i: a.stack() for (kind, i), a in gradients.arrays.items() if kind == "inputs"}
    d_inputs = {j: batch_first(d) for j, d in (stacked | d_inputs).items()}
    return Arguments(
        [d_inputs.get(j) for j in range(len(loop.given.sequences))],
        [d if d.dtype.is_floating else None for d in gradients.carry],
        [gradients.shared.get(j) for j in range(len(loop.given.shared))],
        d_kernels,
    )


def products(arrays: Arrays) -> Arrays:
    """Return the arrays of the products alone."""
    return {key: array for key, array in arrays.items() if key[0] == "products"}


def products_gradients(loop: Loop, kept: Arrays, size: Any) -> Arrays:
    """Return the arrays for the gradients of products: those of the products themselves.

    The gradient of a product takes its place, to save memory. Under XLA it has a place of its own:
    XLA copies an array as a whole, at every step, if the step reads it and writes to it.
    """
    is_by_xla = GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
    return products(loop.arrays_to_keep(size) if is_by_xla else kept)


def batch_first(tensor: Tensor) -> Tensor:
    """Return `(batch, time, ...)` from `(time, batch, ...)`, or the other way round."""
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])
