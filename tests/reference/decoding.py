"""What each option of decoding should find, written out with lists of tokens.

A hypothesis is a tuple of tokens; a `may_follow(tokens, token)` says by definition, not by how it
is computed, whether a token may stand after others.
"""

import collections
import itertools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from reference.search import BEGIN, END, PADDING, Chain, Found, penalty, until_end

from seq2seq.inference import BeamSearch, GreedySearch, Marks, decode

MARKS = Marks(begin=BEGIN, end=END, padding=PADDING)


class LookingChain(NamedTuple):
    """A chain that also looks at a source: `looks[row, before the last, last, source step]`."""

    chain: Chain
    looks: np.ndarray

    @classmethod
    def random(cls, generator, rows, vocabulary_size, source_time):
        chain = Chain.random(generator, rows, vocabulary_size)
        shape = (rows, vocabulary_size, vocabulary_size)
        looks = generator.dirichlet([0.3] * source_time, size=shape)
        return cls(chain, looks.astype("float32"))

    def start(self, rows=None):
        return self.chain.start(rows)

    def step(self, tokens, states):
        log_probabilities, after = self.chain.step(tokens, states)
        where = tf.stack([states["row"], states["before"], tokens], axis=-1)
        return log_probabilities, after, tf.gather_nd(self.looks, where)

    def coverage(self, row, tokens):
        """How much each step of the source was looked at while the tokens were said."""
        read = (BEGIN, BEGIN, *tokens)[: len(tokens) + 1]
        return sum(self.looks[row, before, last] for before, last in itertools.pairwise(read))


def search(strategy, chain, steps, rows=None, **options):
    """Decode some rows of a chain, all by default."""
    start = chain.start(rows)
    batch_size = start["row"].shape[0]
    return decode(strategy, chain.step, start, batch_size, steps, marks=MARKS, **options)


def greedy(chain, steps, rows=None, **options):
    return search(GreedySearch(), chain, steps, rows, **options)


def beam(chain, steps, width, weight=1.0, rows=None, **options):
    return search(BeamSearch(width, end=END, length_weight=weight), chain, steps, rows, **options)


def hypotheses(result, row):
    """Tokens up to the end, log-probability and score of each hypothesis of a row."""
    tokens = [until_end(tokens) for tokens in result.tokens[row].numpy()]
    return list(
        zip(tokens, result.log_probabilities[row].numpy(), result.scores[row].numpy(), strict=True)
    )


def assert_found(result, row, expected):
    """The hypotheses of a row are these; the rest of the places hold none, and say so."""
    actual, rest = hypotheses(result, row)[: len(expected)], result.scores[row, len(expected) :]
    assert [tokens for tokens, _, _ in actual] == [one.tokens for one in expected]
    np.testing.assert_allclose(
        [numbers for _, *numbers in actual], [one[1:] for one in expected], rtol=1e-4, atol=1e-5
    )
    assert np.all(np.isnan(rest))


def anything(tokens, token):
    return True


def list_search(log_probability, score, words, steps, width, may_follow=anything, **groups):
    """Return what a beam of that width finds, best first.

    Args:
        log_probability: Of a hypothesis.
        score: Of a hypothesis.
        words: The tokens but the end.
        steps: The most tokens.
        width: Hypotheses kept.
        may_follow: Which token may follow which hypothesis.
        **groups: `count` of diverse groups and `cost` of a token that another group chose.
    """
    count, cost = groups.get("count", 1), groups.get("cost", 0.0)
    kept = [[()] for _ in range(count)]
    for _ in range(steps):
        chosen = collections.Counter()
        for number, hypotheses_of_group in enumerate(kept):
            ranked = []
            for tokens in hypotheses_of_group:
                if END in tokens:
                    ranked.append((score(tokens), tokens, PADDING))
                    continue
                for token in (END, *words):
                    if may_follow(tokens, token):
                        longer = (*tokens, token)
                        ranked.append((score(longer) - cost * chosen[token], longer, token))
            ranked.sort(key=lambda candidate: -candidate[0])
            best = ranked[: width // count]
            kept[number] = [tokens for _, tokens, _ in best]
            chosen.update(token for _, _, token in best)
    everyone = dict.fromkeys(one for group in kept for one in group)
    found = [Found(one, log_probability(one), score(one)) for one in everyone]
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


def search_of_chain(chain, row, steps, width, weight=0.0, may_follow=anything, **groups):
    """`list_search` of a row of a chain, by its log-probabilities and the length penalty."""

    def log_probability(tokens):
        return chain.log_probability(row, tokens)

    def score(tokens):
        return log_probability(tokens) / penalty(len(tokens), weight)

    return list_search(log_probability, score, chain.words(), steps, width, may_follow, **groups)


def coverage_term(coverage, weight):
    """The coverage penalty, for a source of which all was looked at."""
    return weight * sum(math.log(min(float(one), 1.0)) for one in coverage)


def holds(tokens, phrase):
    """Whether the tokens of a phrase stand one after the other."""
    phrase = tuple(phrase)
    return any(tokens[at : at + len(phrase)] == phrase for at in range(len(tokens)))


def at_least(minimum):
    return lambda tokens, token: token != END or len(tokens) >= minimum


def without(phrases):
    return lambda tokens, token: not any(holds((*tokens, token), phrase) for phrase in phrases)


def without_repetition(size):
    def may_follow(tokens, token):
        longer = (*tokens, token)
        ngrams = [longer[at : at + size] for at in range(len(longer) - size + 1)]
        return len(set(ngrams)) == len(ngrams)

    return may_follow


def beginning_with(prefix, may_follow=anything):
    """The prefix first, whatever may follow otherwise."""

    def with_prefix(tokens, token):
        if len(tokens) < len(prefix):
            return token == prefix[len(tokens)]
        return may_follow(tokens, token)

    return with_prefix


def everything(words, steps):
    """Every hypothesis of at most so many tokens, those without an end too."""
    for length in range(steps):
        yield from ((*said, END) for said in itertools.product(words, repeat=length))
    yield from itertools.product(words, repeat=steps)
