"""A decoder of one's own: whatever types it computes in and whatever its states hold."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import MARKS, beam, greedy
from reference.search import BEGIN, END, Chain

from seq2seq.inference import BeamSearch, GreedySearch, Marks, Sampling, decode

STEPS = 6


@pytest.fixture(scope="module")
def chain():
    return Chain.random(np.random.default_rng(61), rows=3, vocabulary_size=7)


def found_by(strategy, chain, step, start=None, marks=MARKS, **options):
    start = chain.start() if start is None else start
    return decode(strategy, step, start, 3, STEPS, marks=marks, **options)


def assert_same(found, wanted):
    np.testing.assert_array_equal(found.tokens, wanted.tokens)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_log_probabilities_of_another_type_are_those_numbers(dtype, chain):
    rounded = Chain(tf.cast(tf.cast(np.maximum(chain.table, -1e4), dtype), "float32").numpy())

    def step(tokens, states):
        log_probabilities, states = rounded.step(tokens, states)
        return tf.cast(log_probabilities, dtype), states

    for strategy in (GreedySearch(), BeamSearch(3, end=END, length_weight=1.0)):
        assert_same(found_by(strategy, chain, step), found_by(strategy, chain, rounded.step))
    with_width = Sampling(tf.constant([1, 2]), width=4, top_k=3, top_p=0.9)
    assert_same(found_by(with_width, chain, step), found_by(with_width, chain, rounded.step))


@pytest.mark.parametrize("in_graph", [False, True])
def test_states_may_hold_none(in_graph, chain):
    start = {"chain": chain.start(), "mask": None}

    def step(tokens, states):
        log_probabilities, after = chain.step(tokens, states["chain"])
        return log_probabilities, {"chain": after, "mask": states["mask"]}

    def search():
        return found_by(BeamSearch(3, end=END, length_weight=1.0), chain, step, start)

    found = tf.function(search)() if in_graph else search()
    assert_same(found, beam(chain, STEPS, 3))


@pytest.mark.parametrize("of", [np.array, lambda rows: tf.constant(rows, tf.int64), list])
def test_a_prefix_of_any_integers(of, chain):
    prefix = [[3, 4], [5, 0], [0, 0]]
    wanted = greedy(chain, STEPS, prefix=tf.constant(prefix))
    assert_same(greedy(chain, STEPS, prefix=of(prefix)), wanted)


def test_padding_may_be_the_end_and_must_be_a_token(chain):
    ended = found_by(
        BeamSearch(3, end=END, length_weight=1.0), chain, chain.step, marks=Marks(BEGIN, END, END)
    )
    wanted = beam(chain, STEPS, 3)
    np.testing.assert_array_equal(ended.tokens, np.where(wanted.tokens, wanted.tokens, END))
    np.testing.assert_allclose(ended.scores, wanted.scores)
    for padding in (-1, 7):
        with pytest.raises(ValueError, match=f"least 0 and below 7. Received: {padding}. That"):
            found_by(GreedySearch(), chain, chain.step, marks=Marks(BEGIN, END, padding))
