"""Constraints against searches with lists that leave out what must not follow."""

import numpy as np
import pytest
from reference.decoding import (
    assert_found,
    at_least,
    beam,
    greedy,
    holds,
    hypotheses,
    search_of_chain,
    without,
    without_repetition,
)
from reference.search import END, Chain

from seq2seq.errors import UserError
from seq2seq.inference.constraints import banned_phrases, minimum_length, no_repeated_ngram

ROWS, STEPS = 8, 7


@pytest.fixture(scope="module")
def chain():
    """Sharp, so that the same words come again and again."""
    generator = np.random.default_rng(21)
    return Chain.random(generator, ROWS, vocabulary_size=6, sharpness=2.0)


def assert_follows(chain, constraints, may_follow, steps=STEPS):
    """Greedily and by a beam, what is found is what a search with lists finds; return it."""
    found = greedy(chain, steps, constraints=constraints)
    for row in range(ROWS):
        assert_found(found, row, search_of_chain(chain, row, steps, 1, 0.0, may_follow))
    found = beam(chain, steps, 3, 1.0, constraints=constraints)
    for row in range(ROWS):
        assert_found(found, row, search_of_chain(chain, row, steps, 3, 1.0, may_follow))
    return found


def all_tokens(found):
    return [tokens for row in range(ROWS) for tokens, _, _ in hypotheses(found, row)]


@pytest.mark.parametrize("minimum", [1, 3, STEPS - 1])
def test_no_hypothesis_ends_before_it_has_enough_tokens(chain, minimum):
    found = assert_follows(chain, [minimum_length(minimum, END)], at_least(minimum))
    lengths = [len(tokens) - 1 for tokens in all_tokens(found) if END in tokens]
    assert min(lengths) == minimum


def test_a_minimum_beyond_the_room_leaves_hypotheses_without_an_end(chain):
    found = assert_follows(chain, [minimum_length(STEPS, END)], at_least(STEPS))
    assert all(len(tokens) == STEPS and END not in tokens for tokens in all_tokens(found))


PHRASES = [
    [[4]],
    [[3], [5]],
    [[3, 4]],
    [[4, 4], [3, 5, 3]],
    [[3, 3], [3, 4, 5], [5]],
    [[4, 3, 4, 3], [5, 3]],
]


@pytest.mark.parametrize("phrases", PHRASES)
def test_no_banned_phrase_stands_in_a_hypothesis(chain, phrases):
    found = assert_follows(chain, [banned_phrases(phrases)], without(phrases))
    assert not any(holds(tokens, phrase) for tokens in all_tokens(found) for phrase in phrases)


def test_banned_phrases_are_what_would_have_been_said(chain):
    said = all_tokens(beam(chain, STEPS, 5, 1.0))
    assert all(any(holds(tokens, one) for tokens in said) for one in ([4], [3, 4], [4, 4], [5, 3]))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_ngram_stands_twice_in_a_hypothesis(chain, size):
    assert_follows(chain, [no_repeated_ngram(size)], without_repetition(size))


@pytest.mark.parametrize("size", [STEPS - 1, STEPS + 9])
def test_ngrams_about_as_long_as_there_is_room_for_follow_the_definition_too(chain, size):
    assert_follows(chain, [no_repeated_ngram(size)], without_repetition(size))


def test_without_the_constraint_ngrams_stand_twice(chain):
    said = all_tokens(beam(chain, STEPS, 5, 1.0))
    for size in (1, 2, 3):
        repeats = without_repetition(size)
        assert sum(not repeats(tokens[:-1], tokens[-1]) for tokens in said) > 2


def test_constraints_hold_together_and_may_leave_no_hypothesis(chain):
    """Three words, none twice, and an end not before five: impossible after the third."""
    constraints = [minimum_length(5, END), no_repeated_ngram(1)]
    found = assert_follows(
        chain,
        constraints,
        lambda *now: at_least(5)(*now) and without_repetition(1)(*now),
    )
    assert np.all(np.isnan(found.scores))
    possible = [minimum_length(2, END), no_repeated_ngram(2), banned_phrases([[3], [4, 5]])]
    found = assert_follows(
        chain,
        possible,
        lambda *now: (
            at_least(2)(*now) and without_repetition(2)(*now) and without([[3], [4, 5]])(*now)
        ),
    )
    assert np.all(np.isfinite(found.scores[:, 0]))


@pytest.mark.parametrize("phrases", [[[]], [[3], []], [5], 5, None, ["12"], [[2.5]]])
def test_a_banned_phrase_that_is_no_list_of_tokens_is_refused(phrases):
    with pytest.raises(UserError, match=r"Each banned phrase needs to be a list .*Received: "):
        banned_phrases(phrases)


@pytest.mark.parametrize("size", [0, -1])
def test_an_ngram_of_no_token_is_refused(size):
    with pytest.raises(UserError, match=rf"a size of at least 1\. Received: {size}\."):
        no_repeated_ngram(size)
