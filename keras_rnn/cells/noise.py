"""What a cell draws: which entries are kept, anew for each step or the same for a whole call."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops, tree

from keras_rnn._types import Noise, Tensor

__all__ = ["EachStep", "draw_kept", "draw_seed", "drop", "kept_by", "put_steps", "take_steps"]


class EachStep(NamedTuple):
    """A part of a cell's noise that is another at each step.

    `draw_noise` returns it for all steps at once; `project` gets it so, or for one step alone, as
    its inputs are; `step` gets it for one step.

    Attributes:
        values: `(batch, time, ...)`, of one step `(batch, ...)`; no floating type, so that no
            gradient is formed for it: what is drawn is best a boolean mask.
    """

    values: Tensor


def draw_kept(
    batch_size: Any, length: Any, size: int, rate: float, seed: keras.random.SeedGenerator
) -> EachStep:
    """Draw which entries are kept at each step: each with a probability of `1 - rate`.

    Args:
        batch_size: Number of sequences.
        length: Number of steps; `None` for one step alone.
        size: Number of entries.
        rate: The probability with which an entry is dropped, in [0, 1].
        seed: What to draw from.
    """
    shape = (batch_size, size) if length is None else (batch_size, length, size)
    return EachStep(keras.random.uniform(shape, dtype="float32", seed=seed) >= rate)


def draw_seed(seed: keras.random.SeedGenerator) -> Tensor:
    """Draw a seed for `kept_by`."""
    return keras.random.randint((2,), 0, 2**31 - 1, dtype="int32", seed=seed)


def kept_by(seed: Tensor, number: int, shape: Any, rate: float) -> Tensor:
    """Return which entries are kept, the same ones whenever they are asked for.

    For tensors of shapes that are not known when the noise of a call is drawn.

    Args:
        seed: What `draw_seed` returned.
        number: Another for each tensor.
        shape: The shape of the tensor.
        rate: The probability with which an entry is dropped, in [0, 1].
    """
    return tf.random.stateless_uniform(shape, tf.add(seed, [0, number])) >= rate


def drop(values: Tensor, kept: Tensor, rate: float) -> Tensor:
    """Return the values that are kept, scaled by `1 / (1 - rate)`, and zeros in place of others.

    Args:
        values: Any tensor.
        kept: Boolean, of a shape that spreads to that of `values`.
        rate: The rate with which `kept` was drawn.
    """
    return ops.where(kept, values * (1 / (1 - rate) if rate < 1 else 0.0), 0)


def take_steps(noise: Noise) -> list[Tensor]:
    """Return the values of all that is another at each step, in the order of the structure."""
    values: list[Tensor] = []
    tree.traverse(lambda part: values.append(part.values) if _is_each(part) else None, noise)
    return values


def put_steps(noise: Noise, values: list[Any]) -> Noise:
    """Return the noise with other values for all that is another at each step."""
    left = iter(values)
    return tree.traverse(lambda part: EachStep(next(left)) if _is_each(part) else None, noise)


def _is_each(part: Any) -> bool:
    return isinstance(part, EachStep)
