"""From files to batches: what is held out, what is skipped, and no folder after an error."""

import dataclasses

import keras
import pytest

from seq2seq.data.corpus import read_parallel
from seq2seq.errors import UserError
from seq2seq.training.history import append_history
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
    prepared = prepare(tiny_config.replace({"data.maximum_tokens": 300}), tmp_path / "run")
    assert sum(len(batch.source) for batch in prepared.batches) == 200
    assert sum(len(batch.source) for batch in prepared.validation) == 20
    assert prepared.validation_text == read_parallel(
        tiny_corpus / "validation.en", tiny_corpus / "validation.de"
    )
    assert prepared.notes == ["Training text: 200 pairs.", "Validation text: 20 pairs."]


def test_what_was_skipped_is_said(tiny_config, tmp_path):
    files = numbered_files(tmp_path, 40)
    with (tmp_path / "source").open("a", encoding="utf-8") as file:
        file.write("source 3" * 40 + "\n\n")
    with (tmp_path / "target").open("a", encoding="utf-8") as file:
        file.write("target 3\ntarget 4\n")
    config = tiny_config.replace(
        {**files, "data.vocabulary_size": 280, "data.validation_pairs": ""}
    )
    note = prepare(config, tmp_path / "run").notes[0]
    assert note == (
        "Training text: 40 pairs. Skipped: 1 empty on one side, 1 with too many tokens or none."
    )


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


def test_a_second_time_the_tokenizers_of_the_folder_are_taken(tiny_config, tmp_path):
    first = prepare(tiny_config, tmp_path / "run")
    more = tiny_config.replace({"training.epochs": 3})
    second = prepare(more, tmp_path / "run")
    assert second.run.tokenizers.source.model == first.run.tokenizers.source.model
    assert second.run.config == more


def test_a_run_whose_latest_checkpoint_is_gone_is_not_started_over(tiny_config, tmp_path):
    run = prepare(tiny_config, tmp_path / "run").run
    append_history(run.folder, 5, 1.0, {"bleu": 1.0})
    # As a crash leaves it between the first best checkpoint and the first latest one.
    assert prepare(tiny_config, run.folder).run.folder == run.folder
    append_history(run.folder, 10, 2.0, {"bleu": 2.0})
    before = sorted(run.folder.rglob("*"))
    with pytest.raises(UserError, match=r"its checkpoint to go on from, .*latest, is gone"):
        prepare(tiny_config, run.folder)
    assert sorted(run.folder.rglob("*")) == before


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
