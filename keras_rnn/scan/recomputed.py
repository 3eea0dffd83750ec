"""The way back in stretches, each run forward once more."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.scan.backward import Arguments, Gradients, Loop
from keras_rnn.scan.whole import arguments_gradient, products_gradients

__all__ = ["Recomputed"]


class Recomputed:
    """Only the carry at the start of every stretch is kept; the way back runs each once more.

    Memory is that of `time / stretch` carries and of one stretch.

    Reference: Chen et al., 2016, https://arxiv.org/abs/1604.06174

    Args:
        loop: The loop to run.
        stretch: How many steps a stretch has.
    """

    def __init__(self, loop: Loop, stretch: int) -> None:
        # The products of a stretch have arrays of their own, the inputs have one for all steps.
        loop.plan = loop.plan._replace(same=[None] * len(loop.given.sequences))
        self.loop = loop
        self.stretch = stretch if tf.is_tensor(loop.length) else min(stretch, loop.length)
        self.count = -(-loop.length // self.stretch)
        self.starts: list[tf.TensorArray] = []

    def forward(self, output: Any) -> tuple[Any, list[Tensor]]:
        """Run over all steps, into `output`; return that and the last carry."""
        loop = self.loop

        def run(i: Tensor, output: Any, carry: list[Tensor], starts: list) -> tuple:
            starts = [array.write(i, state) for array, state in zip(starts, carry, strict=True)]
            output, carry, _ = loop.forward(*self._ends(i), carry, output, {}, loop.position)
            return i + 1, output, carry, starts

        starts = [
            tf.TensorArray(
                state.dtype, size=self.count, element_shape=state.shape, clear_after_read=False
            )
            for state in loop.given.carry
        ]
        _, output, last, self.starts = tf.while_loop(
            lambda i, *_: i < self.count,
            run,
            (tf.constant(0), output, loop.given.carry, starts),
            maximum_iterations=self.count,
        )
        return output, last

    def backward(self, d_output_at: Callable[[Tensor], Tensor], d_carry: list[Tensor]) -> Arguments:
        """Return the gradients of the arguments.

        Args:
            d_output_at: Maps a step to the gradient of its output.
            d_carry: The gradients of the last carry.
        """
        loop = self.loop

        def run(i: Tensor, gradients: Gradients, d_kernels: list) -> tuple:
            gradients, more = self._stretch(i, gradients, d_output_at)
            return i - 1, gradients, tf.nest.map_structure(tf.add, d_kernels, more)

        gradients = Gradients(loop.arrays_of_inputs(), loop.zeros_of_shared(), d_carry)
        d_kernels = tf.nest.map_structure(tf.zeros_like, loop.given.kernels)
        _, gradients, d_kernels = tf.while_loop(
            lambda i, *_: i >= 0,
            run,
            (tf.convert_to_tensor(self.count - 1), gradients, d_kernels),
            maximum_iterations=self.count,
        )
        return arguments_gradient(loop, gradients, {}, d_kernels)

    def _stretch(
        self, i: Tensor, gradients: Gradients, d_output_at: Callable[[Tensor], Tensor]
    ) -> tuple[Gradients, list[list[Tensor]]]:
        """Run stretch i forward and back; return the gradients, and those of the kernels."""
        loop, ends = self.loop, self._ends(i)

        def slot(time: Tensor) -> Tensor:
            return time - ends[0]

        carry, kept = [array.read(i) for array in self.starts], loop.arrays_to_keep(self.stretch)
        no_output = tf.zeros_like(d_output_at(ends[0]))
        _, _, kept = loop.forward(*ends, carry, no_output, kept, slot)
        own = products_gradients(loop, kept, self.stretch) | loop.arrays_of_rows(self.stretch)
        gradients = gradients._replace(arrays=gradients.arrays | own)
        gradients = loop.backward(*ends, kept, d_output_at, gradients, slot)
        arrays = gradients.arrays
        d_products = [arrays["products", k].stack() for k in range(len(loop.given.kernels))]
        d_kernels = loop.kernel_gradients(kept, arrays, d_products)
        arrays = {key: array for key, array in arrays.items() if key not in own}
        return gradients._replace(arrays=arrays), d_kernels

    def _ends(self, i: Tensor) -> tuple[Tensor, Tensor]:
        return i * self.stretch, tf.minimum((i + 1) * self.stretch, self.loop.length)
