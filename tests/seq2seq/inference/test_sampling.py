"""Draws follow the distribution that the settings say, counted over thousands of them."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import greedy, hypotheses, search
from reference.search import BEGIN, END, Chain

from seq2seq.errors import UserError
from seq2seq.inference import Sampling

DRAWS = 4000
VOCABULARY = 9


@pytest.fixture(scope="module")
def chain():
    generator = np.random.default_rng(51)
    return Chain.random(generator, rows=3, vocabulary_size=VOCABULARY, sharpness=1.2)


def draw(chain, steps=1, seed=1, width=DRAWS, **options):
    return search(Sampling(tf.constant([seed, 0]), width=width, **options), chain, steps)


def first_probabilities(chain, row):
    return np.exp(chain.table[row, BEGIN, BEGIN].astype("float64"))


def assert_follow(tokens, probabilities):
    """Pearson's statistic of the counts is below what one set in 100,000 would exceed."""
    counts = np.bincount(tokens, minlength=len(probabilities))
    expected = probabilities / probabilities.sum() * counts.sum()
    assert np.all(counts[expected == 0] == 0)
    # What is seldom expected counts together.
    is_often = expected >= 5
    counts, expected = (
        np.append(values[is_often], 1 + values[~is_often].sum()) for values in (counts, expected)
    )
    statistic = np.sum((counts - expected) ** 2 / expected)
    freedom = is_often.sum()
    assert statistic < freedom + 4.3 * np.sqrt(2 * freedom) + 12


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_draws_follow_the_tempered_probabilities(chain, temperature):
    found = draw(chain, temperature=temperature)
    for row in range(3):
        wanted = first_probabilities(chain, row) ** (1 / temperature)
        assert_follow(found.tokens[row, :, 0].numpy(), wanted)


def test_the_draws_of_two_steps_and_of_two_rows_are_independent(chain):
    """Two rows of one chain; pairs of tokens follow the product of their probabilities."""
    same = Chain(chain.table[[0, 0]])
    found = draw(same, steps=2)
    for row in range(2):
        codes = found.tokens[row].numpy() @ [VOCABULARY, 1]
        pairs = np.zeros([VOCABULARY, VOCABULARY])
        for first, probability in enumerate(first_probabilities(chain, 0)):
            if first == END:
                pairs[first, 0] = probability
            elif probability > 1e-6:
                pairs[first] = probability * np.exp(chain.table[0, BEGIN, first])
        pairs[pairs < 1e-6] = 0
        assert_follow(codes, pairs.ravel())
    few = search(Sampling(tf.constant([3, 0]), width=1), same, 1, rows=[0] * 200)
    assert_follow(few.tokens[:, 0, 0].numpy(), first_probabilities(chain, 0))


def test_the_same_seed_draws_the_same_and_another_seed_another(chain):
    once, again, other = (draw(chain, 6, seed, width=20) for seed in (5, 5, 6))
    np.testing.assert_array_equal(once.tokens, again.tokens)
    np.testing.assert_array_equal(once.scores, again.scores)
    shared = min(once.tokens.shape[-1], other.tokens.shape[-1])
    assert np.mean(once.tokens[..., :shared] != other.tokens[..., :shared]) > 0.1


def test_the_draws_of_the_next_seed_are_not_these_a_step_later():
    flat = np.full((1, 40, 40, 40), -np.log(37), "float32")
    flat[..., [0, BEGIN, END]] = -np.inf
    rows = [
        search(Sampling(tf.constant(seed)), Chain(flat), 12).tokens[0, 0].numpy()
        for seed in ([7, 0], [7, 1], [8, 0], [6, 1])
    ]
    for index, one in enumerate(rows):
        for other in rows[:index]:
            assert np.mean(one[1:] == other[:-1]) < 0.4
            assert np.mean(other[1:] == one[:-1]) < 0.4


def kept_by(probabilities, temperature, top_k, top_p):
    """Which tokens may be drawn: sorted, the first k, of those the first that add up to p."""
    tempered = probabilities ** (1 / temperature)
    order = np.argsort(-tempered, kind="stable")
    order = order[: top_k or len(order)]
    shares = tempered[order] / tempered[order].sum()
    count = 1 + np.sum(np.cumsum(shares) < top_p)
    return set(order[:count].tolist())


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 1, 1.0), (1.0, 3, 1.0), (1.0, 0, 0.6), (2.0, 0, 0.6), (1.0, 4, 0.7), (1.0, 0, 1e-6)],
)
def test_only_what_top_k_and_top_p_keep_is_drawn_and_all_of_that(chain, temperature, top_k, top_p):
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    found = draw(chain, **settings)
    for row in range(3):
        probabilities = first_probabilities(chain, row)
        kept = kept_by(probabilities, **settings)
        drawn = found.tokens[row, :, 0].numpy()
        assert set(drawn.tolist()) == kept
        is_kept = np.isin(np.arange(VOCABULARY), list(kept))
        assert_follow(drawn, np.where(is_kept, probabilities ** (1 / temperature), 0))


def test_tokens_as_likely_as_the_last_that_is_kept_are_kept():
    table = np.full((1, 7, 7, 7), -np.inf, "float32")
    table[..., [END, 3, 4, 5, 6]] = np.log([0.4, 0.2, 0.2, 0.15, 0.05])
    chain = Chain(table)
    for settings in ({"top_k": 2}, {"top_k": 3}, {"top_p": 0.5}, {"top_p": 0.7}):
        drawn = set(draw(chain, **settings).tokens[0, :, 0].numpy().tolist())
        assert drawn == {END, 3, 4}


def test_more_than_there_are_keeps_all(chain):
    found = draw(chain, top_k=1000, top_p=1.0)
    assert_follow(found.tokens[0, :, 0].numpy(), first_probabilities(chain, 0))


@pytest.mark.parametrize("settings", [{"temperature": 0.001}, {"top_k": 1}, {"top_p": 1e-6}])
def test_hardly_any_temperature_or_one_token_kept_is_greedy_search(chain, settings):
    wanted, found = greedy(chain, 7), draw(chain, 7, width=4, **settings)
    for index in range(4):
        np.testing.assert_array_equal(found.tokens[:, index], wanted.tokens[:, 0])
        np.testing.assert_allclose(found.scores[:, index], wanted.scores[:, 0], rtol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"temperature": 3.0}, {"top_k": 3}, {"top_p": 0.5}])
def test_scores_are_the_log_probabilities_untempered_best_first(chain, settings):
    found = draw(chain, 5, width=30, **settings)
    assert np.all(np.diff(found.scores, axis=1) <= 0)
    np.testing.assert_array_equal(found.scores, found.log_probabilities)
    for row in range(3):
        for tokens, log_probability, _ in hypotheses(found, row):
            expected = chain.log_probability(row, tokens)
            np.testing.assert_allclose(log_probability, expected, rtol=1e-4)


def test_a_temperature_may_be_a_tensor_of_a_graph(chain):
    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)], autograph=False)
    def in_a_graph(temperature):
        return draw(chain, 3, width=30, temperature=temperature)

    np.testing.assert_array_equal(
        in_a_graph(2.0).tokens, draw(chain, 3, 1, 30, temperature=2.0).tokens
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"width": 0}, r"width to be at least 1\. Received: 0\."),
        ({"temperature": 0.0}, r"temperature to be from 0\.001 to 1000\. Received: 0\.0\."),
        ({"temperature": -1.0}, r"Received: -1\.0\."),
        ({"temperature": float("nan")}, r"temperature .* Received: nan\."),
        ({"temperature": 1e4}, r"temperature .* Received: 10000\.0\."),
        ({"top_k": -1}, r"top_k to be at least 0\. Received: -1\."),
        ({"top_p": 0.0}, r"top_p to be above 0 and at most 1\. Received: 0\.0\."),
        ({"top_p": 1.5}, r"top_p .* Received: 1\.5\."),
        ({"top_p": float("nan")}, r"top_p .* Received: nan\."),
    ],
)
def test_settings_out_of_their_bounds_are_refused(settings, text):
    with pytest.raises(UserError, match=f"Sampling needs .*{text}"):
        Sampling(tf.constant([1, 0]), **settings)
