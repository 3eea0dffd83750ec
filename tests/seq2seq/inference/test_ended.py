"""Hypotheses that have ended: in no search does anything of one change again."""

import numpy as np
import pytest
import tensorflow as tf
from reference.decoding import LookingChain, search
from reference.search import END

from seq2seq.inference import BeamSearch, GreedySearch, RequiringBeamSearch, Sampling


class Watched:
    """A strategy that tells, of each hypothesis that had ended, what it was and what it became."""

    def __init__(self, strategy):
        self.strategy, self.needs_coverage = strategy, strategy.needs_coverage
        self.width, self.initialize = strategy.width, strategy.initialize
        self.before, self.pairs = None, []

    def step(self, search, log_probabilities):
        self.look(search)
        choice = self.strategy.step(search, log_probabilities)
        self.before = search, choice.parents
        return choice

    def finish(self, search):
        self.look(search)
        return self.strategy.finish(search)

    def look(self, now):
        if self.before is None:
            return
        before, parents = self.before
        own = tf.tile([tf.range(self.width)], [before.ended.shape[0], 1])
        parents = own if parents is None else parents
        had_ended = tf.gather(before.ended, parents, batch_dims=1).numpy()
        for row, place in np.argwhere(had_ended):
            became, was = (
                [one[row, index].numpy() for one in all_of(which)]
                for which, index in ((now, place), (before, parents[row, place]))
            )
            self.pairs.append((was, became))


def all_of(search):
    """What there is of each hypothesis."""
    kept = search.tokens, search.log_probabilities, search.lengths, search.ended
    return [*kept, *tf.nest.flatten((search.coverage, search.extra))]


STRATEGIES = {
    "greedy": GreedySearch(),
    "beam": BeamSearch(4, end=END, length_weight=0.7),
    "coverage": BeamSearch(4, end=END, length_weight=1.0, coverage_weight=0.4),
    "groups": BeamSearch(4, end=END, groups=2, diversity=0.3),
    "required": RequiringBeamSearch(4, [[3, 4]], end=END),
    "sampling": Sampling(tf.constant([1, 1]), width=3),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_has_ended_never_changes(name):
    chain = LookingChain.random(np.random.default_rng(41), 6, vocabulary_size=7, source_time=3)
    watched = Watched(STRATEGIES[name])
    search(watched, chain, 12, source_time=3)
    assert len(watched.pairs) > 20
    for was, became in watched.pairs:
        for one, other in zip(was, became, strict=True):
            np.testing.assert_array_equal(one, other)
