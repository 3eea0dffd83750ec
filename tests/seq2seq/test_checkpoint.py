"""The run folder: whole or not at all, refused when damaged, never worse for a failed write."""

import contextlib
import errno
import json
import os
import resource
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq import checkpoint
from seq2seq.checkpoint import Checkpoints, Run
from seq2seq.config import save_config
from seq2seq.errors import UserError
from seq2seq.model.translator import build_model


@pytest.fixture(scope="module")
def tokenizers(trained_run):
    return Run.open(trained_run).tokenizers


@pytest.fixture(scope="module")
def model(tiny_config):
    return build_model(tiny_config)


@pytest.fixture
def run_copy(trained_run, tmp_path):
    """A copy of the trained run, to damage."""
    return shutil.copytree(trained_run, tmp_path / "run")


@pytest.fixture
def new_run(tmp_path, tiny_config, tokenizers):
    return Run.create(tmp_path / "run", tiny_config, tokenizers)


def refusal(function, *arguments):
    """The one line with which the function refuses its arguments."""
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def save_both(checkpoints, step):
    checkpoints.save_best(step)
    checkpoints.save(step)


def checkpoints_of(run, model):
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    return Checkpoints(run, model=model, optimizer=optimizer)


def fill(model, rng):
    """Give every variable of a model new values; return them."""
    values = [rng.uniform(1, 99, variable.shape) for variable in model.variables]
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value.astype(variable.dtype))
    return [variable.numpy() for variable in model.variables]


def assert_values(model, values):
    for variable, value in zip(model.variables, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


def files_of(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def no_space(*_arguments, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def files_of_at_most(size):
    """Let every write beyond so many bytes of a file fail, as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_a_created_run_opens_as_what_it_was_created_from(tmp_path, tiny_config, tokenizers):
    folder = tmp_path / "deep" / "run"
    Run.create(folder, tiny_config, tokenizers)
    opened = Run.open(folder)
    assert opened.config == tiny_config
    assert [side.model for side in opened.tokenizers] == [side.model for side in tokenizers]
    names = {"config.toml", "run.json", "source.spm", "target.spm"}
    assert {path.name for path in folder.iterdir()} == names
    assert [path.name for path in folder.parent.iterdir()] == ["run"]
    assert not opened.has_checkpoint()


@pytest.mark.parametrize("name", ["save_config", "save_tokenizers", "json.dumps"])
def test_a_run_that_cannot_be_written_leaves_nothing(
    name, tmp_path, tiny_config, tokenizers, monkeypatch
):
    monkeypatch.setattr(f"seq2seq.checkpoint.{name}", no_space)
    text = refusal(Run.create, tmp_path / "run", tiny_config, tokenizers)
    assert text.startswith(f"{tmp_path / 'run'} cannot be written: No space left on device. ")
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_takes_an_empty_folder_but_no_other_and_no_file(
    tmp_path, tiny_config, tokenizers
):
    (tmp_path / "empty").mkdir()
    Run.create(tmp_path / "empty", tiny_config, tokenizers)
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path / "empty", tmp_path, tmp_path / "file"):
        before = files_of(tmp_path)
        text = refusal(Run.create, taken, tiny_config, tokenizers)
        assert "needs a folder that is new or empty" in text
        assert files_of(tmp_path) == before


def test_another_config_is_refused_with_the_keys_and_both_values(trained_run, tiny_config):
    other = tiny_config.replace({"model.dropout": 0.25, "data.batch_tokens": 900})
    text = refusal(Run.open(trained_run).check_same, other)
    assert "differs in data.batch_tokens (1000, now 900), model.dropout (0.1, now 0.25)." in text
    Run.open(trained_run).check_same(tiny_config)


def test_a_run_may_go_on_longer_and_be_watched_otherwise(trained_run, tiny_config):
    free = {"epochs": 9, "patience": 3, "report_every": 7, "validate_every": 11}
    changes = {f"training.{name}": value for name, value in free.items()}
    Run.open(trained_run).check_same(tiny_config.replace(changes))
    Run.open(trained_run).check_same(tiny_config.replace({"decoding.beam": 9}))


@pytest.mark.parametrize(("key", "value"), [("schedule", "linear"), ("sampling_rate", 0.5)])
def test_what_goes_by_the_epochs_binds_them(key, value, tmp_path, tiny_config, tokenizers):
    bound = tiny_config.replace({f"training.{key}": value})
    run = Run.create(tmp_path / "run", bound, tokenizers)
    run.check_same(bound)
    text = refusal(run.check_same, bound.replace({"training.epochs": 2}))
    assert "differs in training.epochs (1, now 2)." in text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("run.json", None, "its run.json is missing or damaged"),
        ("run.json", b'{"form', "its run.json is missing or damaged"),
        ("run.json", b"[1]", "its run.json is missing or damaged"),
        ("run.json", b"\xff", "its run.json is missing or damaged"),
        ("config.toml", None, "its config.toml is missing"),
        ("config.toml", b"[data]\nsour", "is not valid TOML"),
        ("config.toml", b"[model]\nnew = 1", "has a config that version"),
        ("source.spm", None, "needs its model file"),
        ("target.spm", b"", "needs a whole SentencePiece model"),
        ("source.spm", b"\x0a\x0b\x0c", "needs a whole SentencePiece model"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(run_copy, name, content, reason):
    (run_copy / name).unlink()
    if content is not None:
        (run_copy / name).write_bytes(content)
    text = refusal(Run.open, run_copy)
    assert reason in text
    assert str(run_copy) in text


def test_a_missing_folder_and_another_format_are_refused(run_copy):
    assert "There is no run folder" in refusal(Run.open, run_copy / "nowhere")
    assert "There is no run folder" in refusal(Run.open, run_copy / "run.json")
    (run_copy / "run.json").write_text(json.dumps({"format": 99, "version": "7.5"}))
    text = refusal(Run.open, run_copy)
    assert "has format 99, written by version 7.5; version " in text


@pytest.mark.parametrize(
    "changes",
    [
        {"model.cell": "simple_rnn"},
        {"model.cell": "lstm", "model.encoder_layers": 2, "model.decoder_layers": 2},
        {"data.shared_vocabulary": False, "model.tie_embeddings": False},
    ],
)
def test_every_variable_of_a_model_is_saved_and_loaded(
    changes, tmp_path, tiny_config, tokenizers, rng
):
    config = tiny_config.replace({"model.encoder_layers": 2, **changes})
    run = Run.create(tmp_path / "run", config, tokenizers)
    saved = build_model(config)
    values = fill(saved, rng)
    save_both(checkpoints_of(run, saved), 7)
    for folder in ("best", "latest"):  # the best is gone the second time
        loaded = build_model(config.replace({"training.seed": 9}))
        run.load_weights(loaded)
        assert_values(loaded, values)
        shutil.rmtree(run.folder / folder)


@pytest.mark.parametrize(
    "changes", [{"model.decoder_layers": 2}, {"model.decoder_units": 14}, {"model.bridge": "zero"}]
)
def test_weights_of_another_model_are_refused(changes, run_copy, tiny_config):
    other = tiny_config.replace(changes)
    save_config(other, run_copy / "config.toml")
    text = refusal(Run.open(run_copy).load_weights, build_model(other))
    assert "does not fit its config" in text


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("*.data*", 3000),
        ("*.data*", None),
        ("*.index", 3000),
        ("*.index", 0),
        ("*.index", None),
        ("checkpoint", 9),
        ("checkpoint", 0),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_nothing_of_it_removed(run_copy, model, pattern, size):
    for path in [*run_copy.glob(f"best/{pattern}"), *run_copy.glob(f"latest/{pattern}")]:
        content = path.read_bytes()
        path.unlink() if size is None else path.write_bytes(content[:size])
    before = files_of(run_copy)
    run = Run.open(run_copy)
    for function in (run.load_weights, lambda model: checkpoints_of(run, model).restore()):
        text = refusal(function, model)
        assert "is damaged or does not fit its config" in text
        assert "{{" not in text
    assert files_of(run_copy) == before


@pytest.mark.parametrize("size", [0, 100, 50_000])
def test_a_checkpoint_that_cannot_be_written_leaves_the_older_one(new_run, model, rng, size):
    older = fill(model, rng)
    save_both(checkpoints_of(new_run, model), 1)
    checkpoints = checkpoints_of(new_run, model)
    fill(model, rng)
    with files_of_at_most(size):
        text = refusal(lambda: save_both(checkpoints, 2))
    assert f"{new_run.folder} cannot be written: " in text
    assert "{{" not in text
    new_run.load_weights(model)
    assert_values(model, older)
    assert checkpoints_of(new_run, model).restore()
    kept = {path.name for path in new_run.folder.glob("*/*")}
    assert kept == {"checkpoint", "ckpt-1.index", "ckpt-1.data-00000-of-00001"}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_a_full_disk_between_best_and_latest_repeats_the_step(new_run, model, monkeypatch, error):
    checkpoints = checkpoints_of(new_run, model)
    checkpoints.save(1)
    save = tf.train.CheckpointManager.save

    def save_best_only(self, *arguments, **options):
        if self.directory.endswith("latest"):
            raise error
        return save(self, *arguments, **options)

    monkeypatch.setattr(tf.train.CheckpointManager, "save", save_best_only)
    assert "No space left on device. Free some" in refusal(lambda: save_both(checkpoints, 2))
    newest = {name: checkpoint._newest(new_run.folder / name) for name in ("best", "latest")}
    assert newest["best"].endswith("ckpt-2")
    assert newest["latest"].endswith("ckpt-1")


def test_what_a_killed_process_left_is_swept_and_nothing_else(run_copy, model):
    latest = run_copy / "latest"
    before = files_of(run_copy).keys()
    (latest / "ckpt-99_temp").mkdir()
    for name in ("ckpt-99_temp/part-0", "ckpt-98.data-00000-of-00001", "ckpt-98.index"):
        (latest / name).write_bytes(b"half")
    (latest / "mine.txt").write_text("mine")
    checkpoints_of(Run.open(run_copy), model)
    assert files_of(run_copy).keys() - before == {(latest / "mine.txt").relative_to(run_copy)}


def test_a_process_killed_in_its_first_save_left_no_checkpoint(new_run, model):
    checkpoints_of(new_run, model).save(1)
    (new_run.folder / "latest" / "checkpoint").unlink()
    assert not new_run.has_checkpoint()
    assert "has no checkpoint yet" in refusal(new_run.load_weights, model)
    assert not checkpoints_of(new_run, model).restore()
    assert list((new_run.folder / "latest").iterdir()) == []
