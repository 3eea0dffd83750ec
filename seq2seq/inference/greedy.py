"""Greedy search: the likeliest token at every step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

__all__ = ["Hypotheses", "StepFunction", "greedy_search"]

StepFunction = Callable[[tf.Tensor, Any], tuple[tf.Tensor, Any]]
"""Maps tokens, int32 `(rows,)`, and states to log-probabilities, float32 `(rows, vocabulary_size)`,
and the next states, any structure of tensors `(rows, ...)`."""


class Hypotheses(NamedTuple):
    """What a search found.

    Attributes:
        tokens: int32 `(batch, n, time)`, best first; after its end each is filled with `padding`.
        log_probabilities: Natural logarithm of each one's probability, float32 `(batch, n)`.
        scores: What they are ordered by, float32 `(batch, n)`.
    """

    tokens: tf.Tensor
    log_probabilities: tf.Tensor
    scores: tf.Tensor


def greedy_search(
    step: StepFunction,
    states: Any,
    batch_size: tf.Tensor,
    maximum_steps: tf.Tensor | int,
    *,
    begin: int,
    end: int,
    padding: int,
) -> Hypotheses:
    """Choose the likeliest token at every step, until every row has ended.

        y_t = argmax_k p(k | y_1 .. y_{t-1})

    The loop runs in the graph and stops as soon as all rows have ended.

    Args:
        step: One step of the decoder.
        states: The states before the first step.
        batch_size: Number of rows.
        maximum_steps: The most tokens a row may get, the end included.
        begin: The token that starts a row.
        end: The token that ends it.
        padding: The token after the end.

    Returns:
        One hypothesis a row; its score is its log-probability.
    """
    beginning = (
        tf.constant(0),
        tf.fill([batch_size], begin),
        states,
        tf.zeros([batch_size]),
        tf.zeros([batch_size], tf.bool),
        tf.fill([batch_size, maximum_steps], padding),
    )

    def is_running(time: tf.Tensor, last: Any, states: Any, total: Any, ended: Any, _: Any) -> Any:
        return (time < maximum_steps) & ~tf.reduce_all(ended)

    def body(
        time: tf.Tensor, last: Any, states: Any, total: Any, ended: Any, tokens: Any
    ) -> tuple[Any, ...]:
        log_probabilities, states = step(last, states)
        best = tf.argmax(log_probabilities, axis=-1, output_type=tf.int32)
        gained = tf.reduce_max(log_probabilities, axis=-1)
        best = tf.where(ended, padding, best)
        total += tf.where(ended, 0.0, gained)
        tokens = tf.where(tf.range(tf.shape(tokens)[1]) == time, best[:, tf.newaxis], tokens)
        return time + 1, best, states, total, ended | (best == end), tokens

    steps, _, _, total, _, tokens = tf.while_loop(is_running, body, beginning)
    return Hypotheses(tokens[:, tf.newaxis, :steps], total[:, tf.newaxis], total[:, tf.newaxis])
