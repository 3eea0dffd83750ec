"""The way back through a window of steps."""

from collections.abc import Callable

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.scan.backward import Arguments, Arrays, Gradients, Loop
from keras_rnn.scan.whole import Whole, batch_first, products

__all__ = ["Truncated"]


class Truncated(Whole):
    """After every k1 steps, the gradient of their outputs goes back k2 steps and ends there.

        dE/dw = sum over blocks of dE_block/dw,     the states k2 steps before its end held constant

    Reference: Williams and Peng, 1990, https://doi.org/10.1162/neco.1990.2.4.490

    Args:
        loop: The loop to run.
        ahead: The steps of a block, k1.
        back: How many steps to go back from the end of a block, k2, at least k1.
    """

    def __init__(self, loop: Loop, ahead: int, back: int) -> None:
        super().__init__(loop)
        self.ahead, self.back = ahead, back

    def backward(self, d_output_at: Callable[[Tensor], Tensor], d_carry: list[Tensor]) -> Arguments:
        """Return the gradients of the arguments, the sum of those of all blocks."""
        zeros = [tf.zeros_like(d) for d in d_carry]

        def block(i: Tensor, gradients: Gradients, d_first: list[Tensor]) -> tuple:
            gradients, reaches_start = self._block(i, gradients, d_output_at)
            d_first = [
                tf.where(reaches_start, total + more, total) if total.dtype.is_floating else total
                for total, more in zip(d_first, gradients.carry, strict=True)
            ]
            return i - 1, gradients._replace(carry=zeros), d_first

        count = -(-self.loop.length // self.ahead)
        gradients = Gradients(self._arrays(), self.loop.zeros_of_shared(), d_carry)
        _, gradients, d_first = tf.while_loop(
            lambda i, *_: i >= 0,
            block,
            (tf.convert_to_tensor(count - 1), gradients, zeros),
            maximum_iterations=count,
        )
        return self.result(gradients._replace(carry=d_first))

    def _block(
        self, i: Tensor, gradients: Gradients, d_output_at: Callable[[Tensor], Tensor]
    ) -> tuple[Gradients, Tensor]:
        """Add the gradients of block i; return them, and whether they reach the first step."""
        first = i * self.ahead
        stop = tf.minimum(first + self.ahead, self.loop.length)
        start = tf.maximum(stop - self.back, 0)

        def own_output_at(time: Tensor) -> Tensor:
            d_output = d_output_at(time)
            return tf.where(time >= first, d_output, tf.zeros_like(d_output))

        gradients = self.loop.backward(
            start, stop, self.kept, own_output_at, gradients, self.loop.position, is_added=True
        )
        return gradients, start == 0

    def _arrays(self) -> Arrays:
        """Return arrays of zeros, since windows overlap and their gradients add up."""
        loop = self.loop
        zeros = [batch_first(tf.zeros_like(sequence)) for sequence in loop.given.sequences]
        inputs = {
            key: array.unstack(zeros[key[1]]) for key, array in loop.arrays_of_inputs().items()
        }
        own = {key: _zeros(array) for key, array in products(self.kept).items()}
        return inputs | own | loop.arrays_of_rows(loop.length)


def _zeros(array: tf.TensorArray) -> tf.TensorArray:
    """Return an array of as many zeros of the same shapes."""
    zeros = tf.TensorArray(array.dtype, size=array.size(), clear_after_read=False)
    return zeros.unstack(tf.zeros_like(array.stack()))
