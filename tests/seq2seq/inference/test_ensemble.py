"""Ensembles: the probabilities of several decoders are averaged, step by step."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import MARKS, LookingChain, assert_found, search_of_chain
from reference.search import BEGIN, END, Chain

from seq2seq.errors import UserError
from seq2seq.inference import BeamSearch, GreedySearch, decode
from seq2seq.inference.ensemble import ensemble_step


def run(chains, strategy, steps, rows=4, **options):
    step = ensemble_step([chain.step for chain in chains])
    states = [chain.start(range(rows)) for chain in chains]
    return decode(strategy, step, states, rows, steps, marks=MARKS, **options)


def average(chains):
    """The chain that says what they say on average."""
    mean = np.mean([np.exp(chain.table.astype("float64")) for chain in chains], axis=0)
    return Chain(np.log(np.maximum(mean, 1e-300)).astype("float32"))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_ensemble_is_the_chain_of_the_mean_probabilities(count):
    generator = np.random.default_rng(61)
    chains = [Chain.random(generator, 4, vocabulary_size=6) for _ in range(count)]
    mean = average(chains)
    greedy, wide = (
        run(chains, strategy, 6)
        for strategy in (GreedySearch(), BeamSearch(3, end=END, length_weight=1.0))
    )
    for row in range(4):
        assert_found(greedy, row, search_of_chain(mean, row, 6, 1))
        assert_found(wide, row, search_of_chain(mean, row, 6, 3, 1.0))


def test_one_decoder_twice_is_that_decoder():
    chain = Chain.random(np.random.default_rng(62), 4, vocabulary_size=6)
    strategy = BeamSearch(4, end=END, length_weight=0.5)
    once, twice = run([chain], strategy, 6), run([chain, chain], strategy, 6)
    np.testing.assert_array_equal(once.tokens, twice.tokens)
    np.testing.assert_allclose(once.scores, twice.scores, rtol=1e-5)


def test_alignments_are_averaged_and_are_none_if_one_decoder_has_none():
    generator = np.random.default_rng(63)
    chains = [LookingChain.random(generator, 2, 6, source_time=3) for _ in range(2)]
    blind = Chain.random(generator, 2, vocabulary_size=6)
    tokens = tf.constant([BEGIN, BEGIN])

    def looks(*members):
        step = ensemble_step([member.step for member in members])
        return step(tokens, [member.start() for member in members]).alignments

    expected = (chains[0].looks[:, BEGIN, BEGIN] + chains[1].looks[:, BEGIN, BEGIN]) / 2
    np.testing.assert_allclose(looks(*chains), expected, rtol=1e-6)
    assert looks(chains[0], blind) is None


def test_what_one_decoder_thinks_impossible_another_may_allow():
    """The mean is of probabilities: one in a hundred on one side is one in two hundred."""
    tables = np.full((2, 1, 5, 5, 5), -np.inf, "float32")
    tables[0, ..., [END, 3]] = np.log([0.99, 0.01])[:, None, None, None]
    tables[1, ..., [END, 4]] = np.log([0.5, 0.5])[:, None, None, None]
    step = ensemble_step([Chain(table).step for table in tables])
    states = [Chain(table).start() for table in tables]
    said = step(tf.constant([BEGIN]), states).log_probabilities
    np.testing.assert_allclose(np.exp(said), [[0, 0, 0.745, 0.005, 0.25]], rtol=1e-5)


def test_no_model_and_models_of_different_vocabularies_are_refused():
    with pytest.raises(UserError, match=r"needs a model\. Received: none"):
        ensemble_step([])
    generator = np.random.default_rng(64)
    chains = [Chain.random(generator, 4, vocabulary_size=size) for size in (5, 6)]
    with pytest.raises(UserError, match=r"one vocabulary\. Received: of \[5, 6\] tokens"):
        run(chains, GreedySearch(), 3)
