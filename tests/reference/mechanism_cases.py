"""The attention mechanisms under test: how each is made, its oracle, and what it remembers."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from reference import mechanisms as oracles

from keras_rnn import (
    BahdanauAttention,
    BahdanauMonotonicAttention,
    CoverageAttention,
    LocationAwareAttention,
    LuongAttention,
    LuongMonotonicAttention,
    MultiHeadDotAttention,
    SeveralAttentions,
)

BATCH, LENGTH, QUERY = 3, 5, 4
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]], dtype=bool)


class Case(NamedTuple):
    """A mechanism under test.

    Attributes:
        make: Makes it, from options of a layer.
        oracle: The same in NumPy.
        remembers: What its state is after a step: "nothing", "alignments", or their "sum".
        features: Size of one step of the memory.
        is_hard: Whether its alignments are a single one or none.
    """

    make: Callable[..., Any]
    oracle: Callable[..., Any]
    remembers: str = "nothing"
    features: int = 6
    is_hard: bool = False


HARDMAX = {"probability": oracles.one_at_the_largest}
CASES = {
    "bahdanau": Case(partial(BahdanauAttention, 5), oracles.bahdanau),
    "bahdanau_normalised": Case(partial(BahdanauAttention, 5, normalize=True), oracles.bahdanau),
    "bahdanau_hardmax": Case(
        partial(BahdanauAttention, 5, probability_fn="hardmax"),
        partial(oracles.bahdanau, **HARDMAX),
        is_hard=True,
    ),
    "luong_general": Case(partial(LuongAttention, QUERY), oracles.luong),
    "luong_dot": Case(LuongAttention, oracles.luong, features=QUERY),
    "luong_scaled": Case(partial(LuongAttention, QUERY, scale=True), oracles.luong),
    "luong_hardmax": Case(
        partial(LuongAttention, scale=True, probability_fn="hardmax"),
        partial(oracles.luong, **HARDMAX),
        features=QUERY,
        is_hard=True,
    ),
    "bahdanau_monotonic": Case(
        partial(BahdanauMonotonicAttention, 5, normalize=True),
        oracles.bahdanau_monotonic,
        "alignments",
    ),
    "bahdanau_monotonic_hard": Case(
        partial(BahdanauMonotonicAttention, 5, mode="hard"),
        partial(oracles.bahdanau_monotonic, is_hard=True),
        "alignments",
        is_hard=True,
    ),
    "luong_monotonic": Case(
        partial(LuongMonotonicAttention, QUERY, scale=True, mode="recursive"),
        oracles.luong_monotonic,
        "alignments",
    ),
    "luong_monotonic_hard": Case(
        partial(LuongMonotonicAttention, mode="hard"),
        partial(oracles.luong_monotonic, is_hard=True),
        "alignments",
        features=QUERY,
        is_hard=True,
    ),
    "location": Case(
        partial(LocationAwareAttention, 5, filters=3, kernel_size=3),
        oracles.location_aware,
        "alignments",
    ),
    "location_even": Case(
        partial(LocationAwareAttention, 5, filters=1, kernel_size=4, normalize=True),
        oracles.location_aware,
        "alignments",
    ),
    "location_cumulative": Case(
        partial(LocationAwareAttention, 5, filters=2, kernel_size=9, cumulative=True),
        oracles.location_aware,
        "sum",
    ),
    "coverage": Case(partial(CoverageAttention, 5), oracles.coverage, "sum"),
    "coverage_normalised": Case(
        partial(CoverageAttention, 5, normalize=True), oracles.coverage, "sum"
    ),
    "one_head": Case(
        partial(MultiHeadDotAttention, 5, heads=1), partial(oracles.multi_head, heads=1)
    ),
    "three_heads": Case(
        partial(MultiHeadDotAttention, 6, heads=3), partial(oracles.multi_head, heads=3)
    ),
}
# One of each class; in the default run, what costs more is asked of these alone.
KINDS = (
    *("bahdanau_normalised", "luong_scaled", "bahdanau_monotonic", "luong_monotonic"),
    *("location_cumulative", "coverage", "three_heads"),
)


def several(**options):
    """Return mechanisms of most kinds at once, two of which remember and one of which draws."""
    listed = [
        BahdanauAttention(5, **options),
        CoverageAttention(3, **options),
        LuongMonotonicAttention(QUERY, sigmoid_noise=0.5, sigmoid_noise_seed=1, **options),
        MultiHeadDotAttention(6, heads=2, **options),
    ]
    return SeveralAttentions(listed, **options)


def built(attention, rng, features=6):
    """Build it, and give it random weights."""
    attention.build((BATCH, QUERY), (BATCH, LENGTH, features))
    for weight in attention.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return attention


def by_name(layer):
    return {weight.name: weight.numpy() for weight in layer.trainable_weights}


def query_of(rng, dtype="float64"):
    return tf.constant(rng.normal(size=(BATCH, QUERY)), dtype)


def values_of(rng, features=6, dtype="float64"):
    return tf.constant(rng.normal(size=(BATCH, LENGTH, features)), dtype)


def random_before(case, rng):
    """Return what a mechanism may remember: for a hard one, the last row went past the end."""
    if case.is_hard and case.remembers != "nothing":
        return np.array([[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], dtype="float64")
    rows = rng.uniform(0.05, 1, size=(BATCH, LENGTH))
    return 0.9 * rows / rows.sum(axis=1, keepdims=True)
