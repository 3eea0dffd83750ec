"""A configuration of a few words, and a training that is none."""

from types import SimpleNamespace

import pytest
from reference.searches import FakeTraining

from seq2seq.config import Config
from seq2seq.tuning import hypermodel, search

SOURCE = [consonant + vowel for consonant in "bdf" for vowel in "aeio"]
TARGET = [consonant + vowel for consonant in "kmn" for vowel in "aeio"]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "pairs.tsv"
    words = [(i, (5 * i + 1) % 12) for i in range(12)]
    lines = [
        "\t".join(" ".join(side[i % 12] for i in pair) for side in (SOURCE, TARGET))
        for pair in words
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Config().replace(
        {
            "data.pairs": str(path),
            "data.validation_pairs": str(path),
            "data.vocabulary_size": 275,
            "data.batch_tokens": 400,
            "model.cell": "simple_rnn",
            "model.embedding_size": 8,
            "model.encoder_layers": 1,
            "model.encoder_units": 8,
            "model.decoder_units": 8,
            "model.attention_units": 8,
            "training.epochs": 7,
            "training.warmup_steps": 0,
            "decoding.maximum_tokens": 4,
            "tuning.objective": "loss",
            "tuning.epochs": 1,
        }
    )


@pytest.fixture
def fake(monkeypatch):
    """Put a fake training in; return the function that does so."""

    def put(loss):
        training = FakeTraining(loss)
        monkeypatch.setattr(hypermodel, "train", training)
        monkeypatch.setattr(hypermodel, "build_model", lambda config: None)
        monkeypatch.setattr(search, "gc", SimpleNamespace(collect=lambda: None))
        # The folders of fake trainings hold no run.
        monkeypatch.setattr(search.Run, "open", classmethod(lambda cls, folder: cls(folder, 0, 0)))
        monkeypatch.setattr(search.Run, "check_same", lambda run, config: None)
        return training

    return put
