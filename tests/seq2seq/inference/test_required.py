"""Required phrases: what has ended holds them all, and the best of those is found."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import (
    beam,
    everything,
    holds,
    hypotheses,
    search,
)
from reference.search import BEGIN, END, PADDING, Chain, found

from seq2seq.errors import UserError
from seq2seq.inference import RequiringBeamSearch
from seq2seq.inference.constraints import banned_phrases, minimum_length, no_repeated_ngram

ROWS = 6

# Alone, several tokens, two in any order, sharing tokens, one in the other, overlapping itself.
PHRASES = [
    [[4]],
    [[4, 3]],
    [[5, 3, 4]],
    [[4], [5]],
    [[4, 5], [3]],
    [[3, 4], [4, 5]],
    [[3, 4], [3, 5]],
    [[3, 4, 5], [4]],
    [[4], [4, 3]],
    [[4, 4]],
    [[3, 3, 4]],
    [[3, 4, 3]],
]


@pytest.fixture(scope="module")
def chain():
    return Chain.random(np.random.default_rng(41), ROWS, vocabulary_size=6, sharpness=1.5)


def require(chain, phrases, steps, width, weight=0.0, **options):
    strategy = RequiringBeamSearch(width, phrases, end=END, length_weight=weight)
    return search(strategy, chain, steps, **options)


def possible(result, row):
    return [one for one in hypotheses(result, row) if not np.isnan(one[2])]


def is_followed(tokens, phrase):
    """Whether a phrase is followed to its end; where it is left in the middle, it begins anew."""
    held = 0
    for token in tokens:
        if held < len(phrase):
            held = held + 1 if token == phrase[held] else int(token == phrase[0])
    return held == len(phrase)


def all_with(chain, row, steps, phrases, weight):
    """Every hypothesis that follows all phrases to their end, best first."""
    whole = [
        found(chain, row, tokens, weight)
        for tokens in everything(chain.words(), steps)
        if all(is_followed(tokens, phrase) for phrase in phrases)
    ]
    return sorted(whole, key=lambda hypothesis: -hypothesis.score)


@pytest.mark.parametrize("phrases", PHRASES, ids=str)
def test_a_beam_wide_enough_finds_the_best_with_all_phrases(chain, phrases):
    steps, weight = 4, 0.7
    width = len(list(everything(chain.words(), steps)))
    result = require(chain, phrases, steps, width, weight)
    for row in range(ROWS):
        expected = all_with(chain, row, steps, phrases, weight)
        actual = possible(result, row)
        assert [one[0] for one in actual] == [one.tokens for one in expected]
        scores = [one.score for one in expected]
        np.testing.assert_allclose([one[2] for one in actual], scores, rtol=1e-4)


@pytest.mark.parametrize("width", [pytest.param(1, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize(
    "phrases",
    [
        pytest.param(phrases, marks=[pytest.mark.slow] * (index % 2), id=str(phrases))
        for index, phrases in enumerate(PHRASES)
    ],
)
def test_a_narrow_beam_holds_all_phrases_too(chain, phrases, width):
    result = require(chain, phrases, 9, width, 1.0)
    for row in range(ROWS):
        actual = possible(result, row)
        assert actual
        for tokens, log_probability, _ in actual:
            assert all(holds(tokens, phrase) for phrase in phrases)
            expected = chain.log_probability(row, tokens)
            np.testing.assert_allclose(log_probability, expected, rtol=1e-4)
        assert len({tokens for tokens, _, _ in actual}) == len(actual)


@pytest.mark.parametrize("phrases", [[[3, 4, 5], [3, 4, 6], [4, 3, 7]], [[6, 3], [3, 6, 5], [3]]])
def test_phrases_that_share_tokens_never_lead_a_search_in_circles(phrases):
    """Never so that to go on with several phrases keeps it from completing any."""
    chain = Chain.random(np.random.default_rng(43), ROWS, vocabulary_size=8)
    most = sum(map(len, phrases))
    for width in (1, 3):
        result = require(chain, phrases, most + 1, width, 1.0)
        for row in range(ROWS):
            assert possible(result, row)
            assert all(holds(possible(result, row)[0][0], phrase) for phrase in phrases)


@pytest.mark.parametrize("width", [2, 5])
@pytest.mark.parametrize("phrases", [[[4]], [[4, 5], [3]]], ids=str)
def test_a_search_ends_once_as_many_as_asked_for_have_ended(phrases, width):
    """Others, without the phrases, could go on for ever; they do not, and cost no place."""
    chain = Chain.random(np.random.default_rng(44), ROWS, vocabulary_size=7, sharpness=1.5)

    def tire(search, log_probabilities):
        """Make it dearer and dearer to go on."""
        cost = 0.2 * tf.cast(search.time, tf.float32)
        return log_probabilities - tf.where(tf.range(7) == END, 0.0, cost)

    result = require(chain, phrases, 90, width, 1.0, constraints=[tire])
    assert result.tokens.shape[2] < 45
    for row in range(ROWS):
        ended = [tokens for tokens, _, _ in possible(result, row)]
        assert len(set(ended)) == width
        assert all(tokens[-1] == END for tokens in ended)


def test_a_phrase_that_is_said_anyway_makes_nothing_worse(chain):
    """Asked for what the best hypothesis of a beam says, a wide beam finds one as good."""
    free = hypotheses(beam(chain, 6, 8, 1.0), 0)[0]
    result = require(chain, [free[0][:2]], 6, 40, 1.0, rows=[0])
    assert possible(result, 0)[0][2] >= free[2] - 1e-5


def test_phrases_come_in_the_order_that_is_likelier():
    """The chain says 3 4 in one row and 4 3 in the other; both are asked for 4 and 3."""
    logits = np.zeros((2, 5, 5, 5))
    logits[..., [PADDING, BEGIN]] = -np.inf
    logits[0, BEGIN, BEGIN, 3] = logits[1, BEGIN, BEGIN, 4] = 5
    logits[0, BEGIN, 3, 4] = logits[1, BEGIN, 4, 3] = 5
    logits[0, 3, 4, END] = logits[1, 4, 3, END] = 5
    chain = Chain((logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype("float32"))
    result = require(chain, [[4], [3]], 5, 3)
    assert [possible(result, row)[0][0] for row in range(2)] == [(3, 4, END), (4, 3, END)]


def test_the_last_step_there_is_room_for_may_complete_a_phrase(chain):
    """As many tokens as steps: there is room for the phrases, and none for an end."""
    result = require(chain, [[4, 5], [3]], 3, 4)
    for row in range(ROWS):
        assert {tokens for tokens, _, _ in possible(result, row)} <= {(4, 5, 3), (3, 4, 5)}
        assert possible(result, row)


IMPOSSIBLE = {
    "no room": {"phrases": [[3, 4, 5, 3]], "steps": 3},
    "banned": {"phrases": [[3, 4]], "steps": 6, "constraints": [banned_phrases([[4]])]},
    "repeated": {"phrases": [[4, 4]], "steps": 6, "constraints": [no_repeated_ngram(1)]},
    "prefix": {"phrases": [[3, 4]], "steps": 4, "prefix": tf.fill([ROWS, 3], 5)},
}


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("name", list(IMPOSSIBLE))
def test_where_phrases_are_impossible_nothing_is_found(chain, name, width):
    result = require(chain, width=width, weight=1.0, **IMPOSSIBLE[name])
    assert np.all(np.isnan(result.scores))


@pytest.mark.parametrize("width", [1, 3, 8])
def test_phrases_go_with_constraints_and_a_prefix(chain, width):
    constraints = [minimum_length(6, END), banned_phrases([[3, 3], [5, 5]])]
    prefix = tf.constant([[5, 3]] * 3 + [[PADDING, PADDING]] * 3)
    result = require(chain, [[4, 4], [5]], 10, width, 1.0, constraints=constraints, prefix=prefix)
    for row in range(ROWS):
        actual = possible(result, row)
        assert actual
        assert len({tokens for tokens, _, _ in actual}) == len(actual)
        for tokens, _, _ in actual:
            assert holds(tokens, [4, 4])
            assert holds(tokens, [5])
            assert not holds(tokens, [3, 3])
            assert not holds(tokens, [5, 5])
            assert len(tokens) >= 7
            assert row >= 3 or tokens[:2] == (5, 3)


def test_what_a_constraint_forbids_takes_no_place_in_the_beam(chain):
    """The phrase may not come at once, whatever length its score is divided by."""
    prefix = tf.constant([[5] * 9 + [3]] * ROWS)
    options = {"constraints": [banned_phrases([[3, 4]])], "prefix": prefix}
    for width in (1, 2):
        result = require(chain, [[4]], 16, width, 2.0, **options)
        for row in range(ROWS):
            assert holds(possible(result, row)[0][0], [4])


def test_a_long_phrase_is_found_where_a_plain_beam_would_have_dropped_it(chain):
    phrase = [5, 4, 3, 5, 5]
    plain = beam(chain, 9, 4, 1.0)
    rows = [
        row
        for row in range(ROWS)
        if not any(holds(tokens, phrase) for tokens, _, _ in hypotheses(plain, row))
    ]
    assert len(rows) >= 4
    result = require(chain, [phrase], 9, 4, 1.0, rows=rows)
    assert all(holds(possible(result, row)[0][0], phrase) for row in range(len(rows)))


@pytest.mark.parametrize(
    ("phrases", "options", "message"),
    [
        ([], {}, r"needs a phrase, .* Received: phrases \[\], groups 1"),
        ([[3], []], {}, r"list of at least one token. Received: \[\[3\], \[\]\]"),
        ([3], {}, r"list of at least one token. Received: \[3\]"),
        ([[3]], {"groups": 2}, r"no groups. Received: phrases \[\[3\]\], groups 2"),
    ],
)
def test_no_phrase_an_empty_one_and_groups_are_refused(phrases, options, message):
    with pytest.raises(UserError, match=message):
        RequiringBeamSearch(4, phrases, end=END, **options)
