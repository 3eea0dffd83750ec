"""Run folders of earlier formats translate as they did."""

import json
import shutil
import tomllib

import numpy as np
import pytest

from seq2seq.checkpoint import Run
from seq2seq.inference import Translator

LINES = ["the dog sees a cat", "a cook"]


@pytest.fixture
def run_of_format_1(trained_run, tmp_path):
    """The trained run, of which the config and the folder say nothing of scaled embeddings."""
    folder = tmp_path / "old"
    shutil.copytree(trained_run, folder)
    (folder / "run.json").write_text(json.dumps({"format": 1, "version": "0.1.0"}))
    lines = (folder / "config.toml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("scale_embeddings")]
    assert len(kept) == len(lines) - 1
    (folder / "config.toml").write_text("\n".join(kept), encoding="utf-8")
    return folder


def test_a_new_run_scales_embeddings_and_one_of_format_1_does_not(trained_run, run_of_format_1):
    assert json.loads((trained_run / "run.json").read_text())["format"] == 2
    assert Run.open(trained_run).config.model.scale_embeddings
    assert not Run.open(run_of_format_1).config.model.scale_embeddings
    runs = trained_run, run_of_format_1
    scores = [
        list(Translator.load(folder).score(zip(LINES, LINES, strict=True))) for folder in runs
    ]
    assert not np.allclose(*scores)


def test_a_run_of_format_1_stays_one_when_its_config_is_written_anew(run_of_format_1):
    run = Run.open(run_of_format_1)
    run.with_config(run.config.replace({"training.epochs": 9}))
    tree = tomllib.loads((run_of_format_1 / "config.toml").read_text(encoding="utf-8"))
    assert tree["model"]["scale_embeddings"] is False
    assert not Run.open(run_of_format_1).config.model.scale_embeddings
