"""Forced decoding: what a decoder says of tokens that are given."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import MARKS, LookingChain, beam, hypotheses
from reference.search import BEGIN, END, PADDING

from seq2seq.inference.forced import force

ROWS = 5


@pytest.fixture(scope="module")
def chain():
    return LookingChain.random(np.random.default_rng(71), ROWS, vocabulary_size=7, source_time=3)


# To the end and padded, without an end, an end alone, unlikely repetition, nothing at all.
TOKENS = [[3, 4, END, 0], [5, 5, 3, 6], [END, 0, 0, 0], [4, 4, 4, END], [0, 0, 0, 0]]


def forced(chain, tokens):
    return force(chain.step, chain.start(), tf.constant(tokens), marks=MARKS)


def test_each_token_gets_its_log_probability_and_padding_none(chain):
    found = forced(chain, TOKENS).log_probabilities.numpy()
    assert found.shape == (ROWS, 4)
    for row, tokens in enumerate(TOKENS):
        said = [token for token in tokens if token != PADDING]
        for count in range(len(said) + 1):
            expected = chain.chain.log_probability(row, said[:count])
            np.testing.assert_allclose(found[row, :count].sum(), expected, rtol=1e-5)
        assert not np.any(found[row, len(said) :])


def test_each_token_gets_where_the_decoder_looked_and_padding_nowhere(chain):
    found = forced(chain, TOKENS).alignments.numpy()
    assert found.shape == (ROWS, 4, 3)
    for row, tokens in enumerate(TOKENS):
        context = (BEGIN, BEGIN)
        for token, looks in zip(tokens, found[row], strict=True):
            expected = 0.0 if token == PADDING else chain.looks[(row, *context)]
            np.testing.assert_allclose(looks, np.broadcast_to(expected, 3), rtol=1e-6)
            context = (context[1], token)


def test_a_decoder_that_does_not_say_where_it_looks_has_alignments_of_no_length(chain):
    assert forced(chain.chain, TOKENS).alignments.shape == (ROWS, 4, 0)
    blind, seeing = forced(chain.chain, TOKENS), forced(chain, TOKENS)
    np.testing.assert_array_equal(blind.log_probabilities, seeing.log_probabilities)


def test_what_a_search_found_is_forced_to_its_log_probabilities(chain):
    found = beam(chain, 6, 3)
    for index in range(3):
        tokens = found.tokens[:, index].numpy()
        total = forced(chain, tokens).log_probabilities.numpy().sum(axis=1)
        np.testing.assert_allclose(total, found.log_probabilities[:, index], rtol=1e-5)
    assert any(END in tokens for tokens, _, _ in hypotheses(found, 0))


def test_a_batch_of_none_is_forced_too(chain):
    found = force(chain.step, chain.start([]), tf.zeros([0, 2], tf.int32), marks=MARKS)
    assert found.log_probabilities.shape == (0, 2)
    assert found.alignments.shape == (0, 2, 3)
