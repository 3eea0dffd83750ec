"""Means over batches, and perplexity."""

import math
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from seq2seq.data.batches import Batch
from seq2seq.training.losses import LossSums

__all__ = ["LossMeter", "MeanLoss", "mean_loss", "perplexity"]


class MeanLoss(NamedTuple):
    """Means over all tokens since the last report.

    Attributes:
        loss: Mean loss a token, in nats.
        perplexity: exp(mean negative log-likelihood a token).
        tokens_per_second: Target tokens a second.
    """

    loss: float
    perplexity: float
    tokens_per_second: float


class LossMeter:
    """Adds up losses and tokens, and starts anew after each report."""

    def __init__(self) -> None:
        self._start()

    def add(self, sums: LossSums) -> None:
        """Add the sums of one batch."""
        self._loss += float(sums.loss)
        self._negative_log_likelihood += float(sums.negative_log_likelihood)
        self._tokens += float(sums.tokens)

    def report(self) -> MeanLoss:
        """Return the means since the last report."""
        tokens = max(self._tokens, 1.0)
        seconds = max(time.monotonic() - self._began, 1e-9)
        mean = MeanLoss(
            loss=self._loss / tokens,
            perplexity=perplexity(self._negative_log_likelihood / tokens),
            tokens_per_second=self._tokens / seconds,
        )
        self._start()
        return mean

    def _start(self) -> None:
        self._loss = self._negative_log_likelihood = self._tokens = 0.0
        self._began = time.monotonic()


def mean_loss(evaluate: Callable[..., LossSums], batches: Iterable[Batch]) -> float:
    """Return the mean loss a token, in nats, over all batches.

    Args:
        evaluate: What `make_evaluation_step` returned.
        batches: The batches.
    """
    meter = LossMeter()
    for batch in batches:
        meter.add(evaluate(*batch))
    return meter.report().loss


def perplexity(mean_negative_log_likelihood: float) -> float:
    """Return exp of a mean negative log-likelihood a token, infinity where that is too large.

    >>> perplexity(0.0)
    1.0
    """
    try:
        return math.exp(mean_negative_log_likelihood)
    except OverflowError:
        return math.inf
