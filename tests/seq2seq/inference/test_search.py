"""Greedy and beam search against searches over every hypothesis of a made-up decoder."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.decoding import MARKS, assert_found, beam, greedy, hypotheses, search
from reference.search import (
    BEGIN,
    END,
    PADDING,
    Chain,
    exhaustive_search,
    narrow_search,
    penalty,
    until_end,
)

from seq2seq.inference import BeamSearch, GreedySearch, Sampling, decode
from seq2seq.inference.beam import length_penalty
from seq2seq.inference.hypotheses import repeat_rows

SEARCHES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "rows": st.integers(1, 3),
        "vocabulary_size": st.integers(4, 6),
        "sharpness": st.floats(0.1, 3.0),
    }
)


def chain_of(drawn):
    drawn = dict(drawn)
    return Chain.random(np.random.default_rng(drawn.pop("seed")), **drawn)


@settings(max_examples=10, deadline=None)
@given(SEARCHES, st.integers(1, 3), st.floats(0.0, 2.0))
def test_a_beam_as_wide_as_everything_finds_everything_in_order(drawn, steps, weight):
    chain = chain_of(drawn)
    expected = [exhaustive_search(chain, row, steps, weight) for row in range(len(chain.table))]
    result = beam(chain, steps, len(expected[0]), weight)
    for row, hypotheses_of_row in enumerate(expected):
        assert_found(result, row, hypotheses_of_row)


@settings(max_examples=12, deadline=None)
@given(SEARCHES, st.integers(1, 7), st.integers(1, 4), st.floats(0.0, 2.0))
def test_a_narrow_beam_finds_what_a_search_with_lists_finds(drawn, steps, width, weight):
    chain = chain_of(drawn)
    result = beam(chain, steps, width, weight)
    for row in range(len(chain.table)):
        expected = narrow_search(chain, row, steps, weight, width)
        # With fewer hypotheses than places, the rest of the places are impossible.
        assert np.all(result.log_probabilities[row, len(expected) :] < -1e8)
        assert_found(result, row, expected)


@settings(max_examples=10, deadline=None)
@given(SEARCHES, st.integers(1, 7), st.floats(0.0, 2.0))
def test_a_beam_of_one_is_greedy_search(drawn, steps, weight):
    chain = chain_of(drawn)
    wanted, result = greedy(chain, steps), beam(chain, steps, 1, weight)
    np.testing.assert_array_equal(result.tokens, wanted.tokens)
    np.testing.assert_allclose(result.log_probabilities, wanted.log_probabilities, rtol=1e-5)
    np.testing.assert_array_equal(wanted.scores, wanted.log_probabilities)


@settings(max_examples=10, deadline=None)
@given(SEARCHES, st.integers(1, 6))
def test_greedy_search_takes_the_likeliest_token_at_each_step(drawn, steps):
    chain = chain_of(drawn)
    result = greedy(chain, steps)
    for row in range(len(chain.table)):
        context, tokens = (BEGIN, BEGIN), []
        while len(tokens) < steps and END not in tokens:
            tokens.append(int(np.argmax(chain.table[(row, *context)])))
            context = (context[1], tokens[-1])
        ((found, log_probability, _),) = hypotheses(result, row)
        assert found == tuple(tokens)
        expected = chain.log_probability(row, tokens)
        np.testing.assert_allclose(log_probability, expected, rtol=1e-4)


@settings(max_examples=10, deadline=None)
@given(SEARCHES, st.integers(1, 8), st.integers(1, 4), st.floats(0.0, 2.0))
def test_tokens_scores_and_padding_of_every_hypothesis_agree(drawn, steps, width, weight):
    chain = chain_of(drawn)
    result = beam(chain, steps, width, weight)
    is_possible = result.log_probabilities.numpy() > -1e8
    np.testing.assert_array_equal(np.isnan(result.scores), ~is_possible)
    assert np.all(np.diff(np.where(is_possible, result.scores, -1e9), axis=1) <= 0)
    for row, index in np.argwhere(is_possible):
        tokens, log_probability, score = hypotheses(result, row)[index]
        assert not np.any(result.tokens[row, index, len(tokens) :])
        assert PADDING not in tokens
        assert BEGIN not in tokens
        expected = chain.log_probability(row, tokens)
        np.testing.assert_allclose(log_probability, expected, rtol=1e-4, atol=1e-5)
        divided = expected / penalty(len(tokens), weight)
        np.testing.assert_allclose(score, divided, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("search", [greedy, lambda *given, **more: beam(*given, 3, **more)])
def test_company_in_the_batch_never_changes_a_row(search, rng):
    chain = Chain.random(rng, rows=5, vocabulary_size=6)
    together = search(chain, 7)
    for row in range(5):
        alone = search(chain, 7, rows=[row])
        steps = alone.tokens.shape[-1]
        np.testing.assert_array_equal(together.tokens[row, :, :steps], alone.tokens[0])
        assert not np.any(together.tokens[row, :, steps:])
        np.testing.assert_allclose(together.scores[row], alone.scores[0], rtol=1e-6)


class EndingChain:
    """Row r says token 3 exactly r times and then ends; counts its steps."""

    def __init__(self):
        self.steps = 0

    def step(self, tokens, states):
        self.steps += 1
        likely = tf.where(states > 0, 3, END)
        return tf.math.log(tf.one_hot(likely, 5, 0.9, 0.025)), states - 1


def count(strategy, rows):
    """Decode rows of an `EndingChain`: how many steps it took, and what was found."""
    chain = EndingChain()
    states = tf.constant(rows, tf.int32)
    return decode(strategy, chain.step, states, len(rows), 6, marks=MARKS), chain.steps


@pytest.mark.parametrize(("rows", "steps"), [([2, 0, 3], 4), ([0], 1), ([9, 0], 6)])
def test_greedy_search_stops_when_all_rows_have_ended(rows, steps):
    result, taken = count(GreedySearch(), rows)
    assert taken == result.tokens.shape[-1] == steps
    for row, said in enumerate(rows):
        expected = ([3] * said + [END] + [PADDING] * 6)[:steps]
        assert result.tokens[row, 0].numpy().tolist() == expected


@pytest.mark.parametrize(("rows", "steps"), [([2, 0], 4), ([0], 2), ([9, 0], 6)])
def test_beam_search_stops_when_all_hypotheses_have_ended(rows, steps):
    """The second hypothesis says one token that is unlikely, and then ends as well."""
    result, taken = count(BeamSearch(2, end=END), rows)
    assert taken == result.tokens.shape[-1] == steps


# Tempered so, a draw is the likeliest token.
STRATEGIES = [
    GreedySearch(),
    BeamSearch(2, end=END, length_weight=0.7),
    BeamSearch(2, end=END, groups=2, diversity=0.1),
    Sampling(tf.constant([1, 1]), temperature=0.01),
]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: type(strategy).__name__)
def test_a_hypothesis_that_has_ended_never_changes_however_long_others_run(strategy):
    short, _ = count(strategy, [1])
    long, _ = count(strategy, [1, 9])
    assert until_end(long.tokens[0, 0]) == until_end(short.tokens[0, 0]) == (3, END)
    assert not np.any(long.tokens[0, 0, 2:])
    np.testing.assert_allclose(long.log_probabilities[0, 0], 2 * np.log(0.9), rtol=1e-5)
    np.testing.assert_allclose(long.scores[0, 0], short.scores[0, 0], rtol=1e-6)


@pytest.mark.parametrize("search", [greedy, lambda *given, **more: beam(*given, 3, **more)])
def test_a_batch_of_none_finds_nothing_in_no_step(search, rng):
    result = search(Chain.random(rng, rows=1, vocabulary_size=5), 4, rows=[])
    assert result.tokens.shape[0] == result.scores.shape[0] == 0
    assert result.tokens.shape[-1] == 0


@pytest.mark.parametrize("weight", [0.0, 0.6, 1.0])
def test_the_length_penalty_follows_the_formula(weight):
    lengths = np.arange(1, 30)
    expected = [penalty(length, weight) for length in lengths]
    np.testing.assert_allclose(length_penalty(tf.constant(lengths), weight), expected, rtol=1e-6)


def test_a_longer_hypothesis_wins_by_a_larger_weight():
    """One step ends at 0.6; three steps cost 0.4 in all, spread over more tokens."""
    table = np.full((1, 5, 5, 5), -1e9, "float32")
    table[0, BEGIN, BEGIN, [END, 3]] = np.log([0.6, 0.4])
    table[0, BEGIN, 3, 3] = table[0, 3, 3, END] = 0.0
    chain = Chain(table)
    short, long = (until_end(beam(chain, 5, 2, weight).tokens[0, 0]) for weight in (0.0, 3.0))
    assert (short, long) == ((END,), (3, 3, END))


def test_rows_are_repeated_side_by_side():
    repeated = repeat_rows({"a": tf.constant([[1, 2], [3, 4]])}, 2)
    assert repeated["a"].numpy().tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]]


def test_eagerly_and_in_a_graph_the_same_is_found(rng):
    """In a graph neither the number of rows nor the length of what is found is known before."""
    chain = Chain.random(rng, rows=4, vocabulary_size=6)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)], autograph=False)
    def in_a_graph(rows):
        start = {"row": rows, "before": tf.fill(tf.shape(rows), BEGIN)}
        strategy = BeamSearch(3, end=END, length_weight=1.0)
        return decode(strategy, chain.step, start, tf.shape(rows)[0], 7, marks=MARKS)

    wanted = search(BeamSearch(3, end=END, length_weight=1.0), chain, 7)
    for found, expected in zip(in_a_graph(tf.range(4)), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert in_a_graph(tf.zeros([0], tf.int32)).tokens.shape == (0, 3, 0)
