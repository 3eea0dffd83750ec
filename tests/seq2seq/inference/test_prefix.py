"""Prefixes: each row begins as given, whatever else holds."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import (
    assert_found,
    at_least,
    beam,
    beginning_with,
    greedy,
    hypotheses,
    search,
    search_of_chain,
    without,
    without_repetition,
)
from reference.search import END, PADDING, Chain

from seq2seq.inference import BeamSearch, Sampling
from seq2seq.inference.constraints import banned_phrases, minimum_length, no_repeated_ngram

STEPS = 6
# Of different lengths, none, one that says its word again and again, one as long as all there is.
PREFIXES = [[3], [], [4, 4, 4], [5, 3], [3, 5, 4, 3, 5, 4], [6, 4, 6, 4]]


@pytest.fixture(scope="module")
def chain():
    return Chain.random(np.random.default_rng(31), len(PREFIXES), vocabulary_size=7)


def padded(prefixes, width=None):
    width = width or max(map(len, prefixes), default=0)
    rows = [prefix + [PADDING] * (width - len(prefix)) for prefix in prefixes]
    return tf.reshape(tf.constant(rows, tf.int32), [len(prefixes), width])


CONSTRAINTS = {
    "none": ([], lambda tokens, token: True),
    "minimum": ([minimum_length(5, END)], at_least(5)),
    "banned": ([banned_phrases([[4], [5, 3]])], without([[4], [5, 3]])),
    "repetition": ([no_repeated_ngram(1)], without_repetition(1)),
}


def may_follow_after(prefix, name):
    """A constraint with a prefix: what the prefix breaks of it is no matter of what comes after."""
    _, may_follow = CONSTRAINTS[name]
    if name == "banned":
        # Phrases that stand in the prefix stand there; no other may be completed.
        return lambda tokens, token: token != 4 and (*tokens[-1:], token) != (5, 3)
    if name == "repetition":
        return lambda tokens, token: token not in tokens
    return may_follow


@pytest.mark.parametrize("name", list(CONSTRAINTS))
@pytest.mark.parametrize("width", [1, 3])
def test_each_row_begins_as_given_and_goes_on_as_a_search_with_lists(chain, name, width):
    constraints, _ = CONSTRAINTS[name]
    options = {"prefix": padded(PREFIXES), "constraints": constraints}
    if width == 1:
        found = greedy(chain, STEPS, **options)
    else:
        found = beam(chain, STEPS, width, 0.8, **options)
    for row, prefix in enumerate(PREFIXES):
        may_follow = beginning_with(prefix, may_follow_after(prefix, name))
        weight = 0.8 if width > 1 else 0.0
        expected = search_of_chain(chain, row, STEPS, width, weight, may_follow)
        assert_found(found, row, expected)
        assert hypotheses(found, row)[0][0][: len(prefix)] == tuple(prefix)


def test_the_log_probability_of_a_prefix_counts(chain):
    found = greedy(chain, STEPS, prefix=padded(PREFIXES))
    for row in range(len(PREFIXES)):
        ((tokens, log_probability, _),) = hypotheses(found, row)
        expected = chain.log_probability(row, tokens)
        np.testing.assert_allclose(log_probability, expected, rtol=1e-4)


def test_no_prefix_at_all_is_as_without(chain):
    for strategy in (BeamSearch(3, end=END), BeamSearch(1, end=END)):
        without_one = search(strategy, chain, STEPS)
        for prefix in (padded([[]] * len(PREFIXES)), padded([[]] * len(PREFIXES), width=3)):
            np.testing.assert_array_equal(
                search(strategy, chain, STEPS, prefix=prefix).tokens, without_one.tokens
            )


def test_the_greedy_hypothesis_as_prefix_changes_nothing(chain):
    free = greedy(chain, STEPS)
    for length in (1, 3, STEPS):
        forced = greedy(chain, STEPS, prefix=free.tokens[:, 0, :length])
        np.testing.assert_array_equal(forced.tokens, free.tokens)
        np.testing.assert_array_equal(forced.scores, free.scores)


def test_a_prefix_that_ends_is_all_there_is(chain):
    found = beam(chain, STEPS, 3, prefix=padded([[3, END]] * len(PREFIXES)))
    for row in range(len(PREFIXES)):
        assert hypotheses(found, row)[0][0] == (3, END)
        assert np.all(np.isnan(found.scores[row, 1:]))


def test_a_prefix_that_is_longer_than_the_room_is_cut(chain):
    found = greedy(chain, 2, prefix=padded(PREFIXES))
    assert found.tokens[4, 0].numpy().tolist() == [3, 5]


@pytest.mark.parametrize("other", [-1, 7, 10**6])
@pytest.mark.parametrize("width", [1, 3])
def test_of_a_prefix_that_is_no_token_the_row_has_no_score_and_the_others_theirs(
    chain, width, other
):
    prefixes = [[*prefix] for prefix in PREFIXES]
    prefixes[3][1] = other
    inside = tf.function(lambda prefix: beam(chain, STEPS, width, prefix=prefix), autograph=False)
    whole = beam(chain, STEPS, width, prefix=padded(PREFIXES))
    for found in (beam(chain, STEPS, width, prefix=padded(prefixes)), inside(padded(prefixes))):
        assert np.all(np.isnan(found.scores[3]))
        for row in (0, 1, 2, 4, 5):
            np.testing.assert_allclose(found.scores[row], whole.scores[row], rtol=1e-6)
            np.testing.assert_array_equal(found.tokens[row], whole.tokens[row])


def test_draws_and_diverse_groups_begin_as_given_too(chain):
    strategies = [
        Sampling(tf.constant([1, 2]), width=5, top_k=1),
        Sampling(tf.constant([1, 2]), width=5, temperature=5.0, top_p=0.5),
        BeamSearch(4, end=END, groups=2, diversity=100.0),
    ]
    for strategy in strategies:
        found = search(strategy, chain, STEPS, prefix=padded(PREFIXES))
        for row, prefix in enumerate(PREFIXES):
            possible = [one for one in hypotheses(found, row) if not np.isnan(one[2])]
            assert possible
            assert all(tokens[: len(prefix)] == tuple(prefix) for tokens, _, _ in possible)
