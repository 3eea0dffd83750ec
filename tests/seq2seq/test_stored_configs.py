"""Run folders and searches of the time before a key mean what they meant."""

import pytest

from seq2seq.config import load_config, load_stored_config, save_config
from seq2seq.errors import UserError
from seq2seq.inference import Translator
from seq2seq.run_folder import Run
from seq2seq.training import train
from seq2seq.tuning.folder import claim

PAIRS = [("the dog sees a cat", "der Hund sieht eine Katze"), ("a cook", "ein Koch")]


KEYS = ["normalize_output", "scale_embeddings", "attend_embeddings"]
BEFORE = {f"model.{key}": False for key in KEYS}
DIFFERS = ", ".join(rf"model.{key} \(False, now True\)" for key in KEYS)


def forget(path):
    """Take the keys out of a stored config."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.split(" = ")[0] not in KEYS]
    assert len(kept) == len(lines) - len(KEYS)
    path.write_text("\n".join(kept), encoding="utf-8")


@pytest.fixture(scope="module")
def old_run(tiny_config, tmp_path_factory):
    """A run whose config does not know the keys, and its scores."""
    config = tiny_config.replace(BEFORE)
    folder = train(config, tmp_path_factory.mktemp("before") / "run").folder
    scores = list(Translator.load(folder).score(PAIRS))
    forget(folder / "config.toml")
    return folder, scores, config


def test_a_run_of_before_translates_and_goes_on_as_it_did(old_run):
    folder, scores, config = old_run
    assert train(config, folder).step > 0
    assert list(Translator.load(folder).score(PAIRS)) == scores


def test_to_go_on_training_it_the_keys_must_be_said(old_run, tiny_config):
    folder, _, config = old_run
    with pytest.raises(UserError, match=f"differs in {DIFFERS}"):
        train(tiny_config, folder)
    assert Run.open(folder).config == config


def test_a_search_of_before_is_not_mixed_with_one_of_now(tiny_config, tmp_path):
    save_config(tiny_config, tmp_path / "tuning.toml")
    forget(tmp_path / "tuning.toml")
    with pytest.raises(UserError, match=f"differs in {DIFFERS}"):
        claim(tmp_path, tiny_config)
    claim(tmp_path, tiny_config.replace(BEFORE))


def test_a_config_of_a_user_has_the_default_of_today(tiny_config, tmp_path):
    path = tmp_path / "my.toml"
    save_config(tiny_config, path)
    assert load_stored_config(path) == load_config(path)
    forget(path)
    assert all(getattr(load_config(path).model, key) for key in KEYS)
    assert not any(getattr(load_stored_config(path).model, key) for key in KEYS)
