"""The loop on a model that stands in: reports, the best, the end, interruption, divergence."""

import math
import shutil
import signal
import threading

import numpy as np
import pytest
import tensorflow as tf
from reference.looping import (
    STEPS,
    VOCABULARY,
    Recorder,
    assert_same_weights,
    interrupt,
    stored,
    train_bag,
)
from reference.models import BagModel

from seq2seq.checkpoint import newest_checkpoint
from seq2seq.errors import UserError
from seq2seq.run_folder import Run
from seq2seq.training.history import append_history, read_history
from seq2seq.training.loop import DivergedError
from seq2seq.training.prepare import prepare


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """A run of two epochs that nothing interrupted: its display, result and weights."""
    display = Recorder()
    folder = tmp_path_factory.mktemp("finished") / "run"
    return display, *train_bag(config, folder, display=display, epochs=2)


class SteepBag(BagModel):
    """A bag model whose gradient is no number while `is_steep` is 1; its loss always is one."""

    def __init__(self, is_steep):
        self.is_steep = tf.Variable(is_steep)
        super().__init__(VOCABULARY)

    def call(self, inputs, training=False):
        logits = super().call(inputs, training)
        # The derivative of the root is infinite at 0, and that of what is in it is 0.
        return logits + tf.sqrt(1.0 - self.is_steep + 0.0 * logits)


def scores(*values):
    """A `validate` that returns these scores one after the other."""
    remaining = iter(values)
    return lambda run, model, text: {"bleu": next(remaining)}


def test_every_update_is_reported_with_its_step_epoch_and_rate(finished):
    display, result, _ = finished
    assert display.started == [(0, 2 * STEPS)]
    assert display.stopped == 1
    assert (result.step, result.is_interrupted) == (2 * STEPS, False)
    assert [report.step for report in display.reports] == list(range(1, 2 * STEPS + 1))
    assert [report.epoch for report in display.reports] == [1] * STEPS + [2] * STEPS
    rates = [0.125, 0.25, 0.375] + [0.5] * 7
    np.testing.assert_allclose([report.learning_rate for report in display.reports], rates)
    assert display.messages[2] == "Training text: 20 pairs."


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


def test_the_training_loss_of_the_history_is_without_smoothing_and_divergence(run):
    display = Recorder()
    result, _ = run(display=display, report_every=3, label_smoothing=0.3, r_drop=2.0)
    (report,) = display.reports  # of the updates before the first validation
    found = read_history(result.folder)["training_loss"][0]
    np.testing.assert_allclose(np.exp(found), report.perplexity, rtol=1e-6)
    assert abs(report.loss - found) > 0.001


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
    result, _ = run(scores(1, 5, 4, 5, 9), display, patience=2, validate_every=1)
    assert (result.step, result.is_interrupted) == (4, False)
    assert display.messages[-1] == "No better validation in 2: stopping early."
    again, _ = run(scores(), patience=2, validate_every=1)
    assert again.step == 4


def test_a_validation_that_is_no_better_lowers_a_plateau_and_a_better_one_renews_patience(run):
    display = Recorder()
    plateau = {"schedule": "plateau", "plateau_factor": 0.5, "warmup_steps": 0}
    result, _ = run(scores(1, 0, 2, 1, 3), display, patience=2, validate_every=1, **plateau)
    assert result.step == STEPS
    rates = [report.learning_rate for report in display.reports]
    np.testing.assert_allclose(rates, [0.5, 0.5, 0.25, 0.25, 0.125], rtol=1e-6)


def test_of_equal_scores_in_a_row_that_of_the_lower_loss_is_the_best(run):
    result, last = run(scores(0, 0, 0, 0, 0), patience=1, validate_every=1)
    losses = read_history(result.folder)["validation_loss"]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == STEPS
    assert_same_weights(stored(result.folder, "best"), last)


def test_a_model_without_a_loss_is_not_the_best(run, monkeypatch):
    losses = iter([2.0, math.nan, 1.0, math.nan, math.nan])
    monkeypatch.setattr("seq2seq.training.loop.mean_loss", lambda *_: next(losses))
    result, _ = run(scores(1, 9, 2, 2, 9), validate_every=1)
    assert result.best == 2.0
    assert newest_checkpoint(result.folder / "best").endswith("-3")


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


@pytest.mark.parametrize("every", [3, 100])
def test_a_run_whose_best_checkpoint_is_gone_does_not_go_on(run, every):
    result, _ = run(epochs=1, validate_every=every)
    (result.folder / "best" / "checkpoint").unlink()
    before = sorted(result.folder.rglob("*"))
    with pytest.raises(UserError, match=r"but its checkpoint .*best is gone\. Restore it, or"):
        run(epochs=2)
    left = [path for path in sorted(result.folder.rglob("*")) if path.parent.name != "log"]
    assert left == [path for path in before if path.parent.name != "log"]


def test_more_epochs_go_on_where_the_last_ended(run, finished):
    run(epochs=1)
    display = Recorder()
    result, weights = run(display=display, epochs=2)
    assert [report.step for report in display.reports] == [6, 7, 8, 9, 10]
    assert read_history(result.folder)["step"] == [3, 5, 6, 9, 10]
    assert_same_weights(weights, finished[2])


def test_an_interrupt_saves_and_the_next_call_goes_on_to_the_same_end(run, finished):
    before = signal.getsignal(signal.SIGINT)
    display = interrupt(signal.SIGINT, 4)
    stopped, _ = run(display=display, epochs=2)
    assert (stopped.is_interrupted, stopped.step, display.stopped) == (True, 4, 1)
    assert signal.getsignal(signal.SIGINT) is before
    # A process that is killed may have written of a validation later than its checkpoint.
    columns = list(read_history(stopped.folder))[2:]
    append_history(stopped.folder, 5, 1.0, dict.fromkeys(columns, 0.0))
    result, weights = run(epochs=2)
    assert result == finished[1]._replace(folder=result.folder)
    assert read_history(result.folder)["step"] == [3, 6, 9, 10]
    assert_same_weights(weights, finished[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_terminate_and_a_closed_terminal_save_too(run, terminal, number):
    before = signal.getsignal(number)
    result, weights = run(display=interrupt(number, 2))
    assert (result.is_interrupted, result.step) == (True, 2)
    assert_same_weights(stored(result.folder, "latest"), weights)
    assert signal.getsignal(number) is before


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


def test_gradients_that_are_no_numbers_ten_times_in_a_row_are_an_error(run):
    message = r"diverged at step 9: its gradient is no number\. Lower training\.learning_rate"
    with pytest.raises(DivergedError, match=message):
        run(model=SteepBag(1.0), epochs=2)


def test_updates_without_a_finite_gradient_are_counted_and_do_not_move_the_rate(run):
    model = SteepBag(0.0)
    display = Recorder(lambda report: model.is_steep.assign(report.step in {2, 3}))
    run(display=display, model=model)
    rates = [report.learning_rate for report in display.reports]
    np.testing.assert_allclose(rates, [0.125, 0.25, 0.25, 0.25, 0.375])
    ends = [text.rpartition("  ")[2] for text in display.messages if text.startswith("step")]
    assert ends == [f"{count} updates left out: no finite gradient" for count in (1, 2)]


def test_a_run_without_faulty_updates_says_of_none(finished):
    assert not any("left out" in text for text in finished[0].messages)


def test_a_folder_that_another_process_trains_in_is_left_alone(run, config, tmp_path):
    other = prepare(config, tmp_path / "run").run
    with other.locked(), pytest.raises(UserError, match="is being trained by another process"):
        run(epochs=2)
    assert Run.open(other.folder).config == config
    assert not other.has_checkpoint()


def test_nine_losses_that_are_no_number_are_got_over(run):
    model = BagModel(VOCABULARY)

    def poison(report):
        """Leave one update in ten a bias that is a number."""
        value = 0.0 if report.step % 10 == 9 else math.nan
        model.dense.bias.assign(tf.fill([VOCABULARY], value))

    result, _ = run(display=Recorder(poison), model=model, epochs=5, validate_every=100)
    assert result.step == 5 * STEPS
