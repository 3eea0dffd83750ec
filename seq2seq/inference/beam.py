"""Beam search: the best few hypotheses at every step."""

from typing import Any, NamedTuple

import tensorflow as tf

from seq2seq.inference.greedy import Hypotheses, StepFunction

__all__ = ["beam_search", "length_penalty", "repeat_rows"]

IMPOSSIBLE = -1e9


class _Beam(NamedTuple):
    time: tf.Tensor
    last: tf.Tensor  # (batch, beam)
    states: Any  # each (batch * beam, ...)
    tokens: tf.Tensor  # (batch, beam, maximum_steps)
    log_probabilities: tf.Tensor  # (batch, beam)
    lengths: tf.Tensor  # (batch, beam)
    ended: tf.Tensor  # (batch, beam)


def length_penalty(lengths: tf.Tensor, weight: float) -> tf.Tensor:
    """Return `((5 + length) / 6) ** weight`, by which a log-probability is divided.

    Args:
        lengths: Number of tokens, the end included, any shape.
        weight: 0 for no penalty; the larger, the longer the translations.

    Reference: Wu et al., 2016, section 7, https://arxiv.org/abs/1609.08144

    >>> length_penalty(tf.constant([1, 7]), 1.0).numpy().tolist()
    [1.0, 2.0]
    """
    return ((5.0 + tf.cast(lengths, tf.float32)) / 6.0) ** weight


def repeat_rows(structure: Any, times: int) -> Any:
    """Repeat each row of each tensor: `(batch, ...)` becomes `(batch * times, ...)`."""
    return tf.nest.map_structure(lambda tensor: tf.repeat(tensor, times, axis=0), structure)


def beam_search(
    step: StepFunction,
    states: Any,
    batch_size: tf.Tensor,
    maximum_steps: tf.Tensor | int,
    *,
    beam: int,
    length_weight: float,
    begin: int,
    end: int,
    padding: int,
) -> Hypotheses:
    """Keep the `beam` best hypotheses of each row, until all of them have ended.

        score(y) = log p(y) / length_penalty(|y|)

    At each step every hypothesis is continued by every token, and the best by score stay. One that
    has ended is continued by padding alone, at no cost, so it never changes. A row whose
    hypotheses have all ended does not change either, so the other rows of a batch never matter.

    Args:
        step: One step of the decoder over `batch * beam` rows.
        states: The states before the first step, each `(batch * beam, ...)`: see `repeat_rows`.
        batch_size: Number of rows, `batch`.
        maximum_steps: The most tokens a hypothesis may get, the end included.
        beam: How many hypotheses to keep, at most the size of the vocabulary.
        length_weight: The weight of the length penalty.
        begin: The token that starts a hypothesis.
        end: The token that ends it.
        padding: The token after the end.

    Returns:
        `beam` hypotheses a row, by falling score.
    """
    first = tf.one_hot(0, beam, on_value=0.0, off_value=IMPOSSIBLE)
    beginning = _Beam(
        time=tf.constant(0),
        last=tf.fill([batch_size, beam], begin),
        states=states,
        tokens=tf.fill([batch_size, beam, maximum_steps], padding),
        # All hypotheses of a row begin alike: only the first may count.
        log_probabilities=tf.repeat(first[tf.newaxis], batch_size, axis=0),
        lengths=tf.zeros([batch_size, beam], tf.int32),
        ended=tf.zeros([batch_size, beam], tf.bool),
    )

    def is_running(*now: Any) -> tf.Tensor:
        now = _Beam(*now)
        return (now.time < maximum_steps) & ~tf.reduce_all(now.ended)

    def body(*now: Any) -> _Beam:
        now = _Beam(*now)
        log_probabilities, states = step(tf.reshape(now.last, [-1]), now.states)
        return _continue(now, log_probabilities, states, length_weight, end, padding)

    final = _Beam(*tf.while_loop(is_running, body, tuple(beginning)))
    return Hypotheses(
        tokens=final.tokens[:, :, : final.time],
        log_probabilities=final.log_probabilities,
        scores=final.log_probabilities / length_penalty(final.lengths, length_weight),
    )


def _continue(
    now: _Beam, step_scores: tf.Tensor, states: Any, length_weight: float, end: int, padding: int
) -> _Beam:
    """Choose the best continuations."""
    beam, vocabulary_size = now.last.shape[1], tf.shape(step_scores)[-1]
    step_scores = tf.reshape(step_scores, [-1, beam, vocabulary_size])
    only_padding = tf.one_hot(padding, vocabulary_size, on_value=0.0, off_value=IMPOSSIBLE)
    step_scores = tf.where(now.ended[..., tf.newaxis], only_padding, step_scores)
    totals = now.log_probabilities[..., tf.newaxis] + step_scores
    lengths = now.lengths + tf.cast(~now.ended, tf.int32)
    scores = totals / length_penalty(lengths, length_weight)[..., tf.newaxis]

    flat = [-1, beam * vocabulary_size]
    _, chosen = tf.math.top_k(tf.reshape(scores, flat), k=beam)
    parents, last = chosen // vocabulary_size, chosen % vocabulary_size

    def of_parent(tensor: tf.Tensor) -> tf.Tensor:
        return tf.gather(tensor, parents, batch_dims=1)

    rows = tf.reshape(tf.range(tf.shape(parents)[0])[:, tf.newaxis] * beam + parents, [-1])
    is_now = tf.range(tf.shape(now.tokens)[2]) == now.time
    return _Beam(
        time=now.time + 1,
        last=last,
        states=tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), states),
        tokens=tf.where(is_now, last[..., tf.newaxis], of_parent(now.tokens)),
        log_probabilities=tf.gather(tf.reshape(totals, flat), chosen, batch_dims=1),
        lengths=of_parent(lengths),
        ended=of_parent(now.ended) | (last == end),
    )
