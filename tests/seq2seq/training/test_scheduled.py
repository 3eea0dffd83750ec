"""Scheduled sampling: what is drawn, how often, and that a run resumed draws the same."""

import itertools
import math
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.looping import VOCABULARY, assert_same_weights, interrupt
from reference.models import SteppingBag, random_model, random_tokens, tiny_model_config

from seq2seq.marks import BEGIN, END, PAD, UNKNOWN
from seq2seq.model.output import OutputLayer
from seq2seq.model.translator import DecoderStart
from seq2seq.training import scheduled
from seq2seq.training.losses import masked_cross_entropy
from seq2seq.training.scheduled import make_mix, mix_inputs, sampling_probability
from seq2seq.training.step import make_train_step

WORDS = 300
SEED = tf.constant([4, 9])


class Stepped:
    """Stands in for a model of which only the logits of a step matter: `logits(tokens)`."""

    def __init__(self, logits):
        self.decoder, self.logits = self, logits
        self.output_layer = OutputLayer(WORDS)
        self.output_layer.build((None, 1))

    def encode(self, source):
        return DecoderStart(tf.zeros([tf.shape(source)[0], 1]), None)

    def step(self, tokens, states, memory, projection):
        return self.logits(tokens) + projection.bias, states


COUNTING = Stepped(lambda tokens: 1e4 * tf.one_hot(tokens + 1, WORDS))
UNDECIDED = Stepped(lambda tokens: tf.zeros([tf.shape(tokens)[0], WORDS]))


def mixed(model, target_in, probability, seed=SEED):
    target_in = tf.constant(target_in, tf.int32)
    found = mix_inputs(model, target_in, target_in, tf.constant(probability), seed)
    assert found.dtype == tf.int32
    return found.numpy()


def expected_probability(schedule, rate, x):
    left = {
        "constant": 0.0,
        "linear": 1 - x,
        "exponential": 0.01**x,
        "inverse_sigmoid": 100 / (100 + math.exp(10 * x)),
    }
    return rate * (1 - left[schedule])


@pytest.mark.parametrize("rate", [0.25, 1.0])
@pytest.mark.parametrize("schedule", ["constant", "linear", "exponential", "inverse_sigmoid"])
def test_the_probability_follows_the_formula_and_never_falls(schedule, rate):
    shares = np.linspace(0, 1, 11)
    found = [float(sampling_probability(schedule, rate, tf.constant(x, "float32"))) for x in shares]
    expected = [expected_probability(schedule, rate, x) for x in shares]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found == sorted(found)
    assert 0.98 * rate < found[-1] <= rate
    assert schedule == "constant" or found[0] < 0.01 * rate + 1e-6


def test_with_probability_zero_the_target_is_read(rng):
    target_in = random_tokens(rng, [5, 3])
    np.testing.assert_array_equal(mixed(UNDECIDED, target_in, 0.0), target_in)


def test_with_probability_one_each_word_follows_from_the_words_read_before():
    target_in = [[5, 90, 80, 70, 60], [50, 9, 8, 0, 0], [20, 0, 0, 0, 0]]
    expected = [[5, 6, 7, 8, 9], [50, 51, 52, 0, 0], [20, 0, 0, 0, 0]]
    np.testing.assert_array_equal(mixed(COUNTING, target_in, 1.0), expected)


def test_in_between_some_words_are_given_and_the_others_follow_from_what_was_read(rng):
    target_in = random_tokens(rng, [9] * 400) // 2 + 100
    found = mixed(COUNTING, target_in, 0.3)
    is_own = found != target_in
    assert not is_own[:, 0].any()
    np.testing.assert_array_equal(found[:, 1:][is_own[:, 1:]], found[:, :-1][is_own[:, 1:]] + 1)
    assert abs(np.mean(is_own[:, 1:]) - 0.3) < 0.03


def test_neither_the_first_column_nor_padding_changes(rng):
    target_in = random_tokens(rng, [6, 1, 3, 5])
    found = mixed(UNDECIDED, target_in, 1.0)
    np.testing.assert_array_equal(found[:, 0], target_in[:, 0])
    np.testing.assert_array_equal(found == PAD, target_in == PAD)
    assert np.mean(found[:, 1:] == target_in[:, 1:]) < 0.6


def test_words_are_drawn_as_often_as_the_model_says():
    chances = np.zeros(WORDS)
    chances[[END, 7, 8]] = 0.2, 0.5, 0.3
    logits = tf.constant(np.log(chances + 1e-30), "float32") + 11.0
    model = Stepped(lambda tokens: tf.tile(logits[tf.newaxis], [tf.shape(tokens)[0], 1]))
    drawn = mixed(model, np.full((3000, 3), 9), 1.0)[:, 1:]
    for column in drawn.T:
        shares = np.bincount(column, minlength=WORDS) / len(column)
        np.testing.assert_allclose(shares, chances, atol=0.03)


def test_no_mark_but_the_end_is_drawn():
    wanted = [PAD, UNKNOWN, BEGIN, END, 9]
    logits = tf.reduce_sum(
        [(1000.0 - 100 * place) * tf.one_hot([mark], WORDS) for place, mark in enumerate(wanted)], 0
    )
    model = Stepped(lambda tokens: tf.repeat(logits, tf.shape(tokens)[0], axis=0))
    assert set(mixed(model, np.full((20, 4), 9), 1.0)[:, 1:].flat) == {END}


def test_the_same_seed_draws_the_same_and_another_something_else():
    target_in = np.full((6, 8), 9)
    first = mixed(UNDECIDED, target_in, 0.5)
    np.testing.assert_array_equal(mixed(UNDECIDED, target_in, 0.5), first)
    for other in ([4, 10], [5, 9]):
        assert not np.array_equal(mixed(UNDECIDED, target_in, 0.5, tf.constant(other)), first)


def test_no_two_steps_of_any_seeds_and_updates_share_their_random_numbers():
    columns = [
        tuple(column)
        for seed in itertools.product(range(1, 4), range(4))
        for column in mixed(UNDECIDED, np.full((8, 6), 9), 1.0, tf.constant(seed)).T[1:]
    ]
    assert len(set(columns)) == 3 * 4 * 5


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_of_a_sharp_model_what_is_drawn_is_what_greedy_search_would_say(cell, rng):
    options = {"model_tie_embeddings": False, "model_dropout": 0.5, "model_encoder_layers": 1}
    model = random_model(tiny_model_config(model_cell=cell, **options), rng)
    for variable in (model.decoder.output_layer.kernel, model.decoder.output_layer.bias):
        variable.assign(variable * 1e4)
    source, target_in = random_tokens(rng, [4, 2]), random_tokens(rng, [5, 5])
    before = [variable.numpy() for variable in model.variables]
    (states, memory), read = model.encode(source), [target_in[:, 0]]
    for _ in range(4):
        logits, states = model.decoder.step(read[-1], states, memory)
        read.append(END + np.argmax(logits.numpy()[:, END:], axis=-1))
    mix = tf.function(mix_inputs, autograph=False)
    found = mix(model, tf.constant(source), tf.constant(target_in), tf.constant(1.0), SEED)
    np.testing.assert_array_equal(found, np.stack(read, axis=1))
    # Without dropout, so not even a seed has moved.
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, variable.path)


def optimizer_after(updates, is_scaled=False):
    inner = keras.optimizers.SGD(0.1)
    optimizer = keras.optimizers.LossScaleOptimizer(inner) if is_scaled else inner
    optimizer.build([keras.Variable([0.0])])
    inner.iterations.assign(updates)
    return optimizer


def training_of(tiny_config, **changes):
    changes = {f"training.{name}": value for name, value in changes.items()}
    return tiny_config.replace(changes).training


def test_without_a_rate_nothing_is_mixed(tiny_config):
    assert make_mix(tiny_config.training, COUNTING, optimizer_after(0), 10) is None


@pytest.mark.parametrize("is_scaled", [False, True])
@pytest.mark.parametrize(("updates", "share"), [(0, 0.0), (4, 0.5), (8, 1.0), (12, 1.0)])
def test_probability_and_seed_follow_from_the_updates(
    updates, share, is_scaled, tiny_config, monkeypatch
):
    training = training_of(tiny_config, sampling_rate=0.8, seed=2**31 - 1)
    monkeypatch.setattr(scheduled, "mix_inputs", lambda *arguments: arguments)
    mix = make_mix(training, "model", optimizer_after(updates, is_scaled), 8)
    model, source, target_in, probability, seed = mix("source", "target")
    assert (model, source, target_in) == ("model", "source", "target")
    assert float(probability) == pytest.approx(0.8 * share)
    assert seed.numpy().tolist() == [2**31 - 1, updates]


def test_a_compiled_mix_follows_the_updates_too(tiny_config):
    training = training_of(tiny_config, sampling_rate=1.0)
    optimizer = optimizer_after(0)
    mix = tf.function(make_mix(training, COUNTING, optimizer, 8), autograph=False)
    target_in = tf.fill([3, 5], 90)
    np.testing.assert_array_equal(mix(target_in, target_in), target_in)
    optimizer.iterations.assign(8)
    np.testing.assert_array_equal(mix(target_in, target_in), [[90, 91, 92, 93, 94]] * 3)


def test_an_update_is_one_on_what_was_mixed_and_on_the_same_target(rng):
    model = SteppingBag(VOCABULARY)
    source, target_in, target_out = (random_tokens(rng, [4, 4]) for _ in range(3))
    expected = masked_cross_entropy(target_out, model((source, target_in + source % 5)))
    given = masked_cross_entropy(target_out, model((source, target_in)))
    step = make_train_step(
        model, keras.optimizers.SGD(0.1), 0.0, 1.0, mix=lambda source, shifted: shifted + source % 5
    )
    sums = step(source, target_in, target_out)
    np.testing.assert_allclose(float(sums.loss), float(expected.loss), rtol=1e-5)
    assert not np.isclose(float(sums.loss), float(given.loss), rtol=1e-4)


@pytest.mark.slow  # `test_resume.py` does it with a whole model
def test_a_run_that_was_interrupted_draws_what_it_would_have_drawn(run, tmp_path):
    options = {"epochs": 2, "sampling_rate": 1.0, "sampling_schedule": "constant"}

    def trained(display=None, **changes):
        model = SteppingBag(VOCABULARY, dropout=0.2)
        return run(display=display, model=model, **{**options, **changes})

    stopped, _ = trained(interrupt(signal.SIGINT, 4))
    assert (stopped.is_interrupted, stopped.step) == (True, 4)
    result, weights = trained()
    assert result.step == 10
    (tmp_path / "run").rename(tmp_path / "resumed")
    _, whole = trained()
    assert_same_weights(weights, whole)
    (tmp_path / "run").rename(tmp_path / "whole")
    _, without = trained(sampling_rate=0.0)
    assert not np.allclose(without[0], whole[0], atol=1e-4)
