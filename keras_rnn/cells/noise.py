"""What a cell draws anew for each step of a call, such as the masks of zoneout."""

from typing import Any, NamedTuple

import keras
from keras import tree

from keras_rnn._types import Noise, Tensor

__all__ = ["EachStep", "draw_kept", "put_steps", "take_steps"]


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
