"""Averages of weights: what is validated and kept as the best, and never what is trained on."""

import math
import signal
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.looping import (
    VOCABULARY,
    Recorder,
    assert_same_weights,
    interrupt,
    stored,
    train_bag,
)
from reference.models import BagModel, random_tokens

from seq2seq.run_folder import Run
from seq2seq.training.average import averaged_weights
from seq2seq.training.history import read_history
from seq2seq.training.metrics import mean_loss
from seq2seq.training.prepare import make_optimizer, prepare
from seq2seq.training.step import make_evaluation_step, make_train_step

MOMENTUM = 0.6


def averages(weights, momentum=MOMENTUM):
    """average_1 = w_1, average_n = momentum average_{n-1} + (1 - momentum) w_n; each of them."""
    found = [[np.float64(one) for one in weights[0]]]
    for now in weights[1:]:
        pairs = zip(found[-1], now, strict=True)
        found.append([momentum * average + (1 - momentum) * weight for average, weight in pairs])
    return found


def assert_close_weights(ours, wanted, tolerance=1e-5):
    for one, other in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def updater(tiny_config, optimizer="adam", precision="float32", momentum=MOMENTUM):
    """A model, its optimizer as the config names it, and a function that updates it once."""
    changes = {"optimizer": optimizer, "precision": precision, "ema_momentum": momentum}
    config = tiny_config.replace({f"training.{name}": value for name, value in changes.items()})
    model = BagModel(VOCABULARY, dtype=precision)
    optimizer, _ = make_optimizer(config, 10)
    step = make_train_step(model, optimizer, 0.0, 1.0)
    generator = np.random.default_rng(5)

    def update():
        step(*(random_tokens(generator, [4, 3]) for _ in range(3)))
        return model.get_weights()

    return model, optimizer, update


@pytest.mark.parametrize(
    ("name", "precision"), [("adam", "float32"), ("sgd", "float32"), ("adam", "mixed_float16")]
)
def test_within_the_context_weights_are_their_averages_and_after_it_themselves(
    name, precision, tiny_config
):
    model, optimizer, update = updater(tiny_config, name, precision)
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer) == ("16" in precision)
    weights = []
    for count in range(1, 5):
        weights.append(update())
        with averaged_weights(model, optimizer):
            assert_close_weights(model.get_weights(), averages(weights)[-1])
            if count > 1:
                assert not np.allclose(model.get_weights()[0], weights[-1][0], atol=1e-4)
        assert_same_weights(model.get_weights(), weights[-1])


def test_after_an_error_within_the_context_the_weights_are_themselves(tiny_config):
    model, optimizer, update = updater(tiny_config)
    update()
    before = update()
    with pytest.raises(KeyError), averaged_weights(model, optimizer):
        raise KeyError
    assert_same_weights(model.get_weights(), before)


def test_before_the_first_update_there_is_no_average(tiny_config):
    model, optimizer, _ = updater(tiny_config)
    before = model.get_weights()
    with averaged_weights(model, optimizer):
        assert_same_weights(model.get_weights(), before)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_without_a_momentum_none_is_kept(precision, tiny_config):
    model, optimizer, update = updater(tiny_config, precision=precision, momentum=0.0)
    _, averaging, _ = updater(tiny_config, precision=precision)
    update()
    before = update()
    with averaged_weights(model, optimizer):
        assert_same_weights(model.get_weights(), before)
    added = len(averaging.variables) - len(optimizer.variables)
    assert added == len(model.trainable_variables)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_an_update_that_is_left_out_leaves_the_averages_too(precision, tiny_config):
    model, optimizer, update = updater(tiny_config, precision=precision)
    weights = [update(), update()]
    model.dense.bias.assign(np.full(VOCABULARY, np.nan))
    update()
    model.dense.bias.assign(weights[-1][-1])
    with averaged_weights(model, optimizer):
        assert_close_weights(model.get_weights(), averages(weights)[-1])


class Watched(NamedTuple):
    """A run of ten updates: the weights after each, and those that each validation saw."""

    result: Any
    weights: list
    seen: list


def watched(config, folder, display=None, **changes):
    """Train with averages, and say what was seen; the scores rise and then fall."""
    model, weights, seen = BagModel(VOCABULARY, dropout=0.2), [], []
    remaining = iter([1.0, 3.0, 2.0, 0.0])

    def validate(run, model, text):
        seen.append(model.get_weights())
        return {"bleu": next(remaining)}

    display = display or Recorder(lambda report: weights.append(model.get_weights()))
    options = {"epochs": 2, "ema_momentum": MOMENTUM, **changes}
    result, _ = train_bag(config, folder, validate, display, model, **options)
    return Watched(result, weights, seen)


@pytest.fixture(scope="module")
def averaged(config, tmp_path_factory):
    """A run that nothing interrupted, with validations after updates 3, 6, 9 and 10."""
    return watched(config, tmp_path_factory.mktemp("averaged") / "run")


def test_each_validation_sees_the_averages_and_each_update_the_weights(averaged, config, tmp_path):
    expected = averages(averaged.weights)
    assert len(expected) == 10
    for step, seen in zip((3, 6, 9, 10), averaged.seen, strict=True):
        assert_close_weights(seen, expected[step - 1])
    plain = watched(config, tmp_path / "run", ema_momentum=0.0)
    for one, other in zip(averaged.weights, plain.weights, strict=True):
        assert_same_weights(one, other)
    for step, seen in zip((3, 6, 9, 10), plain.seen, strict=True):
        assert_same_weights(seen, plain.weights[step - 1])


def test_the_best_checkpoint_holds_the_averages_and_the_latest_the_weights(averaged):
    folder = averaged.result.folder
    assert averaged.result.best == 3.0
    assert_same_weights(stored(folder, "best"), averaged.seen[1])
    assert_same_weights(stored(folder, "latest"), averaged.weights[-1])
    loaded = BagModel(VOCABULARY, dropout=0.2, seed=99)
    Run.open(folder).load_weights(loaded)
    assert_same_weights(loaded.get_weights(), averaged.seen[1])


def test_the_loss_of_a_validation_is_that_of_the_averages(averaged):
    run = Run.open(averaged.result.folder)
    held = prepare(run.config, run.folder).validation
    model = BagModel(VOCABULARY)
    expected = []
    for seen in averaged.seen:
        for variable, value in zip(model.trainable_variables, seen, strict=False):
            variable.assign(value)
        expected.append(mean_loss(make_evaluation_step(model), held))
    found = read_history(run.folder)["validation_loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert all(map(math.isfinite, found))


@pytest.mark.slow  # `test_resume.py` does it with a whole model
def test_a_run_that_was_interrupted_ends_with_the_same_averages(averaged, config, tmp_path):
    folder = tmp_path / "run"
    stopped = watched(config, folder, interrupt(signal.SIGINT, 4))
    assert (stopped.result.is_interrupted, stopped.result.step) == (True, 4)
    assert_same_weights(stored(folder, "latest"), averaged.weights[3])
    resumed = watched(config, folder)
    for one, other in zip(resumed.seen, averaged.seen[1:], strict=True):
        assert_same_weights(one, other)
    latest = [
        tf.train.latest_checkpoint(run / "latest") for run in (folder, averaged.result.folder)
    ]
    ours, wanted = map(tf.train.load_checkpoint, latest)
    names = [name for name in wanted.get_variable_to_shape_map() if name.startswith("optimizer")]
    assert len(names) > len(averaged.weights[0])
    for name in names:
        np.testing.assert_array_equal(ours.get_tensor(name), wanted.get_tensor(name), name)
