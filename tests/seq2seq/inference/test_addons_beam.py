"""One step of a beam, with the numbers that the tests of `tfa.seq2seq` expect of it.

Source: github.com/tensorflow/addons, tensorflow_addons/seq2seq/tests/beam_search_decoder_test.py.
"""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.inference import BeamSearch, Marks, Prediction, decode

END, WORDS = 0, 5
MARKS = Marks(begin=1, end=END, padding=END)
LOGITS = {(0, 0, 2): 1.9, (0, 0, 3): 2.1, (0, 1, 3): 3.1, (0, 1, 4): 0.9, (1, 0, 1): 0.5}


class OneStep(BeamSearch):
    """A beam search that goes on from given hypotheses; it keeps its choice, and what is then."""

    def __init__(self, log_probabilities, lengths, ended):
        super().__init__(log_probabilities.shape[1], end=END, length_weight=0.6)
        lengths = tf.constant(lengths, tf.int32)
        self.given = {"log_probabilities": log_probabilities, "lengths": lengths, "ended": ended}

    def initialize(self, search):
        return search._replace(**self.given)

    def step(self, search, log_probabilities):
        self.choice = super().step(search, log_probabilities)
        return self.choice

    def finish(self, search):
        self.final = search
        return super().finish(search)


def after_a_step(logits, log_probabilities, lengths, ended):
    """The strategy after one step, and the log-probabilities of that step."""
    rows, width = log_probabilities.shape
    table = np.full((rows, width, WORDS), 0.0001, "float32")
    for place, value in logits.items():
        table[place] = value
    said = tf.nn.log_softmax(table)
    strategy = OneStep(log_probabilities, lengths, tf.constant(ended, tf.bool))
    step = lambda tokens, states: Prediction(tf.reshape(said, [-1, WORDS]), states)  # noqa: E731
    decode(strategy, step, tf.zeros([rows, 1]), rows, 1, marks=MARKS)
    return strategy, said.numpy()


def assert_is(strategy, parents, tokens, lengths, ended):
    np.testing.assert_array_equal(strategy.choice.parents, parents)
    np.testing.assert_array_equal(strategy.choice.tokens, tokens)
    np.testing.assert_array_equal(strategy.final.lengths, lengths)
    np.testing.assert_array_equal(strategy.final.ended, ended)


@pytest.fixture
def alike():
    """The log-probabilities of three hypotheses, as likely as one another."""
    return tf.nn.log_softmax(tf.ones([2, 3]))


def test_a_step_of_three_hypotheses(alike):
    logits = {**LOGITS, (1, 1, 2): 2.7, (1, 2, 2): 10.0, (1, 2, 3): 0.2}
    strategy, said = after_a_step(logits, alike, [[2] * 3] * 2, [[False] * 3] * 2)
    parents, tokens = [[1, 0, 0], [2, 1, 0]], [[3, 3, 2], [2, 2, 1]]
    assert_is(strategy, parents, tokens, [[3] * 3] * 2, [[False] * 3] * 2)
    gained = [[said[0, 1, 3], said[0, 0, 3], said[0, 0, 2]]]
    gained += [[said[1, 2, 2], said[1, 1, 2], said[1, 0, 1]]]
    np.testing.assert_allclose(strategy.choice.log_probabilities, alike + gained, rtol=1e-6)


def test_a_step_after_which_what_has_ended_stays(alike):
    logits = {**LOGITS, (1, 1, 2): 5.7, (1, 2, 2): 1.0, (1, 2, 3): 0.2}
    ended = [[False, True, False], [False, False, True]]
    strategy, said = after_a_step(logits, alike, [[2, 1, 2], [2, 2, 1]], ended)
    parents, tokens = [[1, 0, 0], [1, 2, 0]], [[0, 3, 2], [2, 0, 1]]
    ended = [[True, False, False], [False, True, False]]
    assert_is(strategy, parents, tokens, [[1, 3, 3], [3, 1, 3]], ended)
    gained = [[0.0, said[0, 0, 3], said[0, 0, 2]], [said[1, 1, 2], 0.0, said[1, 0, 1]]]
    np.testing.assert_allclose(strategy.choice.log_probabilities, alike + gained, rtol=1e-6)


def test_a_beam_wider_than_what_one_hypothesis_can_go_on_with():
    logits = {**LOGITS, (1, 1, 2): 2.7, (1, 2, 2): 10.0, (1, 2, 3): 0.2}
    first = tf.one_hot([0, 0], 8, 0.0, -1e9)
    lengths, ended = np.array([[2] + [0] * 7] * 2), [[False] + [True] * 7] * 2
    strategy, _ = after_a_step(logits, first, lengths, ended)
    assert strategy.choice.tokens[0, :2].numpy().tolist() == [3, 2]
    assert strategy.choice.tokens[1, 0] == 1
    is_possible = strategy.choice.log_probabilities.numpy() > -1e8
    np.testing.assert_array_equal(is_possible, [[True] * 5 + [False] * 3] * 2)
    assert np.all(strategy.final.lengths[:, :5] > 0)
    assert np.all(strategy.final.lengths[:, 5:] == 0)
