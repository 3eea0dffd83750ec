"""What searches share: what a decoder predicts, what a search finds, and the tokens that mark."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from seq2seq.marks import IMPOSSIBLE

__all__ = [
    "IMPOSSIBLE",
    "Hypotheses",
    "Marks",
    "Prediction",
    "StepFunction",
    "of_tensors",
    "repeat_rows",
    "size",
]


class Prediction(NamedTuple):
    """What a decoder says of the next token of each row.

    Attributes:
        log_probabilities: float32 `(rows, vocabulary_size)`, natural logarithms.
        states: The next states, any structure of tensors `(rows, ...)`.
        alignments: Where it looked, `(rows, source_time)`; `None` if that is not known.
    """

    log_probabilities: tf.Tensor
    states: Any
    alignments: tf.Tensor | None = None


StepFunction = Callable[[tf.Tensor, Any], Prediction]
"""One step of a decoder: maps the last tokens, int32 `(rows,)`, and states to a `Prediction`."""


class Marks(NamedTuple):
    """The tokens that are no words.

    Attributes:
        begin: Starts a hypothesis; not part of it.
        end: Ends it.
        padding: Fills it up after the end.
    """

    begin: int
    end: int
    padding: int


class Hypotheses(NamedTuple):
    """What a search found.

    Attributes:
        tokens: int32 `(batch, n, time)`, best first; after its end each is filled with padding.
        log_probabilities: Natural logarithm of each one's probability, float32 `(batch, n)`.
        scores: What they are ordered by, float32 `(batch, n)`; NaN where there is no hypothesis,
            since the model's numbers were none, no more hypotheses are possible, or another of the
            diverse groups found the same one.
    """

    tokens: tf.Tensor
    log_probabilities: tf.Tensor
    scores: tf.Tensor


def repeat_rows(structure: Any, times: int) -> Any:
    """Repeat each row of each tensor: `(batch, ...)` becomes `(batch * times, ...)`."""

    def repeat(tensor: tf.Tensor | None) -> tf.Tensor | None:
        return None if tensor is None else tf.repeat(tensor, times, axis=0)

    return tf.nest.map_structure(repeat, structure)


def of_tensors(step: StepFunction, states: Any) -> tuple[StepFunction, Any]:
    """Return step and states without what is `None` in the states, which no loop carries."""
    leaves = tf.nest.flatten(states)
    if all(leaf is not None for leaf in leaves):
        return step, states

    def step_of_tensors(tokens: tf.Tensor, tensors: list[tf.Tensor]) -> Prediction:
        given = iter(tensors)
        own = [None if leaf is None else next(given) for leaf in leaves]
        prediction = Prediction(*step(tokens, tf.nest.pack_sequence_as(states, own)))
        after = tf.nest.flatten(prediction.states)
        if [state is None for state in after] != [leaf is None for leaf in leaves]:
            raise ValueError(
                "A step needs to return `None` among its states where it was given it, and nowhere "
                f"else. Received: {prediction.states}. Begin with a tensor of that shape."
            )
        return prediction._replace(states=[state for state in after if state is not None])

    return step_of_tensors, [leaf for leaf in leaves if leaf is not None]


def size(tensor: tf.Tensor, axis: int) -> int | tf.Tensor:
    """Return the size of an axis: a number where the graph knows it, which costs no step of it."""
    known = tensor.shape[axis]
    return tf.shape(tensor)[axis] if known is None else known
