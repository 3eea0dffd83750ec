"""Means over batches weigh tokens, not batches."""

import math

import numpy as np
import tensorflow as tf

from seq2seq.training.losses import LossSums
from seq2seq.training.metrics import LossMeter, perplexity


def sums(*numbers):
    return LossSums(*map(tf.constant, numbers))


def test_the_mean_weighs_every_token_alike():
    meter = LossMeter()
    meter.add(sums(2.0, 1.0, 1.0))
    meter.add(sums(10.0, 8.0, 9.0))
    report = meter.report()
    assert report.loss == 1.2
    np.testing.assert_allclose(report.perplexity, math.exp(0.9), rtol=1e-6)


def test_a_report_starts_anew(monkeypatch):
    clock = iter([0.0, 2.0, 2.0, 4.0, 4.0])
    monkeypatch.setattr("seq2seq.training.metrics.time.monotonic", lambda: next(clock))
    meter = LossMeter()
    meter.add(sums(6.0, 6.0, 6.0))
    assert meter.report().tokens_per_second == 3.0
    meter.add(sums(1.0, 1.0, 2.0))
    report = meter.report()
    assert (report.loss, report.tokens_per_second) == (0.5, 1.0)


def test_a_report_of_nothing_divides_by_no_zero():
    assert LossMeter().report()[:2] == (0.0, 1.0)


def test_perplexity_is_exp_and_at_most_infinite():
    assert math.isclose(perplexity(math.log(7)), 7)
    assert perplexity(1e4) == math.inf
    assert math.isnan(perplexity(math.nan))
