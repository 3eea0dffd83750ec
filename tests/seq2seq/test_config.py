"""The configuration: what it takes, what it refuses and how it says so, and its way to disk."""

import dataclasses
import importlib.resources
import math
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2seq.config import (
    TEXT_FILES,
    Config,
    config_from_dict,
    load_config,
    parse_settings,
    save_config,
)
from seq2seq.data.corpus import read_lines
from seq2seq.errors import UserError

FIELDS = {
    f"{section.name}.{item.name}": item
    for section in dataclasses.fields(Config)
    for item in dataclasses.fields(section.type)
    if item.name != "space"
}


def refusal(function, *arguments):
    with pytest.raises(UserError) as caught:
        function(*arguments)
    return str(caught.value)


def written(folder, text):
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("tree", "parts"),
    [
        ({"modle": {}}, ("config has no key 'modle'", "Did you mean 'model'?")),
        ({"model": {"droput": 0.1}}, ("section [model] has no key 'droput'", "mean 'dropout'?")),
        ({"training": {"qqq": 1}}, ("[training] has no key 'qqq'", "It knows: epochs, optimizer")),
        ({"zzz": {}}, ("no key 'zzz'", "It knows: data, model, training, decoding, tuning.")),
        ({"model": 3}, ("needs [model] to be a section", "Received: 3")),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(tree, parts):
    text = refusal(config_from_dict, tree)
    assert all(part in text for part in parts), text


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("training.epochs", True, ("of type integer", "Received: True (bool)")),
        ("training.epochs", 2.0, ("of type integer", "Received: 2.0 (float)")),
        ("training.epochs", "2", ("of type integer", "Received: '2' (str)")),
        ("model.dropout", True, ("of type number", "Received: True (bool)")),
        ("model.dropout", "0.1", ("of type number", "Received: '0.1' (str)")),
        ("model.residual", 1, ("of type true or false", "Received: 1 (int)")),
        ("model.cell", 1, ("of type string", "Received: 1 (int)")),
        ("tuning.space", [], ("of type dict", "Received: [] (list)")),
    ],
)
def test_a_value_of_another_type_is_refused(key, value, parts):
    text = refusal(Config().replace, {key: value})
    assert text.startswith(f"The config needs {key} to be ")
    assert all(part in text for part in parts), text


def test_a_whole_number_is_taken_where_a_number_is_wanted():
    rate = Config().replace({"training.learning_rate": 1}).training.learning_rate
    assert (type(rate), rate) == (float, 1.0)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, pytest.param(10**400, id="too large")]
)
@pytest.mark.parametrize("key", [key for key, item in FIELDS.items() if item.type is float])
def test_a_number_that_is_not_finite_is_refused(key, value):
    text = refusal(Config().replace, {key: value})
    assert text.startswith(f"The config needs {key} to be a finite number. Received: ")


def test_a_whole_number_beyond_what_tensorflow_counts_to_is_refused():
    assert Config().replace({"training.seed": 2**31 - 1}).training.seed == 2**31 - 1
    text = refusal(Config().replace, {"training.seed": 2**31})
    assert text == (
        "The config needs training.seed to be an integer below 2**31. Received: 2147483648."
    )


def bound_cases():
    for key, item in FIELDS.items():
        step = 1 if item.type is int else 0.25
        for name, sign in (("at_least", -1), ("at_most", 1)):
            bound = item.metadata.get(name)
            if bound is not None:
                yield pytest.param(key, item.type(bound), bound + sign * step, id=f"{key} {name}")


@pytest.mark.parametrize(("key", "bound", "beyond"), list(bound_cases()))
def test_a_bound_is_allowed_and_what_is_beyond_is_refused(key, bound, beyond):
    section, _, name = key.partition(".")
    assert getattr(getattr(Config().replace({key: bound}), section), name) == bound
    text = refusal(Config().replace, {key: beyond})
    assert f"needs {key} to be at least" in text
    assert f"Received: {beyond!r}." in text


def test_every_number_has_a_lower_bound():
    numbers = {key: item for key, item in FIELDS.items() if item.type in {int, float}}
    assert [key for key, item in numbers.items() if item.metadata.get("at_least") is None] == []


def test_an_unknown_choice_is_refused_with_the_nearest_known_one():
    text = refusal(Config().replace, {"model.cell": "lstn"})
    assert "one of simple_rnn, gru, lstm, layer_norm_simple_rnn, " in text
    assert " Received: 'lstn'. Did you mean 'lstm'?" in text
    assert "Did you mean" not in refusal(Config().replace, {"model.cell": "zzz"})


@pytest.mark.parametrize(
    "key", [key for key, item in FIELDS.items() if item.metadata.get("choices")]
)
def test_every_choice_is_taken(key):
    section, _, name = key.partition(".")
    for choice in FIELDS[key].metadata["choices"]:
        assert getattr(getattr(Config().replace({key: choice}), section), name) == choice


@pytest.mark.parametrize(
    ("key", "text"),
    [("dropout", "has no key 'dropout'"), ("model", "section [model] has no key ''")],
)
def test_replace_needs_section_and_key(key, text):
    assert text in refusal(Config().replace, {key: 0.5})


def test_replace_changes_a_copy():
    config = Config()
    changed = config.replace({"model.dropout": 0.5, "tuning.space": {"model.cell": {}}})
    assert changed.model.dropout == 0.5
    assert config == Config()
    assert config_from_dict(changed.to_dict()) == changed


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("training.epochs=5", ("training", "epochs"), 5),
        ("training.epochs = 5", ("training", "epochs"), 5),
        ("training.learning_rate=1e-4", ("training", "learning_rate"), 1e-4),
        ("training.learning_rate=1", ("training", "learning_rate"), 1.0),
        ("model.residual=false", ("model", "residual"), False),
        ("model.cell=lstm", ("model", "cell"), "lstm"),
        ('model.cell="lstm"', ("model", "cell"), "lstm"),
        ("model.cell='lstm'", ("model", "cell"), "lstm"),
        ("data.source=/a/b=c d.en", ("data", "source"), "/a/b=c d.en"),
        ("data.pairs=", ("data", "pairs"), ""),
    ],
)
def test_a_setting_takes_toml_values_and_bare_words(setting, key, value, tmp_path):
    config = load_config(written(tmp_path, ""), [setting])
    found = getattr(getattr(config, key[0]), key[1])
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("setting", ["training.epochs", "epochs=5", "a.b.c=5", "=5", ""])
def test_a_setting_without_section_key_and_value_is_refused(setting, tmp_path):
    text = refusal(load_config, written(tmp_path, ""), [setting])
    assert text == (
        f"--set needs SECTION.KEY=VALUE, for example training.epochs=5. Received: {setting!r}."
    )


def test_the_last_of_two_settings_wins_over_the_file(tmp_path):
    path = written(tmp_path, "[training]\nepochs = 2\n")
    assert load_config(path, ["training.epochs=3", "training.epochs=4"]).training.epochs == 4


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    assert "cannot be read: No such file" in refusal(load_config, tmp_path / "none.toml")
    assert "cannot be read" in refusal(load_config, tmp_path)
    assert "is not valid TOML" in refusal(load_config, written(tmp_path, "[training\n"))
    assert "is not valid TOML" in refusal(load_config, written(tmp_path, "[data]\n[data]\n"))
    digits = "1" * 5000
    assert "is not valid TOML" in refusal(load_config, written(tmp_path, f"a = {digits}"))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "is not valid TOML" in refusal(load_config, binary)


def test_a_byte_order_mark_is_dropped(tmp_path):
    path = written(tmp_path, "\ufeff[training]\nepochs = 7\n")
    assert load_config(path).training.epochs == 7


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    path = written(
        tmp_path / "deep",
        '[data]\nsource = "a.en"\ntarget = "../b.de"\nvalidation_pairs = "/abs/c.tsv"\n',
    )
    monkeypatch.chdir(tmp_path)
    for given_path in (path, "deep/my.toml"):
        data = load_config(given_path).data
        assert data.source == str(tmp_path / "deep" / "a.en")
        assert data.target == str(tmp_path / "b.de")
        assert data.validation_pairs == "/abs/c.tsv"
        assert data.pairs == ""


def test_a_link_keeps_its_ending_and_its_folder_is_followed(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "1f3a").touch()
    (tmp_path / "data").symlink_to("store")
    (tmp_path / "data" / "a.en.gz").symlink_to("1f3a")
    data = load_config(written(tmp_path, '[data]\nsource = "data/a.en.gz"\n')).data
    assert data.source == str(tmp_path.resolve() / "store" / "a.en.gz")


def test_the_keys_that_name_text_files_are_the_strings_of_data_that_are_no_choice():
    keys = [key for key, item in FIELDS.items() if key.startswith("data.") and item.type is str]
    free = [key for key in keys if not FIELDS[key].metadata.get("choices")]
    assert {f"data.{name}" for name in TEXT_FILES} == set(free)
    assert len(TEXT_FILES) == 6


@pytest.mark.parametrize("name", TEXT_FILES)
def test_a_link_that_leads_to_itself_is_refused(name, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    path = written(tmp_path, f'[data]\n{name} = "loop"\n')
    # Python 3.13 follows it no further, so that reading it is what fails.
    text = refusal(lambda: read_lines(getattr(load_config(path).data, name)))
    assert "loop" in text


def test_the_fewest_tokens_of_a_translation_leave_room_for_an_end():
    bounds = {"decoding.minimum_tokens": 7, "decoding.maximum_tokens": 8}
    assert Config().replace(bounds).decoding.minimum_tokens == 7
    with pytest.raises(UserError, match=r"to be below .*maximum_tokens.* Received: 8 and 8\."):
        Config().replace(bounds | {"decoding.minimum_tokens": 8})


def test_a_config_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().model.dropout = 0.5


@pytest.mark.parametrize("name", ["demo.toml", "multi30k.toml", "multi30k-quick.toml"])
def test_the_shipped_configs_load(name):
    path = importlib.resources.files("seq2seq") / "configs" / name
    config = load_config(path)
    assert config.data.source.endswith("train.en")
    given_keys = tomllib.loads(path.read_text(encoding="utf-8"))
    for section, values in given_keys.items():
        for key, value in values.items():
            if section != "data" or not isinstance(value, str):
                assert getattr(getattr(config, section), key) == value


def values_of(item):
    """Any value that the field allows."""
    least, most = item.metadata.get("at_least"), item.metadata.get("at_most")
    if choices := item.metadata.get("choices"):
        return st.sampled_from(choices)
    if item.type is int:
        return st.integers(least, most or 2**31 - 1)
    if item.type is float:
        return st.floats(least, most, allow_nan=False, allow_infinity=False)
    # A path is made absolute, and may be neither relative nor hold a null byte.
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/."))
    return st.booleans() if item.type is bool else text.map(lambda name: f"/{name}" if name else "")


@settings(deadline=None, max_examples=40)
@given(st.fixed_dictionaries({key: values_of(item) for key, item in FIELDS.items()}))
def test_what_is_saved_is_what_loads(tmp_path_factory, changes):
    divisor = math.gcd(changes["decoding.beam"], changes["decoding.beam_groups"])
    least = min(changes["decoding.minimum_tokens"], changes["decoding.maximum_tokens"] - 1)
    changes = {**changes, "decoding.beam_groups": divisor, "decoding.minimum_tokens": least}
    if changes["data.subword_model"] == "bpe":
        changes["data.subword_temperature"] = 0.0
    config = Config().replace(changes)
    path = tmp_path_factory.getbasetemp() / "round_trip.toml"
    save_config(config, path)
    assert load_config(path) == config


def test_a_setting_nested_too_deep_to_be_read_is_a_string():
    brackets = "[" * 5000
    assert parse_settings([f"data.source={brackets}"]) == {"data.source": brackets}
