"""Constraints: what must not follow in a hypothesis."""

import operator
from collections.abc import Sequence

import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.inference.decode import Constraint, Search
from seq2seq.inference.hypotheses import IMPOSSIBLE

__all__ = ["banned_phrases", "minimum_length", "no_repeated_ngram", "token_lists"]


def minimum_length(tokens: int, end: int) -> Constraint:
    """Return the constraint that a hypothesis has at least as many tokens, the end not counted."""

    def constraint(search: Search, log_probabilities: tf.Tensor) -> tf.Tensor:
        is_end = tf.range(tf.shape(log_probabilities)[-1]) == end
        return tf.where(is_end & (search.time < tokens), IMPOSSIBLE, log_probabilities)

    return constraint


def banned_phrases(phrases: Sequence[Sequence[int]]) -> Constraint:
    """Return the constraint that none of the phrases stands in a hypothesis.

    Args:
        phrases: Tokens of each, at least one.

    Raises:
        UserError: If a phrase is no list of tokens, or an empty one.
    """
    phrases = token_lists("banned", phrases)

    def constraint(search: Search, log_probabilities: tf.Tensor) -> tf.Tensor:
        vocabulary_size = tf.shape(log_probabilities)[-1]
        is_banned = tf.zeros_like(log_probabilities, tf.bool)
        for *before, last in phrases:
            is_last = tf.range(vocabulary_size) == last
            is_banned |= ends_with(search, before)[..., tf.newaxis] & is_last
        return tf.where(is_banned, IMPOSSIBLE, log_probabilities)

    return constraint


def token_lists(what: str, phrases: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return phrases as lists of tokens.

    Args:
        what: What they are, for the error.
        phrases: Tokens of each.

    Raises:
        UserError: If one is no list of tokens, or an empty one.
    """
    try:
        lists = [[operator.index(token) for token in phrase] for phrase in phrases]
    except TypeError:
        lists = None
    if lists is None or not all(lists):
        raise UserError(
            f"Each {what} phrase needs to be a list of at least one token. Received: {phrases!r}. "
            "Pass a list of such lists, for example [[5], [7, 8]]."
        )
    return lists


def no_repeated_ngram(size: int) -> Constraint:
    """Return the constraint that no `size` tokens stand twice, in this order, in a hypothesis.

    Args:
        size: At least one.

    Raises:
        UserError: If `size` is less.

    Reference: Paulus et al., 2018, section 2.5, https://arxiv.org/abs/1705.04304
    """
    if size < 1:
        raise UserError(f"Repetition control needs a size of at least 1. Received: {size}.")

    def constraint(search: Search, log_probabilities: tf.Tensor) -> tf.Tensor:
        tokens, time = search.tokens, search.time
        batch, width, steps = tf.unstack(tf.shape(tokens))
        # Which tokens stand after the same `size - 1` tokens that the hypothesis ends with.
        starts = tf.range(tf.maximum(steps - size + 1, 0))
        follows = tf.broadcast_to(starts + size - 1 < time, [batch, width, tf.size(starts)])
        for offset in range(size - 1):
            place = tf.maximum(time - size + 1 + offset, 0)
            own = tf.gather(tokens, place, axis=2)[..., tf.newaxis]
            follows &= tokens[:, :, offset : offset + tf.size(starts)] == own
        after = tokens[:, :, size - 1 :]
        rows, hypotheses, _ = tf.meshgrid(tf.range(batch), tf.range(width), starts, indexing="ij")
        places = tf.stack([rows, hypotheses, after], axis=-1)
        count = tf.scatter_nd(places, tf.cast(follows, tf.float32), tf.shape(log_probabilities))
        return tf.where(count > 0, IMPOSSIBLE, log_probabilities)

    return constraint


def ends_with(search: Search, phrase: Sequence[int]) -> tf.Tensor:
    """Return which hypotheses end with the tokens of a phrase, boolean `(batch, width)`."""
    ends = tf.fill(tf.shape(search.last), search.time >= len(phrase))
    for back, token in enumerate(reversed(phrase)):
        place = tf.maximum(search.time - 1 - back, 0)
        ends &= tf.gather(search.tokens, place, axis=2) == token
    return ends
