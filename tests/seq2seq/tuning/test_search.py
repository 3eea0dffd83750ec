"""Tuning: it finds the better choice, outlives failures and interruptions, and says what is wrong.

Most searches here run a `train` that only looks at the config, so that the search itself is seen.
Those that train do so eagerly, since tracing a graph takes longer than these few steps.
"""

import errno
import math
import os
import shutil
import signal
from pathlib import Path

import pytest
import tensorflow_text
from reference.searches import FakeTraining, Notes, table, with_space

from seq2seq.config import load_config
from seq2seq.data.tokenizer import train_subword_model
from seq2seq.errors import UserError
from seq2seq.training.history import read_history
from seq2seq.training.loop import DivergedError, TrainingResult, train
from seq2seq.tuning import hypermodel, tune

RATE = "training.learning_rate"


@pytest.fixture(scope="module")
def searched(config, module_eagerly, tmp_path_factory):
    """A search that trains: one rate does nothing, one learns, one diverges; with a Ctrl-C."""
    folder = tmp_path_factory.mktemp("tuning") / "rates"
    starts = []

    def interrupt_the_second():
        starts.append(1)
        if len(starts) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    config = with_space(
        config.replace({"training.clip_norm": 0.0}),
        {RATE: {"choices": [0, 1e-2, 1e38]}},
        epochs=2,
    )
    first, second = Notes(interrupt_the_second), Notes()
    with pytest.raises(KeyboardInterrupt):
        tune(config, folder, first)
    table_then = table(folder)
    result = tune(config, folder, second)
    return config, folder, result, table_then, first.lines, second.lines


def test_the_search_finds_the_rate_that_learns(searched):
    _, folder, result, *_ = searched
    assert result.best_config.training.learning_rate == 1e-2
    scores = {trial.values[RATE]: trial.score for trial in result.trials}
    assert result.best_score == scores[1e-2] < scores[0.0]
    assert result.path == folder / "best.toml"


def test_a_trial_that_diverges_fails_and_the_search_goes_on(searched):
    _, folder, result, *_ = searched
    failed = [trial for trial in result.trials if trial.status == "FAILED"]
    assert [(trial.values[RATE], trial.score) for trial in failed] == [(1e38, None)]
    assert len(result.trials) == 3
    assert [row["reason"] for row in table(folder) if row["status"] == "FAILED"] == [
        "Training diverged: the validation loss is nan."
    ]


def test_an_interrupted_search_goes_on_and_repeats_nothing(searched):
    _, folder, result, table_then, first, second = searched
    assert len(table_then) == 1
    assert first[-1] == "Interrupted; the same command goes on from here."
    assert table(folder)[0] == table_then[0]
    assert [line.split()[1] for line in first[:1] + second[:2]] == ["1", "2", "3"]
    assert first[0].endswith("9 left")
    assert second[-1] == "Ended after 3 of 10 trials: nothing new was left to try."
    assert len(result.trials) == 3


def test_the_best_config_is_whole_reads_back_equal_and_trains(searched, tmp_path):
    config, _, result, *_ = searched
    assert load_config(result.path) == result.best_config == config.replace({RATE: 1e-2})
    trained = train(result.best_config, tmp_path / "run", epochs=2)
    # The trial and the run differ in training.epochs alone, which a constant rate does not see.
    assert result.best_config.training.schedule == "inverse_square_root"
    assert trained.validation_loss == pytest.approx(result.best_score, rel=1e-5)


def test_a_search_that_is_over_trains_and_prints_nothing_more(searched, monkeypatch, capfd):
    config, folder, result, *_ = searched
    monkeypatch.setattr(hypermodel, "train", None)
    assert tune(config, folder) == result
    assert [text for text in capfd.readouterr() if text] == []


@pytest.fixture(scope="module")
def halved(config, module_eagerly, tmp_path_factory):
    """A Hyperband that trains: three for an epoch, the best of them for two more."""
    folder = tmp_path_factory.mktemp("tuning") / "halved"
    config = with_space(
        config.replace({"training.schedule": "linear", RATE: 1e-2}),
        {"model.dropout": {"choices": [0.1, 0.2, 0.3]}},
        tuner="hyperband",
        objective="bleu",
        epochs=3,
    )
    return config, folder, tune(config, folder)


@pytest.mark.slow
def test_hyperband_promotes_and_the_promoted_goes_on_from_its_parent(halved):
    _, folder, result = halved
    assert len(result.trials) == 4
    assert [row["epochs"] for row in table(folder)] == ["1", "1", "1", "3"]
    parent = [trial.values for trial in result.trials].index(result.trials[3].values)
    of_parent, of_promoted = (
        read_history(folder / "trials" / f"{trial:04d}") for trial in (parent, 3)
    )
    steps = of_parent["step"][0]
    assert of_promoted["step"] == [steps, 3 * steps]
    assert of_promoted["seconds"][0] == of_parent["seconds"][0]
    assert of_promoted["validation_loss"][0] == of_parent["validation_loss"][0]


@pytest.mark.slow
def test_a_promoted_trial_equals_one_that_never_paused(halved, tmp_path):
    config, folder, result = halved
    *_, promoted = result.trials
    changes = promoted.values | {"training.epochs": 3}
    straight = train(config.replace(changes), tmp_path / "straight")
    assert read_history(folder / "trials" / "0003")["validation_loss"][-1] == (
        straight.validation_loss
    )


def test_hyperband_runs_as_many_trials_as_it_plans(config, tmp_path, fake):
    training = fake(lambda config: config.model.dropout)
    space = {"model.dropout": {"minimum": 0.0, "maximum": 0.5}}
    result = tune(with_space(config, space, tuner="hyperband", epochs=9), tmp_path / "t")
    assert len(result.trials) == len(training.calls) == 23
    assert {call[0].training.epochs for call in training.calls} == {9}
    # Bracket by bracket: nine, their best three, the best of these; five, two; three.
    assert [call[2] for call in training.calls] == [1] * 9 + [3] * 3 + [9] + [3] * 5 + [9] * 5


def test_bayesian_follows_its_process_and_stays_quiet(config, tmp_path, fake, capfd):
    training = fake(lambda config: (config.model.encoder_units - 7) ** 2 + config.model.dropout)
    space = {
        "model.encoder_units": {"minimum": 1, "maximum": 8, "sampling": "log"},
        "model.dropout": {"minimum": 0.0, "maximum": 0.95},
    }
    result = tune(with_space(config, space, tuner="bayesian", trials=8), tmp_path / "t")
    assert [trial.status for trial in result.trials] == ["COMPLETED"] * 8
    types = {tuple(type(value) for value in trial.values.values()) for trial in result.trials}
    assert types == {(int, float)}
    assert all(1 <= call[0].model.encoder_units <= 8 for call in training.calls)
    assert result.best_config.model.encoder_units in (6, 7, 8)
    assert [text for text in capfd.readouterr() if text] == []


@pytest.mark.parametrize("error", [DivergedError, ValueError, MemoryError])
def test_whatever_fails_a_trial_the_search_goes_on(config, tmp_path, fake, capfd, error):
    def loss(config):
        if config.model.dropout > 0.1:
            raise error("too much\nof it")
        return 1.0

    training = fake(loss)
    choices = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    display = Notes()
    result = tune(with_space(config, {"model.dropout": {"choices": choices}}), tmp_path, display)
    assert len(training.calls) == 6
    assert [trial.values for trial in result.trials if trial.score] == [{"model.dropout": 0.1}]
    said = "too much of it" if error is DivergedError else f"{error.__name__}: too much of it"
    assert sum(f"failed: {said}  " in line for line in display.lines) == 5
    assert [text for text in capfd.readouterr() if text] == []


def test_sizes_that_do_not_fit_fail_a_trial_before_it_trains(config, tmp_path, monkeypatch):
    training = FakeTraining(lambda config: 1.0)
    monkeypatch.setattr(hypermodel, "train", training)
    space = {"model.bridge": {"choices": ["copy", "zero"]}}
    result = tune(with_space(config, space), tmp_path / "t")
    assert [call[0].model.bridge for call in training.calls] == ["zero"]
    reasons = [row["reason"] for row in table(tmp_path / "t")]
    assert any(reason.startswith('model.bridge = "copy" needs decod') for reason in reasons)
    assert result.best_config.model.bridge == "zero"


def test_a_model_of_nan_fails_though_it_has_a_bleu(config, tmp_path, monkeypatch, fake):
    fake(lambda config: math.nan)
    zero = TrainingResult(tmp_path, 1, math.nan, {}, 0.0, is_interrupted=False)
    monkeypatch.setattr(hypermodel, "train", lambda *args, **kwargs: zero)
    space = {"model.dropout": {"choices": [0.1, 0.2]}}
    with pytest.raises(UserError, match=r"2, all of which failed, the first with: Training div"):
        tune(with_space(config, space, objective="bleu"), tmp_path / "t")


def test_the_objective_bleu_is_to_be_large(config, tmp_path, monkeypatch, fake):
    def score(config, folder, *args, **kwargs):
        return TrainingResult(folder, 1, 1.0, {}, config.model.dropout, is_interrupted=False)

    fake(None)
    monkeypatch.setattr(hypermodel, "train", score)
    space = {"model.dropout": {"choices": [0.1, 0.3, 0.2]}}
    result = tune(with_space(config, space, objective="bleu"), tmp_path / "t")
    assert (result.best_config.model.dropout, result.best_score) == (0.3, 0.3)


def test_the_same_seed_tries_the_same_even_0(config, tmp_path, fake):
    training = fake(lambda config: 1.0)
    space = {"model.dropout": {"minimum": 0.0, "maximum": 0.5}}
    config = with_space(config, space, trials=3).replace({"training.seed": 0})
    tune(config, tmp_path / "a")
    tune(config, tmp_path / "b")
    tried = [call[0].model.dropout for call in training.calls]
    assert tried[:3] == tried[3:]
    assert len(set(tried)) == 3


def test_more_trials_go_on_and_a_damaged_record_is_said(config, tmp_path, fake):
    training = fake(lambda config: 1.0)
    space = {"model.dropout": {"minimum": 0.0, "maximum": 0.5}}
    config = with_space(config, space, trials=2)
    tune(config, tmp_path / "t")
    assert len(tune(config.replace({"tuning.trials": 3}), tmp_path / "t").trials) == 3
    assert len(training.calls) == 3
    (tmp_path / "t" / "search" / "oracle.json").write_text('{"ongoing', encoding="utf-8")
    with pytest.raises(UserError, match=r"The record in .*search is damaged: JSONDecodeError.*Rem"):
        tune(config, tmp_path / "t")


@pytest.mark.slow
def test_runs_are_found_again_without_the_record_unless_of_another_trial(
    config, module_eagerly, tmp_path
):
    space = {"model.dropout": {"choices": [0.1]}}
    run = tmp_path / "t" / "trials" / "0"
    config = with_space(config, space, trials=1)
    tune(config, tmp_path / "t", Notes(on_start=(run / "stray").touch))
    shutil.rmtree(tmp_path / "t" / "search")
    tune(config, tmp_path / "t")
    assert (run / "stray").exists()
    assert len(read_history(run)["step"]) == 1
    shutil.rmtree(tmp_path / "t" / "search")
    saved = (run / "config.toml").read_text(encoding="utf-8")
    (run / "config.toml").write_text(saved.replace("dropout = 0.1", "dropout = 0.2"), "utf-8")
    tune(config, tmp_path / "t")
    assert not (run / "stray").exists()


def test_a_search_resets_nothing_for_the_rest_of_the_process(config, tmp_path, fake):
    fake(lambda config: 1.0)
    lines = Path(config.data.pairs).read_text(encoding="utf-8").splitlines()
    tokenizer = tensorflow_text.SentencepieceTokenizer(model=train_subword_model(lines, 275))
    before = tokenizer.tokenize(["ba ka"]).to_list()
    tune(with_space(config, {"model.dropout": {"choices": [0.1, 0.2]}}), tmp_path / "t")
    assert tokenizer.tokenize(["ba ka"]).to_list() == before


def told_of_a_full_disk():
    raise UserError("run cannot be written: No space left.") from OSError("No space left")


def bare_error_of_a_full_disk():
    raise OSError(errno.ENOSPC, "No space left.")


@pytest.mark.parametrize("fill", [told_of_a_full_disk, bare_error_of_a_full_disk])
def test_a_full_disk_ends_the_search_and_the_trial_is_taken_up_again(config, tmp_path, fake, fill):
    full = [True]

    def loss(config):
        if full.pop():
            fill()
        return 1.0

    training = fake(loss)
    config = with_space(config, {"model.dropout": {"choices": [0.1]}})
    with pytest.raises(UserError, match=r"No space left\. Then tune again: the search goes on\."):
        tune(config, tmp_path / "t")
    full.append(False)
    assert [trial.status for trial in tune(config, tmp_path / "t").trials] == ["COMPLETED"]
    assert [call[1] for call in training.calls] == ["00", "00"]
