"""Beam search: the best few hypotheses at every step."""

import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.inference.decode import Choice, Search
from seq2seq.inference.hypotheses import IMPOSSIBLE, size

__all__ = ["BeamSearch", "coverage_penalty", "length_penalty"]


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


def coverage_penalty(coverage: tf.Tensor, weight: float) -> tf.Tensor:
    """Return `weight * sum_j log(min(coverage_j, 1))`, which is added to a score.

    Steps of the source that were never looked at at all count as padding.

    Args:
        coverage: The sum of all alignments, `(..., source_time)`.
        weight: 0 for no penalty; the larger, the more of the source must have been looked at.

    Reference: Wu et al., 2016, section 7, https://arxiv.org/abs/1609.08144

    >>> round(float(coverage_penalty(tf.constant([0.5, 2.0, 0.0]), 1.0)), 4)
    -0.6931
    """
    covered = tf.where(coverage == 0, 1.0, tf.minimum(coverage, 1.0))
    return weight * tf.reduce_sum(tf.math.log(covered), axis=-1)


class BeamSearch:
    """Keeps the `width` best hypotheses of each row.

        score(y) = log p(y) / length_penalty(|y|) + coverage_penalty(y)

    At each step every hypothesis is continued by its likeliest tokens, and the best by score stay.
    Coverage counts for those that have ended, since others may still look.

    Diverse beams: the hypotheses are in `groups`, which choose one after the other, and a token
    costs a group `diversity` for each time that a group before it chose it at this step. What it
    costs decides what is chosen, but is not part of a score. Of a hypothesis that several groups
    found, one is returned; the others count as none.

    Args:
        width: How many hypotheses to keep.
        length_weight: The weight of the length penalty.
        coverage_weight: The weight of the coverage penalty; needs alignments.
        end: The token that ends a hypothesis.
        groups: Number of groups; divides `width`.
        diversity: The cost of a token that another group chose.

    Raises:
        UserError: If a setting is out of its bounds.

    Reference: Wu et al., 2016, section 7, https://arxiv.org/abs/1609.08144; diverse beams:
    Vijayakumar et al., 2018, https://arxiv.org/abs/1610.02424
    """

    def __init__(
        self,
        width: int,
        *,
        end: int,
        length_weight: float = 0.0,
        coverage_weight: float = 0.0,
        groups: int = 1,
        diversity: float = 0.0,
    ) -> None:
        if width < 1 or groups < 1 or width % groups:
            raise UserError(
                "Beam search needs a beam of at least 1, and a number of groups that divides it. "
                f"Received: beam {width}, groups {groups}. Change decoding.beam or "
                "decoding.beam_groups."
            )
        for name, weight in (
            ("length_weight", length_weight),
            ("coverage_weight", coverage_weight),
            ("diversity", diversity),
        ):
            if not 0 <= weight < float("inf"):
                raise UserError(
                    f"Beam search needs {name} to be a number of at least 0. "
                    f"Received: {weight!r}. Change it."
                )
        self.width, self.end = width, end
        self.length_weight, self.coverage_weight = length_weight, coverage_weight
        self.needs_coverage = bool(coverage_weight)
        self.groups, self.diversity = groups, diversity

    def initialize(self, search: Search) -> Search:
        """Return the search with one hypothesis a group possible, since all begin alike."""
        in_group = self.width // self.groups
        first = tf.tile(tf.one_hot(0, in_group, 0.0, IMPOSSIBLE), [self.groups])
        return search._replace(log_probabilities=search.log_probabilities + first)

    def step(self, search: Search, log_probabilities: tf.Tensor) -> Choice:
        """Choose the best continuations."""
        best, tokens = self._candidates(log_probabilities)
        totals = search.log_probabilities[..., tf.newaxis] + best
        scores = self.scores_of_continuations(search, totals, tokens == self.end)
        if self.groups == 1:
            parents, places = best_of(scores, self.width)
        else:
            parents, places = self._best_of_groups(scores, tokens, search.ended)
        chosen = tf.stack([parents, places], axis=-1)
        return Choice(
            parents, *(tf.gather_nd(one, chosen, batch_dims=1) for one in (tokens, totals))
        )

    def finish(self, search: Search) -> tf.Tensor:
        """Return the scores."""
        totals = search.log_probabilities
        scores = totals / length_penalty(search.lengths, self.length_weight)
        if self.needs_coverage:
            penalty = coverage_penalty(search.coverage, self.coverage_weight)
            scores += tf.where(search.ended, penalty, 0.0)
        if self.groups > 1:
            totals = tf.where(_is_repeated(search.tokens), IMPOSSIBLE, totals)
        return _below_all_others(scores, totals)

    def _candidates(self, log_probabilities: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return log-probability and token of the continuations that can be among the best.

        All continuations of a hypothesis are of one length, so its likeliest have its best scores.
        Diversity makes some of them worse, those that other groups chose: at most the `width` of
        those. So of the likeliest `width` there are as many left as the group keeps. Coverage makes
        one more of them worse, the end.
        """
        most = self.width + self.needs_coverage
        return tf.math.top_k(log_probabilities, tf.minimum(most, size(log_probabilities, -1)))

    def scores_of_continuations(
        self, search: Search, totals: tf.Tensor, is_end: tf.Tensor
    ) -> tf.Tensor:
        """Return the scores of continuations, `(batch, width, n)`.

        Args:
            search: The hypotheses.
            totals: The log-probabilities of the continuations, `(batch, width, n)`.
            is_end: Which are by the end, of a shape that broadcasts to theirs.
        """
        lengths = search.lengths + tf.cast(~search.ended, tf.int32)
        scores = totals / length_penalty(lengths, self.length_weight)[..., tf.newaxis]
        if self.needs_coverage:
            penalty = coverage_penalty(search.coverage, self.coverage_weight)[..., tf.newaxis]
            scores += tf.where(is_end | search.ended[..., tf.newaxis], penalty, 0.0)
        return _below_all_others(scores, totals)

    def _best_of_groups(
        self, scores: tf.Tensor, tokens: tf.Tensor, ended: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        in_group = self.width // self.groups
        parents, places, said = [], [], tokens[:, 0, :0]
        for first in range(0, self.width, in_group):
            group = slice(first, first + in_group)
            is_said = tokens[:, group, :, tf.newaxis] == said[:, tf.newaxis, tf.newaxis]
            cost = self.diversity * tf.reduce_sum(tf.cast(is_said, tf.float32), axis=-1)
            # Padding after an end costs nothing.
            own = scores[:, group] - tf.where(ended[:, group, tf.newaxis], 0.0, cost)
            from_group, place = best_of(own, in_group)
            chosen = tf.stack([from_group, place], axis=-1)
            said = tf.concat([said, tf.gather_nd(tokens[:, group], chosen, batch_dims=1)], axis=1)
            parents.append(first + from_group)
            places.append(place)
        return tf.concat(parents, axis=1), tf.concat(places, axis=1)


def _is_repeated(tokens: tf.Tensor) -> tf.Tensor:
    """Return which hypotheses, `(batch, width, time)`, equal one before them, `(batch, width)`."""
    is_same = tf.reduce_all(tokens[:, :, tf.newaxis] == tokens[:, tf.newaxis], axis=-1)
    places = tf.range(tokens.shape[1])
    return tf.reduce_any(is_same & (places < places[:, tf.newaxis]), axis=-1)


def _below_all_others(scores: tf.Tensor, totals: tf.Tensor) -> tf.Tensor:
    """Return the scores; those of what is impossible are below all others.

    Divided by a large length penalty, they need not be.
    """
    return tf.where(totals > IMPOSSIBLE / 2, scores, 2 * IMPOSSIBLE)


def best_of(scores: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return hypothesis and place of the best continuations, int32 `(batch, count)` each.

    Args:
        scores: `(batch, hypotheses, n)`.
        count: How many.
    """
    hypotheses, n = scores.shape[1], size(scores, -1)
    _, chosen = tf.math.top_k(tf.reshape(scores, [-1, hypotheses * n]), k=count)
    return chosen // n, chosen % n
