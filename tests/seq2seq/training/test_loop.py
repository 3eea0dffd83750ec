"""The loop on a model that stands in: reports, the best, the end, interruption, divergence."""

import functools
import math
import os
import shutil
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf
from reference.models import BagModel

from seq2seq.checkpoint import Run, model_variables
from seq2seq.training.history import append_history, read_history
from seq2seq.training.loop import DivergedError, train
from seq2seq.training.progress import SilentDisplay

VOCABULARY, STEPS = 330, 5


class Recorder(SilentDisplay):
    """Keeps what it is told."""

    def __init__(self, on_report=lambda report: None):
        self.reports, self.messages, self.started, self.stopped = [], [], [], 0
        self.on_report = on_report

    def start(self, step, total_steps):
        self.started.append((step, total_steps))

    def report(self, report):
        self.reports.append(report)
        self.on_report(report)

    def message(self, text):
        self.messages.append(text)

    def stop(self):
        self.stopped += 1


@pytest.fixture(scope="module")
def config(tiny_config, tiny_corpus, tmp_path_factory):
    """An epoch of five updates."""
    folder = tmp_path_factory.mktemp("few")
    for ending in ("en", "de"):
        lines = (tiny_corpus / f"train.{ending}").read_text(encoding="utf-8").splitlines()[:20]
        (folder / f"train.{ending}").write_text("\n".join(lines), encoding="utf-8")
    return tiny_config.replace(
        {
            "data.source": str(folder / "train.en"),
            "data.target": str(folder / "train.de"),
            "data.batch_tokens": 300,
            "training.optimizer": "sgd",
            "training.learning_rate": 0.5,
            "training.warmup_steps": 4,
            "training.report_every": 1,
            "training.validate_every": 3,
        }
    )


def train_bag(config, folder, validate=None, display=None, model=None, **changes):
    """Train a bag model; return the result and its weights."""
    config = config.replace({f"training.{name}": value for name, value in changes.items()})
    model = model or BagModel(VOCABULARY, dropout=0.2)
    return train(config, folder, validate, display, model=model), model.get_weights()


@pytest.fixture
def run(config, tmp_path):
    """Train in a folder of this test's own."""
    return functools.partial(train_bag, config, tmp_path / "run")


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """A run of two epochs that nothing interrupted: its display, result and weights."""
    display = Recorder()
    folder = tmp_path_factory.mktemp("finished") / "run"
    return display, *train_bag(config, folder, display=display, epochs=2)


def scores(*values):
    """A `validate` that returns these scores one after the other."""
    remaining = iter(values)
    return lambda run, model, text: {"bleu": next(remaining)}


def stored(folder, name):
    """The weights in a checkpoint."""
    model = BagModel(VOCABULARY, dropout=0.2, seed=99)
    path = tf.train.latest_checkpoint(str(folder / name))
    tf.train.Checkpoint(model=model_variables(model)).restore(path).expect_partial()
    return model.get_weights()


def assert_same_weights(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_update_is_reported_with_its_step_epoch_and_rate(finished):
    display, result, _ = finished
    assert display.started == [(0, 2 * STEPS)]
    assert display.stopped == 1
    assert (result.step, result.is_interrupted) == (2 * STEPS, False)
    assert [report.step for report in display.reports] == list(range(1, 2 * STEPS + 1))
    assert [report.epoch for report in display.reports] == [1] * STEPS + [2] * STEPS
    rates = [0.125, 0.25, 0.375] + [0.5] * 7
    np.testing.assert_allclose([report.learning_rate for report in display.reports], rates)
    assert display.messages[0] == "Training text: 20 pairs."


def test_the_history_holds_each_validation_and_the_last_comes_at_the_end(finished):
    _, result, _ = finished
    history = read_history(result.folder)
    losses = ["training_loss", "validation_loss", "validation_perplexity"]
    assert list(history) == ["step", "seconds", *losses]
    assert history["step"] == [3, 6, 9, 10]
    assert history["validation_loss"][-1] == result.validation_loss
    np.testing.assert_allclose(
        history["validation_perplexity"], np.exp(history["validation_loss"]), rtol=1e-6
    )
    assert sorted(history["seconds"]) == history["seconds"]


def test_without_validate_the_best_is_the_lowest_validation_loss(finished):
    _, result, _ = finished
    assert result.best == -min(read_history(result.folder)["validation_loss"])
    assert result.scores == {}


def test_validate_gets_run_model_and_text_and_chooses_the_best(run):
    seen, weights, display = [], [], Recorder()
    remaining = iter([1.0, 7.0, 3.0, 7.0, 2.0])

    def validate(folder, model, text):
        seen.append((type(folder), len(text.source)))
        weights.append(model.get_weights())
        return {"bleu": next(remaining), "chrf": 0.5}

    result, last = run(validate, display, validate_every=1, warmup_steps=0)
    assert seen == [(Run, 20)] * STEPS
    assert (result.best, result.scores) == (7.0, {"bleu": 2.0, "chrf": 0.5})
    assert read_history(result.folder)["bleu"] == [1.0, 7.0, 3.0, 7.0, 2.0]
    assert_same_weights(stored(result.folder, "best"), weights[1])
    assert_same_weights(stored(result.folder, "latest"), last)
    loaded = BagModel(VOCABULARY, dropout=0.2, seed=99)
    Run.open(result.folder).load_weights(loaded)
    assert_same_weights(loaded.get_weights(), weights[1])
    # Only the schedule "plateau" minds worse scores.
    assert {report.learning_rate for report in display.reports} == {0.5}


def test_training_stops_early_when_it_has_not_got_better_for_long(run):
    display = Recorder()
    result, _ = run(scores(1, 5, 5, 4, 9), display, patience=2, validate_every=1)
    assert (result.step, result.is_interrupted) == (4, False)
    assert display.messages[-1] == "No better validation in 2: stopping early."
    again, _ = run(scores(), patience=2, validate_every=1)
    assert again.step == 4


def test_a_validation_that_is_no_better_lowers_a_plateau_and_a_better_one_renews_patience(run):
    display = Recorder()
    plateau = {"schedule": "plateau", "plateau_factor": 0.5, "warmup_steps": 0}
    result, _ = run(scores(1, 0, 2, 2, 3), display, patience=2, validate_every=1, **plateau)
    assert result.step == STEPS
    rates = [report.learning_rate for report in display.reports]
    np.testing.assert_allclose(rates, [0.5, 0.5, 0.25, 0.25, 0.125], rtol=1e-6)


def test_a_finished_run_run_again_changes_nothing(finished, config, tmp_path):
    _, result, weights = finished
    folder = tmp_path / "copy"
    shutil.copytree(result.folder, folder)
    display = Recorder()
    second, again = train_bag(config, folder, display=display, epochs=2)
    assert second == result._replace(folder=folder)
    assert display.reports == []
    assert "Going on from step 10." in display.messages
    for name in ("history.tsv", "config.toml", "source.spm"):
        assert (folder / name).read_bytes() == (result.folder / name).read_bytes()
    assert_same_weights(stored(folder, "best"), stored(result.folder, "best"))
    assert_same_weights(again, weights)


def test_more_epochs_go_on_where_the_last_ended(run, finished):
    run(epochs=1)
    display = Recorder()
    result, weights = run(display=display, epochs=2)
    assert [report.step for report in display.reports] == [6, 7, 8, 9, 10]
    assert read_history(result.folder)["step"] == [3, 5, 6, 9, 10]
    assert_same_weights(weights, finished[2])


def interrupt(number, step, times=1):
    """A display that sends this process a signal when a step is reported."""

    def on_report(report):
        for _ in range(times if report.step == step else 0):
            os.kill(os.getpid(), number)

    return Recorder(on_report)


def test_an_interrupt_saves_and_the_next_call_goes_on_to_the_same_end(run, finished):
    before = signal.getsignal(signal.SIGINT)
    display = interrupt(signal.SIGINT, 4)
    stopped, _ = run(display=display, epochs=2)
    assert (stopped.is_interrupted, stopped.step, display.stopped) == (True, 4, 1)
    assert signal.getsignal(signal.SIGINT) is before
    # A process that is killed may have written of a validation later than its checkpoint.
    append_history(stopped.folder, 5, 1.0, dict.fromkeys(["a", "b", "c"], 0.0))
    result, weights = run(epochs=2)
    assert result == finished[1]._replace(folder=result.folder)
    assert read_history(result.folder)["step"] == [3, 6, 9, 10]
    assert_same_weights(weights, finished[2])


def test_a_request_to_terminate_saves_too(run):
    before = signal.getsignal(signal.SIGTERM)
    result, weights = run(display=interrupt(signal.SIGTERM, 2))
    assert (result.is_interrupted, result.step) == (True, 2)
    assert_same_weights(stored(result.folder, "latest"), weights)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_interrupt_does_not_wait(run):
    display = interrupt(signal.SIGINT, 1, times=2)
    with pytest.raises(KeyboardInterrupt):
        run(display=display)
    assert display.stopped == 1


def test_training_runs_in_a_thread_which_may_not_handle_signals(run):
    results = []
    thread = threading.Thread(target=lambda: results.append(run(validate_every=9)[0]))
    thread.start()
    thread.join()
    assert results[0].step == STEPS


def test_a_loss_that_is_no_number_ten_times_in_a_row_is_an_error(run, tmp_path):
    display = Recorder()
    message = r"diverged at step 1\d: the loss is (nan|inf)\. Lower training\.learning_rate"
    with pytest.raises(DivergedError, match=message):
        run(display=display, learning_rate=1e30, clip_norm=0.0, epochs=4, validate_every=2)
    assert display.stopped == 1
    assert Run.open(tmp_path / "run").has_checkpoint()


def test_nine_losses_that_are_no_number_are_got_over(run):
    model = BagModel(VOCABULARY)

    def poison(report):
        """Leave one update in ten a bias that is a number."""
        value = 0.0 if report.step % 10 == 9 else math.nan
        model.dense.bias.assign(tf.fill([VOCABULARY], value))

    result, _ = run(display=Recorder(poison), model=model, epochs=5, validate_every=100)
    assert result.step == 5 * STEPS
