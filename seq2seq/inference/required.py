"""Beam search for hypotheses in which given phrases stand."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.inference.beam import BeamSearch
from seq2seq.inference.constraints import token_lists
from seq2seq.inference.decode import Choice, Search
from seq2seq.inference.hypotheses import IMPOSSIBLE

__all__ = ["RequiringBeamSearch"]


class RequiringBeamSearch(BeamSearch):
    """A beam search whose hypotheses may end only once they hold all required phrases.

    Without help, a beam would drop a hypothesis as soon as it begins an unlikely phrase. So the
    continuations are in banks, by how many tokens they hold of the phrases that are whole and of
    the one that is furthest, and the beam takes the best of each bank in turn, beginning with the
    bank that holds most. To go on with the phrase that is furthest always holds more, so that a
    search comes to hold them all, whatever tokens they share.

    A phrase is followed from its first token to its last; where a hypothesis leaves it in the
    middle, it begins anew. Phrases may stand in any order.

    The fullest bank, where those are that have ended, has as many places ahead of all turns as it
    has ended hypotheses. So these need not make room for what can never end, and a search mostly
    comes to its end once `width` have ended.

    Args:
        width: How many hypotheses to keep.
        phrases: Tokens of each, at least one.
        end: The token that ends a hypothesis.
        **options: Those of `BeamSearch`; there are no groups.

    Raises:
        UserError: If there is no phrase, or one has no token.

    Reference: Post and Vilar, 2018, https://arxiv.org/abs/1804.06609
    """

    def __init__(
        self, width: int, phrases: Sequence[Sequence[int]], *, end: int, **options: Any
    ) -> None:
        super().__init__(width, end=end, **options)
        self.phrases = token_lists("required", phrases)
        if not self.phrases or self.groups > 1:
            raise UserError(
                "A search for required phrases needs a phrase, and no groups. Received: phrases "
                f"{self.phrases}, groups {self.groups}."
            )
        self.most = sum(map(len, self.phrases))

    def initialize(self, search: Search) -> Search:
        """Return the search before its first step: no phrase has been begun."""
        search = super().initialize(search)
        batch_size = tf.shape(search.last)[0]
        return search._replace(
            extra=tf.zeros([batch_size, self.width, len(self.phrases)], tf.int32)
        )

    def step(self, search: Search, log_probabilities: tf.Tensor) -> Choice:
        """Choose the best continuations of each bank, the fullest bank first."""
        vocabulary_size = tf.shape(log_probabilities)[-1]
        held = self._held(search.extra, vocabulary_size)
        is_whole = held == [len(phrase) for phrase in self.phrases]
        bank = tf.reduce_sum(tf.where(is_whole, held, 0), axis=-1)
        bank += tf.reduce_max(tf.where(is_whole, 0, held), axis=-1)
        is_end = tf.range(vocabulary_size) == self.end
        is_early = is_end & (tf.reduce_sum(search.extra, axis=-1, keepdims=True) < self.most)
        possible = tf.where(is_early, IMPOSSIBLE, log_probabilities)
        totals = search.log_probabilities[..., tf.newaxis] + possible
        scores = self.scores_of_continuations(search, totals, is_end)
        is_found = search.ended & (search.log_probabilities > IMPOSSIBLE / 2)
        found = tf.math.count_nonzero(is_found, axis=1, keepdims=True, dtype=tf.int32)
        parents, tokens, is_possible = self._best_of_banks(scores, bank, found)
        place = tf.stack([parents, tokens], axis=-1)
        chosen = tf.where(is_possible, tf.gather_nd(totals, place, batch_dims=1), IMPOSSIBLE)
        return Choice(parents, tokens, chosen, tf.gather_nd(held, place, batch_dims=1))

    def finish(self, search: Search) -> tf.Tensor:
        """Return the scores; those without all phrases are impossible."""
        is_whole = tf.reduce_sum(search.extra, axis=-1) == self.most
        return super().finish(search) + tf.where(is_whole, 0.0, IMPOSSIBLE)

    def _held(self, held: tf.Tensor, vocabulary_size: tf.Tensor) -> tf.Tensor:
        """Return how much of each phrase a continuation holds, `(batch, width, vocabulary, n)`."""
        after, words = [], tf.range(vocabulary_size)
        for index, phrase in enumerate(self.phrases):
            now = held[:, :, index, tf.newaxis]
            following = tf.gather([*phrase, -1], now)
            begun = tf.where(words == phrase[0], 1, 0)
            left = tf.where(now == len(phrase), len(phrase), begun)
            after.append(tf.where(words == following, now + 1, left))
        return tf.stack(after, axis=-1)

    def _best_of_banks(
        self, scores: tf.Tensor, bank: tf.Tensor, found: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Return parents, tokens and whether they are possible, `(batch, width)` each.

        Args:
            scores: `(batch, width, vocabulary_size)`.
            bank: The bank of each.
            found: How many hypotheses have ended, `(batch, 1)`.
        """
        shape = tf.shape(scores)
        flat = [-1, shape[1] * shape[2]]
        scores, bank = tf.reshape(scores, flat), tf.reshape(bank, flat)
        places = tf.range(self.width)
        indices, keys, latest = [], [], self.width * (self.most + 2) + 1
        for number in range(self.most + 1):
            own = tf.where(bank == number, scores, 2 * IMPOSSIBLE)
            values, chosen = tf.math.top_k(own, k=self.width)
            ahead = found if number == self.most else tf.zeros_like(found)
            turn = 1 + (places - ahead) * (self.most + 1) + self.most - number
            turn = tf.where(places < ahead, 0, turn)
            # What is not possible comes after all that is.
            late = tf.cast(values < IMPOSSIBLE / 2, tf.int32) * latest
            indices.append(chosen)
            keys.append(turn + late)
        keys = tf.concat(keys, axis=1)
        order = tf.argsort(keys, axis=1, stable=True)[:, : self.width]
        chosen = tf.gather(tf.concat(indices, axis=1), order, batch_dims=1)
        # Of what is not possible, each bank has the same; it must not be chosen twice.
        is_possible = tf.gather(keys, order, batch_dims=1) < latest
        return chosen // shape[2], chosen % shape[2], is_possible
