"""The demo: text, training, scores, served model and pictures, in one call."""

import pytest
import tensorflow as tf

from seq2seq import demo, export
from seq2seq.config import load_config
from seq2seq.errors import UserError
from seq2seq.run_folder import Run
from seq2seq.training.history import read_history
from seq2seq.training.progress import SilentDisplay

SMALL = [
    "data.vocabulary_size=330",
    "model.cell=simple_rnn",
    "model.embedding_size=12",
    "model.encoder_units=8",
    "model.decoder_units=12",
    "model.attention_units=8",
    "training.epochs=1",
    "decoding.maximum_tokens=12",
]


def test_a_small_demo_runs_through(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SIZES", {"train": 150, "validation": 10, "test": 20})
    monkeypatch.setattr(demo, "load_config", lambda path: load_config(path, SMALL))
    # The demo needs the first signature alone; test_export.py tries the others, and the check.
    monkeypatch.setattr(export, "OTHER_SIGNATURES", ())
    monkeypatch.setattr(export, "check_saved_model", lambda *_: None)
    said = []
    folder = tmp_path / "new" / "demo"
    result = demo.run_demo(folder, SilentDisplay(), said.append)
    assert [line[:3] for line in said] == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    assert "150 English-German" in said[0]
    assert not result.training.is_interrupted
    assert Run.open(folder / "run").config.data.source == str(folder / "data" / "train.en")
    assert read_history(folder / "run")["step"] == [result.training.step]
    assert len(result.evaluation.translations) == 20
    assert (result.model, result.model.is_dir()) == (folder / "export" / "1", True)
    assert result.pictures == (folder / "loss.png", folder / "attention.png")
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in result.pictures)
    sources = (folder / "data" / "test.en").read_text().splitlines()
    references = (folder / "data" / "test.de").read_text().splitlines()
    assert [example[::2] for example in result.examples] == list(
        zip(sources[:5], references[:5], strict=True)
    )
    # What is shown comes through the export, and agrees with what was scored.
    assert [example[1] for example in result.examples] == result.evaluation.translations[:5]


def test_an_interrupted_demo_ends_after_training_and_a_later_one_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "SIZES", {"train": 9, "validation": 3, "test": 3})
    calls = []

    def interrupted(config, folder, *_):
        calls.append((config, folder))
        return demo.TrainingResult(folder, 3, 1.0, {}, 0.0, is_interrupted=True)

    monkeypatch.setattr(demo, "train", interrupted)
    for _ in range(2):
        result = demo.run_demo(tmp_path, SilentDisplay())
        assert result.training.is_interrupted
        assert result[1:] == (None, None, (), ())
    assert calls[0] == calls[1]
    assert calls[0][1] == tmp_path / "run"
    assert {path.name for path in tmp_path.iterdir()} == {"data", "demo.toml"}


def test_a_demo_never_writes_over_files_of_others(tmp_path):
    (tmp_path / "data").mkdir()
    mine = tmp_path / "data" / "train.en"
    mine.write_text("my own corpus\n")
    with pytest.raises(UserError, match="needs a folder that is new, empty or of a demo"):
        demo.run_demo(tmp_path, SilentDisplay())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "my own corpus\n"


def test_a_config_that_was_changed_is_never_written_over(tmp_path):
    demo._check_folder(tmp_path, tmp_path / "demo.toml", b"")
    (tmp_path / "demo.toml.part").write_text("")  # as a full disk leaves it
    demo._check_folder(tmp_path, tmp_path / "demo.toml", b"")
    mine = (tmp_path / "demo.toml.part").rename(tmp_path / "demo.toml")
    mine.write_text("[data]\n")
    with pytest.raises(UserError, match=r"a demo\.toml that is yours.*Name another.*--dir"):
        demo.run_demo(tmp_path, SilentDisplay())
    assert (list(tmp_path.iterdir()), mine.read_text()) == ([mine], "[data]\n")


@pytest.mark.slow
def test_the_demo_learns_the_built_in_pair(tmp_path):
    result = demo.run_demo(tmp_path / "demo", SilentDisplay())
    assert result.evaluation.bleu.value >= 90
    assert result.evaluation.perplexity < 1.2
    serve = tf.saved_model.load(str(result.model)).signatures["serving_default"]
    sources = tf.constant([source for source, _, _ in result.examples])
    served = [line.decode() for line in serve(text=sources)["translation"].numpy()]
    assert served == [translation for _, translation, _ in result.examples]
    assert len(set(served) & {reference for _, _, reference in result.examples}) >= 2
