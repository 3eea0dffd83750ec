"""Greedy search: the likeliest token at every step."""

import tensorflow as tf

from seq2seq.inference.decode import Choice, Search

__all__ = ["GreedySearch"]


class GreedySearch:
    """Chooses the likeliest token at every step, one hypothesis a row.

        y_t = argmax_k p(k | y_1 .. y_{t-1})

    The score is the log-probability.
    """

    width = 1
    needs_coverage = False

    def initialize(self, search: Search) -> Search:
        """Return the search as it is."""
        return search

    def step(self, search: Search, log_probabilities: tf.Tensor) -> Choice:
        """Choose the likeliest token."""
        best = tf.argmax(log_probabilities, axis=-1, output_type=tf.int32)
        gained = tf.reduce_max(log_probabilities, axis=-1)
        return Choice(None, best, search.log_probabilities + gained)

    def finish(self, search: Search) -> tf.Tensor:
        """Return the log-probabilities."""
        return search.log_probabilities
