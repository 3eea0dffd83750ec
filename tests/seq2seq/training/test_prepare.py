"""From files to batches: what is held out, what is skipped, and no folder after an error."""

import dataclasses
import errno
import tempfile
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from seq2seq.config import TEXT_FILES
from seq2seq.data.corpus import read_parallel
from seq2seq.errors import UserError
from seq2seq.training import prepare as module
from seq2seq.training.history import append_history, cut_history
from seq2seq.training.prepare import make_optimizer, prepare, read_corpora


def numbered_files(folder, count):
    """Line i of the one file belongs to line i of the other."""
    for name in ("source", "target"):
        text = "".join(f"{name} {index}\n" for index in range(count))
        (folder / name).write_text(text, encoding="utf-8")
    return {"data.source": str(folder / "source"), "data.target": str(folder / "target")}


@pytest.fixture
def without_validation(tiny_config):
    return tiny_config.replace({"data.validation_source": "", "data.validation_target": ""})


@pytest.mark.parametrize(
    ("count", "held"), [(2, 1), (20, 1), (100, 5), (20_000, 1000), (20_999, 1000), (29_999, 1000)]
)
def test_one_in_twenty_pairs_is_held_out_and_a_thousand_at_most(
    count, held, without_validation, tmp_path
):
    config = without_validation.replace(numbered_files(tmp_path, count))
    training, validation = read_corpora(config.data)
    assert held * 0.9 <= len(validation.source) <= held
    numbers = [line.split()[1] for line in training.source + validation.source]
    assert sorted(numbers, key=int) == [str(index) for index in range(count)]
    for corpus in (training, validation):
        assert [line.split()[1] for line in corpus.source] == [
            line.split()[1] for line in corpus.target
        ]


def test_of_a_single_pair_both_sides_are_made(without_validation, tmp_path):
    config = without_validation.replace(numbered_files(tmp_path, 1))
    assert [corpus.source for corpus in read_corpora(config.data)] == [["source 0"]] * 2


def test_batches_and_validation_hold_every_pair_once(tiny_config, tiny_corpus, tmp_path):
    said = []
    config = tiny_config.replace({"data.maximum_tokens": 300})
    prepared = prepare(config, tmp_path / "run", said.append)
    assert sum(len(batch.source) for batch in prepared.batches) == 200
    assert sum(len(batch.source) for batch in prepared.validation) == 20
    assert prepared.validation_text == read_parallel(
        tiny_corpus / "validation.en", tiny_corpus / "validation.de"
    )
    assert said[-2:] == ["Training text: 200 pairs.", "Validation text: 20 pairs."]


def test_what_was_skipped_is_said(tiny_config, tmp_path):
    files = numbered_files(tmp_path, 40)
    with (tmp_path / "source").open("a", encoding="utf-8") as file:
        file.write("source 3" * 40 + "\n\n")
    with (tmp_path / "target").open("a", encoding="utf-8") as file:
        file.write("target 3\ntarget 4\n")
    config = tiny_config.replace(
        {**files, "data.vocabulary_size": 280, "data.validation_pairs": ""}
    )
    said = []
    prepare(config, tmp_path / "run", said.append)
    assert said[2] == (
        "Training text: 40 pairs. Skipped: 1 empty on one side, 1 with too many tokens or none."
    )


def test_what_takes_long_is_said_before_it(tiny_config, tmp_path, monkeypatch):
    done = []
    for name in ("read_corpora", "train_tokenizers", "tokenize_corpus"):
        work = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *of, name=name, work=work: done.append(name) or work(*of)
        )
    read = ["Reading the text.", "read_corpora"]
    learnt = ["Learning a vocabulary of 330 subwords.", "train_tokenizers"]
    counted = ["Training text: 200 pairs.", "Validation text: 20 pairs."]
    config = tiny_config.replace({"data.maximum_tokens": 300})
    prepare(config, tmp_path / "run", done.append)
    assert done == [*read, *learnt, "tokenize_corpus", "tokenize_corpus", *counted]
    done.clear()
    prepare(config, tmp_path / "run", done.append)
    assert done == [*read, "tokenize_corpus", "tokenize_corpus", *counted]


@pytest.mark.parametrize(
    "changes",
    [
        {"data.source": "/nowhere/train.en"},
        {"data.vocabulary_size": 100_000},
        {"data.maximum_tokens": 2},
        {"data.validation_target": ""},
    ],
)
def test_an_error_leaves_no_folder(changes, tiny_config, tmp_path):
    with pytest.raises(UserError):
        prepare(tiny_config.replace(changes), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a\nb\n", r"as many lines"), ("a " * 500 + "\n", r".* none of which has")],
)
def test_an_error_of_the_validation_text_says_so(text, reason, tiny_config, tmp_path):
    for name, content in (("source", "a\n"), ("target", text)):
        (tmp_path / name).write_text(content)
    files = {f"data.validation_{name}": str(tmp_path / name) for name in ("source", "target")}
    with pytest.raises(UserError, match=f"^Validation text: .*{reason}"):
        prepare(tiny_config.replace(files), tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_refused_before_the_text_is_read(
    tiny_config, tmp_path, monkeypatch
):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    said = []
    with pytest.raises(UserError, match=f"^{tmp_path / 'run'} cannot be written: Permission"):
        prepare(tiny_config, tmp_path / "run", said.append)
    assert said == []


def moved(config, folder, change=lambda text: text):
    """The configuration with its text in another folder, changed there."""
    files = {}
    for name in TEXT_FILES:
        if path := getattr(config.data, name):
            files[f"data.{name}"] = str(folder / name)
            (folder / name).write_text(change(Path(path).read_text()))
    return config.replace(files)


def test_a_run_goes_on_with_its_text_in_another_place(tiny_config, tmp_path):
    run = prepare(tiny_config, tmp_path / "run").run
    assert [text.partition(" pairs ")[0] for text in run.text] == ["200", "20"]
    config, said = moved(tiny_config, tmp_path), []
    assert prepare(config, run.folder, said.append).run.config == config
    assert said[-1].startswith("The config differs from the run's in")


def test_a_run_does_not_go_on_with_other_text(tiny_config, tmp_path):
    run = prepare(tiny_config, tmp_path / "run").run
    config = moved(tiny_config, tmp_path, str.upper)
    with pytest.raises(UserError, match="belongs to another training text: it had 200 pairs"):
        prepare(config, run.folder)


def test_a_second_time_the_tokenizers_of_the_folder_are_taken(tiny_config, tmp_path):
    first = prepare(tiny_config, tmp_path / "run")
    more = tiny_config.replace({"training.epochs": 3})
    second = prepare(more, tmp_path / "run")
    assert second.run.tokenizers.source.model == first.run.tokenizers.source.model
    assert second.run.config == more


def test_a_run_whose_latest_checkpoint_is_gone_is_not_started_over(tiny_config, tmp_path):
    run = prepare(tiny_config, tmp_path / "run").run
    append_history(run.folder, 5, 1.0, {"bleu": 1.0})
    tf.train.CheckpointManager(tf.train.Checkpoint(), str(run.folder / "best"), 1).save()
    # As a crash leaves it between the first best checkpoint and the first latest one.
    assert prepare(tiny_config, run.folder).run.folder == run.folder
    cut_history(run.folder, 0)  # by a second run that a crash ended as soon
    assert prepare(tiny_config, run.folder).run.folder == run.folder
    append_history(run.folder, 5, 1.0, {"bleu": 1.0})
    append_history(run.folder, 10, 2.0, {"bleu": 2.0})
    refuses_to_go_on(tiny_config, run.folder)
    (run.folder / "history.tsv").unlink()
    refuses_to_go_on(tiny_config, run.folder)


def refuses_to_go_on(config, folder):
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match=r"but its checkpoint .*latest is gone\. Restore it, or"):
        prepare(config, folder)
    assert sorted(folder.rglob("*")) == before


def test_the_optimizer_and_its_schedule_are_those_of_the_config(tiny_config):
    config = tiny_config.replace({"training.optimizer": "sgd", "training.schedule": "linear"})
    optimizer, schedule = make_optimizer(config, total_steps=7)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert schedule.get_config() == {
        "peak": 1e-2,
        "warmup_steps": 2,
        "decay": "linear",
        "total_steps": 7,
    }
    half = dataclasses.replace(config.training, precision="mixed_float16", optimizer="adam")
    scaled, _ = make_optimizer(dataclasses.replace(config, training=half), total_steps=7)
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    assert isinstance(scaled.inner_optimizer, keras.optimizers.Adam)
