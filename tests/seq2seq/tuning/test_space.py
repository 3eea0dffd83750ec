"""Tuning: a mistake in the space, the folder or the data is said before any trial."""

import errno
import math
import os
from pathlib import Path

import keras
import keras_tuner
import pytest
from reference.searches import with_space

from seq2seq.errors import UserError
from seq2seq.tuning import TranslationHyperModel, folder, tune

RATE = "training.learning_rate"


def test_a_folder_of_another_search_is_refused(config, tmp_path, fake):
    fake(lambda config: 1.0)
    config = with_space(config, {"model.dropout": {"choices": [0.1]}})
    tune(config, tmp_path / "t")
    for change, message in (
        ({"model.cell": "lstm"}, r"model\.cell \('simple_rnn', now 'lstm'\)"),
        ({"tuning.space": {"model.dropout": {"choices": [0.2]}}}, r"tuning\.space \("),
    ):
        with pytest.raises(
            UserError, match=rf"belongs to another config\. It differs in {message}"
        ):
            tune(config.replace(change), tmp_path / "t")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(UserError, match="needs a folder that is new or empty"):
        tune(config, tmp_path / "full")


@pytest.mark.parametrize("name", ["training", "validation"])
def test_a_search_does_not_go_on_with_other_text(name, config, tmp_path, fake):
    fake(lambda config: 1.0)
    config = with_space(config, {"model.dropout": {"choices": [0.1]}})
    texts = {side: tmp_path / f"{side}.tsv" for side in ("training", "validation")}
    for path in texts.values():
        path.write_bytes(Path(config.data.pairs).read_bytes())
    files = {"data.pairs": texts["training"], "data.validation_pairs": texts["validation"]}
    config = config.replace({key: str(path) for key, path in files.items()})
    tune(config, tmp_path / "t")
    tune(config, tmp_path / "t")
    texts[name].write_bytes(texts[name].read_bytes() + b"ba\tka\n")
    with pytest.raises(UserError, match=rf"another {name} text: it had 12 pairs .* 13 pairs"):
        tune(config, tmp_path / "t")
    (tmp_path / "t" / "fingerprints.txt").unlink()  # as in a folder of an earlier version
    tune(config, tmp_path / "t")


def test_a_search_that_could_not_note_its_config_begins_again(config, tmp_path, fake, monkeypatch):
    fake(lambda config: 1.0)
    config = with_space(config, {"model.dropout": {"choices": [0.1]}})

    def fill_disk(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(folder, "save_config", fill_disk)
        with pytest.raises(UserError, match="No space left"):
            tune(config, tmp_path / "t")
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["fingerprints.txt"]
    tune(config, tmp_path / "t")
    assert len((tmp_path / "t" / "fingerprints.txt").read_text().splitlines()) == 2


def test_a_missing_file_is_said_before_the_folder_is_made(config, tmp_path):
    config = with_space(config, {"model.dropout": {"choices": [0.1]}})
    with pytest.raises(UserError, match=r"nowhere\.tsv"):
        tune(config.replace({"data.pairs": str(tmp_path / "nowhere.tsv")}), tmp_path / "t")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, r"Tuning needs something to vary.*empty \[tuning\.space\]"),
        ({"model.dropot": {"choices": [0.1]}}, r"'model\.dropot'\. Did you mean 'model\.dropout'"),
        ({"learning_rate": {"choices": [0.1]}}, r"Did you mean 'training\.learning_rate'"),
        ({"model": {"dropout": {"choices": [0.1]}}}, r'"section\.key", in quotes.*\'model\''),
        ({"training.epochs": {"choices": [1]}}, r"'training\.epochs'.*no part of a trial"),
        ({"tuning.trials": {"choices": [1]}}, r"'tuning\.trials'.*no part of a trial"),
        ({"data.vocabulary_size": {"choices": [300]}}, r'losses a token.*objective = "bleu"'),
        ({"decoding.beam": {"choices": [1, 5]}}, r"'decoding\.beam'.*not make one trial better"),
        ({"training.parallel_parts": {"choices": [1, 2]}}, r"parallel_parts'.*not make one trial"),
        ({"decoding.maximum_tokens": {"choices": [9]}}, r"'decoding\.maximum_tokens'.*their loss"),
        ({"data.source": {"choices": ["a"]}}, r"'data\.source'.*a path: a search is over one text"),
        ({"model.dropout": 0.1}, r"'model\.dropout' to be \{choices.*Received: 0\.1"),
        ({"model.dropout": {"choices": [0.1], "default": 0.3}}, r"'model\.dropout' to be \{choi"),
        ({"model.dropout": {"minimun": 0, "maximum": 1}}, r"Did you mean 'minimum'"),
        ({"model.dropout": {"minimum": 0}}, r"'model\.dropout' to be \{choices"),
        ({"model.dropout": {"choices": []}}, r"'model\.dropout' to be a list of at least one"),
        ({"model.dropout": {"choices": 0.1}}, r"'model\.dropout' to be a list of at least one"),
        ({"model.dropout": {"choices": ["a"]}}, r"model\.dropout to be of type number.*'a'"),
        ({"model.dropout": {"choices": [0.1, 1.5]}}, r"at most 0\.95\. Received: 1\.5"),
        ({"model.cell": {"choices": ["gru", "lst"]}}, r"Did you mean 'lstm'"),
        ({"model.cell": {"minimum": "gru", "maximum": "lstm"}}, r"choices for 'model\.cell', whi"),
        ({"model.residual": {"minimum": False, "maximum": True}}, r"which is no number"),
        ({"model.dropout": {"minimum": 0.5, "maximum": 0.1}}, r"minimum to be at most maximum"),
        ({"model.encoder_units": {"minimum": 1.0, "maximum": 8}}, r"to be of type integer.*1\.0"),
        ({RATE: {"minimum": 0.0, "maximum": math.inf}}, r"'training\.learning_rate'.*finite"),
        ({RATE: {"minimum": 0.0, "maximum": 1, "sampling": "log"}}, r"minimum over 0 where"),
        ({RATE: {"minimum": 0.1, "maximum": 1, "sampling": "lin"}}, r'to be "linear" or "log"'),
        ({RATE: {"minimum": 0.1, "maximum": 1, "step": 0}}, r"step to be a number over 0"),
        ({RATE: {"minimum": 0.1, "maximum": 1, "step": 1.0, "sampling": "log"}}, r"number over 1"),
        ({"model.encoder_units": {"minimum": 1, "maximum": 8, "step": 0.5}}, r"an integer over 0"),
        ({"model.encoder_units": {"minimum": 1, "maximum": 8, "step": True}}, r"an integer over 0"),
    ],
)
def test_a_mistake_in_the_space_is_said_before_any_trial(config, tmp_path, space, message):
    with pytest.raises(UserError, match=message):
        tune(with_space(config, space), tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_hyperband_without_epochs_to_halve_is_a_mistake(config, tmp_path):
    config = with_space(config, {"model.dropout": {"choices": [0.1]}}, tuner="hyperband", epochs=2)
    with pytest.raises(UserError, match=r"needs tuning\.epochs of 3 or more.*Received: 2"):
        tune(config, tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_build_declares_the_space_in_the_types_of_the_config(config):
    space = {
        "model.dropout": {"minimum": 0, "maximum": 0.5},
        "model.encoder_units": {"minimum": 4, "maximum": 8, "step": 2},
        RATE: {"minimum": 1e-4, "maximum": 1e-2, "sampling": "log"},
        "model.residual": {"choices": [False, True]},
    }
    hyper = TranslationHyperModel(with_space(config, space))
    hp = keras_tuner.HyperParameters()
    model = hyper.build(hp)
    assert isinstance(model, keras.Model)
    assert {one.name: type(one).__name__ for one in hp.space} == {
        "model.dropout": "Float",
        "model.encoder_units": "Int",
        RATE: "Float",
        "model.residual": "Choice",
    }
    built = hyper.configure(hp)
    assert (built.model.dropout, built.model.encoder_units) == (0.0, 4)
    assert (built.training.learning_rate, built.model.residual) == (1e-4, False)
    assert built.training.epochs == config.tuning.epochs
