"""Searches written out over every hypothesis, and a made-up decoder for them to search.

The decoder is a random chain of second order: what comes next depends on the last token, which
the search hands over, and on the token before it, which the decoder keeps in its state. A search
that mixes up the states of its hypotheses therefore goes wrong.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

PADDING, BEGIN, END = 0, 1, 2
NEVER = -1e9


class Chain(NamedTuple):
    """`table[row, token before the last, last token, next token]`: log-probabilities."""

    table: np.ndarray

    @classmethod
    def random(cls, generator, rows, vocabulary_size, sharpness=1.5):
        logits = generator.normal(size=(rows, *[vocabulary_size] * 3)) * sharpness
        logits[..., [PADDING, BEGIN]] = NEVER
        logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return cls(logits.astype("float32"))

    def start(self, rows=None):
        """The states before the first step: the number of the row, and the token before."""
        rows = range(len(self.table)) if rows is None else rows
        numbers = tf.constant(list(rows), tf.int32)
        return {"row": numbers, "before": tf.fill(numbers.shape, BEGIN)}

    def step(self, tokens, states):
        """A `StepFunction`."""
        where = tf.stack([states["row"], states["before"], tokens], axis=-1)
        return tf.gather_nd(self.table, where), {"row": states["row"], "before": tokens}

    def log_probability(self, row, tokens):
        """The log-probability of tokens up to and with the END, if there is one."""
        context, total = (BEGIN, BEGIN), 0.0
        for token in until_end(tokens):
            total += float(self.table[row, context[0], context[1], token])
            context = (context[1], token)
        return total

    def words(self):
        return range(END + 1, self.table.shape[-1])


class Found(NamedTuple):
    tokens: tuple
    log_probability: float
    score: float


def until_end(tokens):
    tokens = tuple(int(token) for token in tokens)
    return tokens[: tokens.index(END) + 1] if END in tokens else tokens


def penalty(length, weight):
    return math.pow((5 + length) / 6, weight)


def found(chain, row, tokens, weight):
    log_probability = chain.log_probability(row, tokens)
    return Found(tuple(tokens), log_probability, log_probability / penalty(len(tokens), weight))


def exhaustive_search(chain, row, maximum_steps, weight):
    """Return every hypothesis there is, best first."""
    everything = [
        (*words, END)
        for length in range(maximum_steps)
        for words in itertools.product(chain.words(), repeat=length)
    ]
    everything += itertools.product(chain.words(), repeat=maximum_steps)
    hypotheses = [found(chain, row, tokens, weight) for tokens in everything]
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.score)


def narrow_search(chain, row, maximum_steps, weight, beam):
    """Return what a beam of that width finds, best first."""
    kept = [()]
    for _ in range(maximum_steps):
        candidates = []
        for tokens in kept:
            if END in tokens:
                candidates.append(tokens)
            else:
                candidates += [(*tokens, token) for token in (END, *chain.words())]
        ranked = [found(chain, row, tokens, weight) for tokens in candidates]
        ranked.sort(key=lambda hypothesis: -hypothesis.score)
        kept = [hypothesis.tokens for hypothesis in ranked[:beam]]
    return ranked[:beam]
