"""A tiny corpus, a tiny configuration and a run trained with them; graphs run as Python."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from reference.eager import run_eagerly

from seq2seq.config import Config
from seq2seq.data.synthetic import write_corpus

TINY_SIZES = {"train": 200, "validation": 20, "test": 20}


@pytest.fixture
def eagerly():
    with run_eagerly():
        yield


@pytest.fixture(scope="module")
def module_eagerly():
    with run_eagerly():
        yield


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory):
    """A folder with train.en, train.de, validation.en, ... ; treat it as read-only."""
    folder = tmp_path_factory.mktemp("tiny_corpus")
    write_corpus(folder, TINY_SIZES, seed=3)
    return folder


@pytest.fixture(scope="session")
def tiny_config(tiny_corpus):
    """A configuration of one epoch on the tiny corpus, with a model of some thousand weights."""
    return Config().replace(
        {
            "data.source": str(tiny_corpus / "train.en"),
            "data.target": str(tiny_corpus / "train.de"),
            "data.validation_source": str(tiny_corpus / "validation.en"),
            "data.validation_target": str(tiny_corpus / "validation.de"),
            "data.vocabulary_size": 330,
            "data.batch_tokens": 1000,
            "model.embedding_size": 12,
            "model.encoder_layers": 1,
            "model.encoder_units": 8,
            "model.decoder_units": 12,
            "model.attention_units": 8,
            "model.dropout": 0.1,
            "training.epochs": 1,
            "training.learning_rate": 1e-2,
            "training.schedule": "constant",
            "training.warmup_steps": 2,
            "training.report_every": 2,
            "training.parallel_parts": 1,  # tracing two takes longer than training
            "decoding.beam": 2,
            "decoding.maximum_tokens": 12,
            "decoding.batch_size": 8,
        }
    )


@pytest.fixture(scope="session")
def trained_run(tiny_config, tmp_path_factory):
    """The folder of a run trained with `tiny_config`; treat it as read-only."""
    from seq2seq.training.loop import train

    return train(tiny_config, tmp_path_factory.mktemp("trained") / "run").folder
