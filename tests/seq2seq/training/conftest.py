"""A configuration of an epoch of five updates, for tests of the loop, and a terminal."""

import functools
import signal

import pytest
from reference.looping import train_bag


@pytest.fixture(scope="session")
def config(tiny_config, tiny_corpus, tmp_path_factory):
    """An epoch of five updates."""
    folder = tmp_path_factory.mktemp("few")
    for ending in ("en", "de"):
        lines = (tiny_corpus / f"train.{ending}").read_text(encoding="utf-8").splitlines()[:20]
        (folder / f"train.{ending}").write_text("\n".join(lines), encoding="utf-8")
    return tiny_config.replace(
        {
            "data.source": str(folder / "train.en"),
            "data.target": str(folder / "train.de"),
            "data.batch_tokens": 300,
            "training.optimizer": "sgd",
            "training.learning_rate": 0.5,
            "training.warmup_steps": 4,
            "training.report_every": 1,
            "training.validate_every": 3,
        }
    )


@pytest.fixture
def run(config, tmp_path):
    """Train in a folder of this test's own."""
    return functools.partial(train_bag, config, tmp_path / "run")


@pytest.fixture
def terminal():
    """Let SIGHUP be heard, as in a terminal: the tests themselves may run under `nohup`."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)
