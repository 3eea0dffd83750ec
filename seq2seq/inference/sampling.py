"""Sampling: draw each token from what the model says, narrowed and tempered."""

from collections.abc import Callable

import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.inference.decode import Choice, Search
from seq2seq.inference.hypotheses import IMPOSSIBLE

__all__ = ["Sampling"]


class Sampling:
    """Draws each token at random; `width` draws a row, each on its own.

        y_t ~ p(k)^(1 / temperature) / Z        over the k that top_k and top_p keep

    `top_k` keeps the likeliest k tokens; `top_p` the fewest likeliest ones whose probabilities,
    tempered, add up to p at least. The score is the log-probability, untempered. With the same
    seed, the same rows in the same order get the same draws.

    Args:
        seed: int32 `(2,)`.
        width: Draws a row.
        temperature: From 0.001 to 1000; below one, likely tokens become likelier. A tensor is
            taken as it is.
        top_k: How many tokens to keep; 0 for all.
        top_p: How much probability to keep, in (0, 1].

    Raises:
        UserError: If a setting is out of its bounds.

    Reference: top-k: Fan et al., 2018, https://arxiv.org/abs/1805.04833; top-p: Holtzman et al.,
    2020, https://arxiv.org/abs/1904.09751; drawing by Gumbel noise: Maddison et al., 2014,
    https://arxiv.org/abs/1411.0030
    """

    needs_coverage = False

    def __init__(
        self,
        seed: tf.Tensor,
        width: int = 1,
        temperature: float | tf.Tensor = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> None:
        _check("width", width, width >= 1, "at least 1")
        if not tf.is_tensor(temperature):
            _check("temperature", temperature, 1e-3 <= temperature <= 1e3, "from 0.001 to 1000")
        _check("top_k", top_k, top_k >= 0, "at least 0")
        _check("top_p", top_p, 0 < top_p <= 1, "above 0 and at most 1")
        self.seed, self.width = seed, width
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p

    def initialize(self, search: Search) -> Search:
        """Return the search as it is."""
        return search

    def step(self, search: Search, log_probabilities: tf.Tensor) -> Choice:
        """Draw a token for each hypothesis."""
        narrowed = log_probabilities / self.temperature
        if self.top_k:
            narrowed = _keep(narrowed, self._is_of_the_first)
        if self.top_p < 1:
            narrowed = _keep(narrowed, self._is_of_the_nucleus)
        tiny = 1e-20  # A logarithm of zero would be no number.
        # Mixed, not added: the draws of the next seed are others, not these a step later.
        seed = tf.random.experimental.stateless_fold_in(self.seed, search.time)
        uniform = tf.random.stateless_uniform(tf.shape(narrowed), seed, minval=tiny)
        gumbel = -tf.math.log(-tf.math.log(uniform))
        tokens = tf.argmax(narrowed + gumbel, axis=-1, output_type=tf.int32)
        gained = tf.gather(log_probabilities, tokens, batch_dims=2)
        return Choice(None, tokens, search.log_probabilities + gained)

    def finish(self, search: Search) -> tf.Tensor:
        """Return the log-probabilities."""
        return search.log_probabilities

    def _is_of_the_first(self, ranked: tf.Tensor) -> tf.Tensor:
        return tf.broadcast_to(tf.range(tf.shape(ranked)[-1]) < self.top_k, tf.shape(ranked))

    def _is_of_the_nucleus(self, ranked: tf.Tensor) -> tf.Tensor:
        before = tf.cumsum(tf.nn.softmax(ranked), axis=-1, exclusive=True)
        return before < self.top_p


def _keep(values: tf.Tensor, is_kept: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Return the values that are kept, and `IMPOSSIBLE` in place of others.

    Args:
        values: `(..., vocabulary_size)`.
        is_kept: Says of values in falling order which are kept.
    """
    ranked = tf.sort(values, axis=-1, direction="DESCENDING")
    least = tf.reduce_min(tf.where(is_kept(ranked), ranked, float("inf")), axis=-1, keepdims=True)
    return tf.where(values >= least, values, IMPOSSIBLE)


def _check(name: str, value: float, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise UserError(f"Sampling needs {name} to be {wanted}. Received: {value!r}.")
