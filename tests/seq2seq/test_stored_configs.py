"""Run folders and searches of the time before a key mean what they meant."""

import pytest
from reference.eager import run_eagerly

from seq2seq.config import load_config, load_stored_config, save_config
from seq2seq.config.sections import ModelConfig
from seq2seq.errors import UserError
from seq2seq.inference import Translator
from seq2seq.run_folder import Run
from seq2seq.training import train
from seq2seq.tuning.folder import claim

PAIRS = [("the dog sees a cat", "der Hund sieht eine Katze"), ("a cook", "ein Koch")]


# In the order in which keys came; a config knows those that there were.
KEYS = ["scale_embeddings", "attend_embeddings", "normalize_output"]
AGES = {
    "the first version": KEYS,
    "a later version": pytest.param(KEYS[1:], marks=pytest.mark.slow),
}
BEFORE = {f"model.{key}": False for key in KEYS}


def differs(keys):
    """What the error says of these keys, in the order of the config."""
    names = [name for name in ModelConfig.__dataclass_fields__ if name in keys]
    return "differs in " + ", ".join(rf"model.{name} \(False, now True\)" for name in names)


def forget(path, keys=KEYS):
    """Take keys out of a stored config."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.split(" = ")[0] not in keys]
    assert len(kept) == len(lines) - len(keys)
    path.write_text("\n".join(kept), encoding="utf-8")


def scored(folder):
    with run_eagerly():
        return list(Translator.load(folder).score(PAIRS))


@pytest.fixture(scope="module")
def new_config(tiny_config):
    return tiny_config.replace({"model.cell": "simple_rnn"})


@pytest.fixture(scope="module", params=AGES.values(), ids=AGES)
def old_run(request, new_config, tmp_path_factory):
    """A run whose config does not know some keys, and its scores."""
    keys = request.param
    config = new_config.replace({f"model.{key}": False for key in keys})
    folder = train(config, tmp_path_factory.mktemp("before") / "run").folder
    scores = scored(folder)
    forget(folder / "config.toml", keys)
    return folder, scores, config, keys


def test_a_run_of_before_translates_and_goes_on_as_it_did(old_run):
    folder, scores, config, _ = old_run
    assert train(config, folder).step > 0
    assert scored(folder) == scores


def test_to_go_on_training_it_the_keys_must_be_said(old_run, new_config):
    folder, _, config, keys = old_run
    with pytest.raises(UserError, match=differs(keys)):
        train(new_config, folder)
    assert Run.open(folder).config == config


def test_a_search_of_before_is_not_mixed_with_one_of_now(tiny_config, tmp_path):
    save_config(tiny_config, tmp_path / "tuning.toml")
    forget(tmp_path / "tuning.toml")
    with pytest.raises(UserError, match=differs(KEYS)):
        claim(tmp_path, tiny_config, ["1 pairs a", "1 pairs b"])
    claim(tmp_path, tiny_config.replace(BEFORE), ["1 pairs a", "1 pairs b"])


def test_a_config_of_a_user_has_the_default_of_today(tiny_config, tmp_path):
    path = tmp_path / "my.toml"
    save_config(tiny_config, path)
    assert load_stored_config(path) == load_config(path)
    forget(path)
    assert all(getattr(load_config(path).model, key) for key in KEYS)
    assert not any(getattr(load_stored_config(path).model, key) for key in KEYS)


def test_each_key_that_a_stored_config_knows_is_as_it_says(tiny_config, tmp_path):
    path = tmp_path / "stored.toml"
    save_config(tiny_config, path)
    forget(path, KEYS[1:])
    model = load_stored_config(path).model
    assert [getattr(model, key) for key in KEYS] == [True, False, False]
