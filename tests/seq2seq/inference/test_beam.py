"""What a beam is ranked by: wider beams, the coverage penalty, diverse groups."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import (
    LookingChain,
    assert_found,
    beam,
    coverage_term,
    hypotheses,
    list_search,
    search,
    search_of_chain,
)
from reference.search import BEGIN, END, Chain, penalty

from seq2seq.errors import UserError
from seq2seq.inference import BeamSearch
from seq2seq.inference.beam import coverage_penalty

WIDTHS = [1, 2, 3, 5, 8]


@pytest.mark.parametrize(
    ("weight", "exceptions"), [(0.0, 1), pytest.param(1.0, 0, marks=pytest.mark.slow)]
)
def test_a_wider_beam_hardly_ever_finds_a_worse_score(weight, exceptions):
    """Beam search may: what a wider beam keeps may crowd out what would have been best.

    Of 60 chains and 4 pairs of neighbouring widths, 240 comparisons, at most one is worse.
    """
    chain = Chain.random(np.random.default_rng(3), rows=60, vocabulary_size=7)
    best = [beam(chain, 8, width, weight).scores[:, 0].numpy() for width in WIDTHS]
    pairs = itertools.pairwise(best)
    assert sum(int(np.sum(wider < narrower - 1e-5)) for narrower, wider in pairs) == exceptions
    assert np.mean(best[-1]) > np.mean(best[0]) + 0.1


def test_what_is_found_comes_best_first_and_never_twice():
    chain = Chain.random(np.random.default_rng(12), rows=20, vocabulary_size=7)
    result = beam(chain, 8, 8)
    assert np.all(np.diff(result.scores, axis=1) <= 0)
    for row in range(20):
        assert len({tokens for tokens, _, _ in hypotheses(result, row)}) == 8


def looking_search(chain, row, steps, width, weight, coverage_weight):
    """A search with lists, by the coverage penalty as the paper states it."""

    def log_probability(tokens):
        return chain.chain.log_probability(row, tokens)

    def score(tokens):
        divided = log_probability(tokens) / penalty(len(tokens), weight)
        if END not in tokens:
            return divided
        return divided + coverage_term(chain.coverage(row, tokens), coverage_weight)

    words = chain.chain.words()
    return list_search(log_probability, score, words, steps, width)


@pytest.mark.parametrize(
    ("width", "steps", "weight", "coverage_weight"),
    [(1, 5, 1.0, 0.5), (3, 6, 0.7, 0.2), (4, 7, 0.0, 2.0), (50, 3, 1.0, 1.0)],
)
def test_the_coverage_penalty_counts_once_a_hypothesis_has_ended(
    width, steps, weight, coverage_weight
):
    chain = LookingChain.random(np.random.default_rng(13), 6, vocabulary_size=6, source_time=3)
    weights = {"length_weight": weight, "coverage_weight": coverage_weight}
    strategy = BeamSearch(width, end=END, **weights)
    result = search(strategy, chain, steps, source_time=3)
    for row in range(6):
        expected = looking_search(chain, row, steps, width, weight, coverage_weight)
        assert_found(result, row, expected)


def test_the_coverage_penalty_changes_what_is_best():
    chain = LookingChain.random(np.random.default_rng(14), 12, vocabulary_size=6, source_time=4)
    without, with_it = (
        search(BeamSearch(4, end=END, coverage_weight=weight), chain, 6, source_time=4)
        for weight in (0.0, 1.0)
    )
    is_other = np.any(without.tokens[:, 0] != with_it.tokens[:, 0], axis=-1)
    assert np.sum(is_other) >= 3


def test_a_source_step_that_is_padding_costs_no_coverage():
    coverage = tf.constant([[[0.25, 1.5, 0.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(coverage_penalty(coverage, 2.0), [[2 * np.log(0.25), 0.0]])


def test_a_hypothesis_that_looks_at_no_number_spoils_none_of_its_neighbours():
    """One word leads to numbers that are none, of what follows and of where it looks."""
    chain = LookingChain.random(np.random.default_rng(15), 8, vocabulary_size=6, source_time=3)
    table, looks = chain.chain.table.copy(), chain.looks.copy()
    table[:, :, 4] = looks[:, :, 4] = np.nan
    faulty = LookingChain(Chain(table), looks)
    strategy = BeamSearch(3, end=END, length_weight=1.0, coverage_weight=0.5)
    result = search(strategy, faulty, 5, source_time=3)
    assert np.any(result.tokens == 4)

    def log_probability(row, tokens):
        # Whoever says the word is out at the next step.
        return -np.inf if 4 in tokens[:-1] else chain.chain.log_probability(row, tokens)

    for row in range(8):

        def score(tokens, row=row):
            divided = log_probability(row, tokens) / penalty(len(tokens), 1.0)
            seen = chain.coverage(row, tokens)
            return divided + (coverage_term(seen, 0.5) if tokens[-1] == END else 0.0)

        expected = list_search(
            lambda tokens, row=row: log_probability(row, tokens),
            score,
            chain.chain.words(),
            5,
            3,
        )
        assert_found(result, row, [one for one in expected if one.score > -np.inf])


@pytest.mark.parametrize(
    ("width", "groups", "diversity", "weight"),
    [(4, 2, 0.5, 0.0), (6, 3, 1.0, 1.0), (3, 3, 3.0, 0.5), (4, 2, 0.0, 1.0), (2, 1, 9.0, 1.0)],
)
def test_diverse_groups_find_what_a_search_with_lists_finds(width, groups, diversity, weight):
    chain = Chain.random(np.random.default_rng(16), rows=5, vocabulary_size=7)
    options = {"groups": groups, "diversity": diversity, "length_weight": weight}
    result = search(BeamSearch(width, end=END, **options), chain, 6)
    for row in range(5):
        grouped = {"count": groups, "cost": diversity}
        assert_found(result, row, search_of_chain(chain, row, 6, width, weight, **grouped))


def test_groups_without_a_cost_all_find_the_same_which_is_returned_once():
    chain = Chain.random(np.random.default_rng(17), rows=4, vocabulary_size=7)
    one = search(BeamSearch(2, end=END), chain, 6)
    three = search(BeamSearch(6, end=END, groups=3), chain, 6)
    np.testing.assert_allclose(three.scores[:, :2], one.scores, rtol=1e-5)
    np.testing.assert_array_equal(three.tokens[:, :2], one.tokens)
    assert np.all(np.isnan(three.scores[:, 2:]))


def test_a_cost_makes_first_tokens_differ():
    chain = Chain.random(np.random.default_rng(18), rows=10, vocabulary_size=8)
    options = {"groups": 4, "diversity": 50.0}
    first = search(BeamSearch(4, end=END, **options), chain, 5).tokens[:, :, 0].numpy()
    assert all(max(collections.Counter(row).values()) == 1 for row in first)


@pytest.mark.parametrize(("width", "groups"), [(0, 1), (-2, 1), (5, 2), (4, 0), (2, 3)])
def test_a_width_that_groups_do_not_divide_is_refused(width, groups):
    text = rf"a number of groups that divides it\. Received: beam {width}, groups {groups}\."
    with pytest.raises(UserError, match=text):
        BeamSearch(width, end=END, groups=groups)


@pytest.mark.parametrize("name", ["length_weight", "coverage_weight", "diversity"])
@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_a_weight_that_is_no_number_of_at_least_zero_is_refused(name, weight):
    with pytest.raises(UserError, match=f"{name} to be a number of at least 0. Received: {weight}"):
        BeamSearch(2, end=END, **{name: weight})


def test_coverage_of_a_decoder_that_does_not_say_where_it_looks_is_refused():
    chain = Chain.random(np.random.default_rng(5), rows=2, vocabulary_size=6)
    strategy = BeamSearch(2, end=END, coverage_weight=0.2)
    with pytest.raises(ValueError, match=r"`Prediction` with alignments. Received: None"):
        search(strategy, chain, 4, source_time=3)


def test_no_hypothesis_that_is_impossible_comes_before_one_that_is_not():
    """A long way that turns out to lead nowhere, against a short one, under a large weight."""
    table = np.full((1, 5, 5, 5), -np.inf, "float32")
    table[0, BEGIN, BEGIN, [END, 3]] = np.log([1e-6, 1 - 1e-6])
    table[0, BEGIN, 3, 3] = table[0, 3, 3, 3] = 0.0
    chain = Chain(table)

    def runs_dry(now, log_probabilities):
        return tf.where(now.time < 40, log_probabilities, -1e9)

    result = beam(chain, 50, 2, weight=3.0, constraints=[runs_dry])
    assert_found(result, 0, search_of_chain(chain, 0, 1, 1, 3.0, lambda _, token: token == END))
