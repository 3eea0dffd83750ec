"""The run folder: whole or not at all, one at a time, and gone on with as what it was."""

import errno
import fcntl
import json
import os
import shutil

import pytest
from reference.looping import assert_same_weights
from reference.models import BagModel

from seq2seq import run_folder
from seq2seq.checkpoint import Checkpoints
from seq2seq.errors import UserError
from seq2seq.run_folder import Run

TEXT = ("200 pairs 0123456789abcdef", "20 pairs fedcba9876543210")


@pytest.fixture(scope="module")
def tokenizers(trained_run):
    return Run.open(trained_run).tokenizers


@pytest.fixture
def run_copy(trained_run, tmp_path):
    """A copy of the trained run, to damage."""
    return shutil.copytree(trained_run, tmp_path / "run")


@pytest.fixture
def new_run(tmp_path, tiny_config, tokenizers):
    return Run.create(tmp_path / "run", tiny_config, tokenizers, TEXT)


def refusal(function, *arguments):
    """The one line with which the function refuses its arguments."""
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files_of(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def no_space(*_arguments, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_created_run_opens_as_what_it_was_created_from(tmp_path, tiny_config, tokenizers):
    folder = tmp_path / "deep" / "run"
    created = Run.create(folder, tiny_config, tokenizers, list(TEXT))
    opened = Run.open(folder)
    assert opened.config == tiny_config
    assert opened.text == created.text == TEXT
    assert [side.model for side in opened.tokenizers] == [side.model for side in tokenizers]
    names = {"config.toml", "run.json", "source.spm", "target.spm"}
    assert {path.name for path in folder.iterdir()} == names
    assert [path.name for path in folder.parent.iterdir()] == ["run"]
    assert not opened.has_checkpoint()


@pytest.mark.parametrize("name", ["save_config", "save_tokenizers", "json.dumps"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_run_that_cannot_be_written_leaves_nothing(
    name, is_there, tmp_path, tiny_config, tokenizers, monkeypatch
):
    folder = tmp_path / "run"
    if is_there:
        folder.mkdir()
    monkeypatch.setattr(f"seq2seq.run_folder.{name}", no_space)
    text = refusal(Run.create, folder, tiny_config, tokenizers)
    assert text.startswith(f"{folder} cannot be written: No space left on device. ")
    assert list(tmp_path.rglob("*")) == ([folder] if is_there else [])


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


def test_an_empty_folder_is_filled_and_stays_the_folder_it_was(tmp_path, tiny_config, tokenizers):
    """As a folder that a file system is mounted on must."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    before = folder.stat()
    Run.create(folder, tiny_config, tokenizers)
    assert (folder.stat().st_ino, folder.stat().st_mode) == (before.st_ino, before.st_mode)
    names = {"config.toml", "run.json", "source.spm", "target.spm"}
    assert {path.name for path in folder.iterdir()} == names


def test_what_makes_an_empty_folder_a_run_comes_last(
    tmp_path, tiny_config, tokenizers, monkeypatch
):
    moved, replace = [], run_folder.Path.replace

    def record(path, target):
        if target.parent == tmp_path:
            # From within: nothing is renamed into another file system.
            assert path.is_relative_to(tmp_path)
            moved.append(target.name)
        return replace(path, target)

    monkeypatch.setattr(run_folder.Path, "replace", record)
    Run.create(tmp_path, tiny_config, tokenizers)
    assert len(moved) == 4
    assert moved[-1] == "run.json"


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


@pytest.mark.parametrize(
    ("key", "value", "bound"),
    [
        ("schedule", "linear", "epochs"),
        ("sampling_rate", 0.5, "epochs"),
        ("schedule", "plateau", "validate_every"),
    ],
)
def test_what_goes_by_a_key_binds_it(key, value, bound, tmp_path, tiny_config, tokenizers):
    config = tiny_config.replace({f"training.{key}": value})
    run = Run.create(tmp_path / "run", config, tokenizers)
    run.check_same(config)
    text = refusal(run.check_same, config.replace({f"training.{bound}": 2}))
    assert f"differs in training.{bound} (" in text
    assert ", now 2)." in text


def test_text_may_lie_elsewhere_if_it_is_noted_which_it_is(new_run, tiny_config, tokenizers):
    moved = tiny_config.replace({"data.pairs": "/b.tsv", "data.validation_source": "/c.en"})
    new_run.check_same(moved)
    run = Run(new_run.folder, tiny_config, tokenizers)
    text = refusal(run.check_same, moved)
    assert "differs in data.pairs ('', now '/b.tsv'), data.validation_source ('/" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [("training", ("200 pairs 0", TEXT[1])), ("validation", (TEXT[0], "20 pairs 0"))],
)
def test_other_text_is_refused_and_named(name, text, new_run):
    new_run.check_text(TEXT)
    ours, theirs = (pair[name == "validation"] for pair in (TEXT, text))
    expected = f"belongs to another {name} text: it had {ours}, now it has {theirs}. Restore the"
    assert expected in refusal(new_run.check_text, text)


def test_a_run_of_before_has_no_text_noted_and_takes_any(new_run):
    (new_run.folder / "run.json").write_text('{"format": 1, "version": "0.1.0"}')
    run = Run.open(new_run.folder)
    assert run.text == ()
    run.check_text(TEXT)


def test_a_config_that_is_saved_is_the_one_that_opens(new_run, tiny_config):
    longer = tiny_config.replace({"training.epochs": 7})
    Run(new_run.folder, longer, new_run.tokenizers, TEXT).save_config()
    assert Run.open(new_run.folder).config == longer


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("run.json", None, "its run.json is missing or damaged"),
        ("run.json", b'{"form', "its run.json is missing or damaged"),
        ("run.json", b"[1]", "its run.json is missing or damaged"),
        ("run.json", b"\xff", "its run.json is missing or damaged"),
        ("run.json", b'{"format": 1, "text": 3}', "its run.json is missing or damaged"),
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


def lock(run):
    with run.locked():
        pass


def test_a_folder_is_trained_in_by_one_at_a_time(new_run):
    other = Run.open(new_run.folder)
    with new_run.locked():
        assert "is being trained by another process. Wait" in refusal(lock, other)
    lock(other)


def test_the_lock_is_one_that_nfs_gives_too(new_run, monkeypatch):
    """There a lock is one of `lockf`, which needs a file that is open for writing."""
    taken = []
    monkeypatch.setattr(fcntl, "flock", lambda *asked: taken.append(fcntl.lockf(*asked)))
    lock(new_run)
    assert taken == [None]


def test_a_file_system_without_locks_is_trained_on(new_run, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with new_run.locked():
        lock(new_run)


def test_a_folder_that_cannot_be_written_cannot_be_locked(new_run):
    (new_run.folder / "run.json").unlink()
    (new_run.folder / "run.json").mkdir()
    assert refusal(lock, new_run).startswith(f"{new_run.folder} cannot be written: Is a directory")


def saved(folder, seed, step, name="best"):
    """Save the weights of a new model; return them."""
    model = BagModel(9, seed=seed)
    getattr(Checkpoints(folder, model), {"best": "save_best", "latest": "save"}[name])(step)
    return model.get_weights()


def test_the_best_weights_are_loaded_and_before_there_are_any_the_latest(new_run):
    loaded = BagModel(9)
    assert "has no checkpoint yet" in refusal(new_run.load_weights, loaded)
    for step, name in enumerate(["latest", "best"]):
        weights = saved(new_run.folder, seed=step + 5, step=step, name=name)
        assert new_run.has_checkpoint()
        new_run.load_weights(loaded)
        assert_same_weights(loaded.get_weights(), weights)
    saved(new_run.folder, seed=7, step=2, name="latest")
    new_run.load_weights(loaded)
    assert_same_weights(loaded.get_weights(), weights)


def test_weights_that_training_replaces_meanwhile_are_read_anew(new_run, monkeypatch):
    saved(new_run.folder, seed=5, step=1)
    load, weights = run_folder.load_weights, []

    def replaced_meanwhile(model, path):
        weights[:] = weights or saved(new_run.folder, seed=6, step=2)
        load(model, path)

    monkeypatch.setattr(run_folder, "load_weights", replaced_meanwhile)
    loaded = BagModel(9)
    new_run.load_weights(loaded)
    assert_same_weights(loaded.get_weights(), weights)


def test_weights_that_are_damaged_are_refused(new_run):
    saved(new_run.folder, seed=5, step=1)
    for path in new_run.folder.glob("best/*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    assert "ckpt-1 is damaged or does not fit" in refusal(new_run.load_weights, BagModel(9))
