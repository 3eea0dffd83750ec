"""Checkpoints: every variable, refused when damaged, never worse for a failed write."""

import contextlib
import errno
import resource
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.checkpoint import Checkpoints, load_weights, model_variables, newest_checkpoint
from seq2seq.errors import UserError
from seq2seq.model.translator import build_model


@pytest.fixture(scope="module")
def model(tiny_config):
    return build_model(tiny_config)


@pytest.fixture
def run_copy(trained_run, tmp_path):
    """A copy of the trained run, to damage."""
    return shutil.copytree(trained_run, tmp_path / "run")


def refusal(function, *arguments):
    """The one line with which the function refuses its arguments."""
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def load_best(folder, model):
    load_weights(model, newest_checkpoint(folder / "best"))


def save_both(checkpoints, step):
    checkpoints.save_best(step)
    checkpoints.save(step)


def checkpoints_of(folder, model):
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    return Checkpoints(folder, model=model, optimizer=optimizer)


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


@contextlib.contextmanager
def files_of_at_most(size):
    """Let every write beyond so many bytes of a file fail, as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.parametrize(
    "changes",
    [
        {"model.cell": "simple_rnn"},
        {"model.cell": "lstm", "model.encoder_layers": 2, "model.decoder_layers": 2},
        {"data.shared_vocabulary": False, "model.tie_embeddings": False},
    ],
)
def test_every_variable_of_a_model_is_saved_and_loaded(changes, tmp_path, tiny_config, rng):
    config = tiny_config.replace({"model.encoder_layers": 2, **changes})
    saved, loaded = build_model(config), build_model(config.replace({"training.seed": 9}))
    for step, save in enumerate([Checkpoints.save, Checkpoints.save_best]):
        values = fill(saved, rng)
        save(checkpoints_of(tmp_path, saved), step)
        load_weights(loaded, newest_checkpoint(tmp_path / ("best" if step else "latest")))
        assert_values(loaded, values)


def test_a_second_model_has_the_names_of_the_first(tiny_config, model):
    assert list(model_variables(build_model(tiny_config))) == list(model_variables(model))
    assert len(model_variables(model)) == len(model.variables)


@pytest.mark.parametrize(
    "changes", [{"model.decoder_layers": 2}, {"model.decoder_units": 14}, {"model.bridge": "zero"}]
)
def test_weights_of_another_model_are_refused(changes, trained_run, tiny_config):
    other = build_model(tiny_config.replace(changes))
    assert "does not fit its config" in refusal(load_best, trained_run, other)


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
    for function in (load_best, lambda *arguments: checkpoints_of(*arguments).restore()):
        text = refusal(function, run_copy, model)
        assert "is damaged or does not fit its config" in text
        assert "{{" not in text
    assert files_of(run_copy) == before


def test_a_checkpoint_that_holds_more_than_is_restored_is_refused(tmp_path, model):
    checkpoints_of(tmp_path, model).save(1)
    text = refusal(Checkpoints(tmp_path, model).restore)
    assert "is damaged or does not fit its config" in text


@pytest.mark.parametrize("size", [0, 100, 50_000])
def test_a_checkpoint_that_cannot_be_written_leaves_the_older_one(tmp_path, model, rng, size):
    older = fill(model, rng)
    save_both(checkpoints_of(tmp_path, model), 1)
    checkpoints = checkpoints_of(tmp_path, model)
    fill(model, rng)
    with files_of_at_most(size):
        text = refusal(lambda: save_both(checkpoints, 2))
    assert f"{tmp_path} cannot be written: " in text
    assert "{{" not in text
    load_best(tmp_path, model)
    assert_values(model, older)
    assert checkpoints_of(tmp_path, model).restore()
    kept = {path.name for path in tmp_path.glob("*/*")}
    assert kept == {"checkpoint", "ckpt-1.index", "ckpt-1.data-00000-of-00001"}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_a_full_disk_between_best_and_latest_repeats_the_step(tmp_path, model, monkeypatch, error):
    checkpoints = checkpoints_of(tmp_path, model)
    checkpoints.save(1)
    save = tf.train.CheckpointManager.save

    def save_best_only(self, *arguments, **options):
        if self.directory.endswith("latest"):
            raise error
        return save(self, *arguments, **options)

    monkeypatch.setattr(tf.train.CheckpointManager, "save", save_best_only)
    assert "No space left on device. Free some" in refusal(lambda: save_both(checkpoints, 2))
    assert newest_checkpoint(tmp_path / "best").endswith("ckpt-2")
    assert newest_checkpoint(tmp_path / "latest").endswith("ckpt-1")


def test_what_a_killed_process_left_is_swept_and_nothing_else(run_copy, model):
    latest = run_copy / "latest"
    before = files_of(run_copy).keys()
    (latest / "ckpt-99_temp").mkdir()
    for name in ("ckpt-99_temp/part-0", "ckpt-98.data-00000-of-00001", "ckpt-98.index"):
        (latest / name).write_bytes(b"half")
    (latest / "mine.txt").write_text("mine")
    checkpoints_of(run_copy, model)
    assert files_of(run_copy).keys() - before == {(latest / "mine.txt").relative_to(run_copy)}


def test_a_process_killed_in_its_first_save_left_no_checkpoint(tmp_path, model):
    checkpoints_of(tmp_path, model).save(1)
    (tmp_path / "latest" / "checkpoint").unlink()
    before = files_of(tmp_path)
    assert newest_checkpoint(tmp_path / "latest") is None
    checkpoints = checkpoints_of(tmp_path, model)
    assert not checkpoints.restore()
    # Nobody knows whether it was killed, or its index file is what was lost.
    assert files_of(tmp_path) == before
    checkpoints.save(2)
    assert not list((tmp_path / "latest").glob("ckpt-1.*"))
