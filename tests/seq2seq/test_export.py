"""The export: what Python gives, without Python; odd strings; whole versions or none."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from reference.models import random_model

from seq2seq import export as module
from seq2seq.checkpoint import Checkpoints
from seq2seq.config import save_config
from seq2seq.data.tokenizer import TokenizerPair
from seq2seq.errors import UserError
from seq2seq.export import TRIAL, check_saved_model, export, run_signature
from seq2seq.inference import Translator
from seq2seq.model.translator import build_model
from seq2seq.run_folder import Run

TEXT = ["The dog sees the cats.", "", " \t ", "line\u2028separator", "🐶 runs 🎉", "i" * 1999 + "é"]
BYTES = [b"\xff\xfe broken \xc3", b"nul\x00 inside", b"\x00" * 50, b"\xed\xa0\x80", b"a\nb\r\nc"]
LINES = [line.encode() for line in TEXT] + BYTES
LONG = [b"a dog " * 170_000, b"\x00" * 1_000_000, "\ufdfa".encode() * 330_000]

TEXTS, NUMBERS, MORE_TEXTS = (1, tf.string), (1, tf.float32), (2, tf.string)
ONE = {"translation": TEXTS, "score": NUMBERS}
LOOKED = {"source_tokens": MORE_TEXTS, "target_tokens": MORE_TEXTS, "alignment": (3, tf.float32)}
SCORED = {"score": NUMBERS, "log_probability": NUMBERS, "tokens": (1, tf.int32)}
PROMISED = {
    "serving_default": [{"text": TEXTS}, ONE],
    "translate_n_best": [{"text": TEXTS}, {"translation": MORE_TEXTS, "score": (2, tf.float32)}],
    "score": [{"source": TEXTS, "target": TEXTS}, SCORED],
    "align": [{"text": TEXTS}, {**ONE, **LOOKED}],
    "sample": [{"text": TEXTS, "seed": (0, tf.int32), "temperature": (0, tf.float32)}, ONE],
}

# What anyone with TensorFlow can do; it must not find this package.
LOADER = """
import json, sys, time
import tensorflow as tf, tensorflow_text

folder, = sys.argv[1:]
request = json.load(sys.stdin)
lines, long = ([bytes.fromhex(line) for line in request[name]] for name in ("lines", "long"))

loaded = tf.saved_model.load(folder)
serve = loaded.signatures["serving_default"]
before = [variable.numpy() for variable in serve.variables]

def by_object(lines):
    found = serve(text=tf.constant(lines, tf.string, [len(lines)]))
    return [line.decode() for line in found["translation"].numpy()], found["score"].numpy().tolist()

answer = {"object": by_object(lines), "single": [by_object([line]) for line in lines]}
began = time.monotonic()
answer["long"] = [by_object([line]) for line in long]
answer["seconds"] = time.monotonic() - began
answer |= {"none": by_object([]), "variables": len(before)}
answer["is_unchanged"] = all(
    (old == new.numpy()).all() for old, new in zip(before, serve.variables, strict=True)
)
answer["ours"] = [name for name in sys.modules if name.split(".")[0] in ("seq2seq", "keras_rnn")]
json.dump(answer, sys.stdout)
"""


@pytest.fixture(scope="module")
def run_folder(trained_run, tmp_path_factory):
    """A run of the smallest cell and random weights, so that it says what depends on the line."""
    folder = shutil.copytree(trained_run, tmp_path_factory.mktemp("random") / "run")
    config = Run.open(folder).config.replace({"model.cell": "simple_rnn"})
    save_config(config, folder / "config.toml")
    model = random_model(config, np.random.default_rng(5), scale=0.8)
    Checkpoints(folder, model).save_best(99)
    return folder


@pytest.fixture(scope="module")
def exported(run_folder, tmp_path_factory):
    """What `export` returns, and what it makes on its way, which no test makes again."""
    made, check = {"checked": []}, module._check_signature

    def kept(name, function):
        return lambda *given, **more: made.setdefault(name, function(*given, **more))

    def spied(name, *rest):
        made["checked"].append(name)
        check(name, *rest)

    def kept_and_checked(*given):
        # Not before: to write, Keras imports `tf.saved_model` anew.
        patch.setattr(tf.saved_model, "load", kept("loaded", tf.saved_model.load))
        check_saved_model(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Translator, "load", kept("translator", Translator.load))
        patch.setattr(module, "check_saved_model", kept_and_checked)
        patch.setattr(module, "_check_signature", spied)
        made["version"] = export(run_folder, tmp_path_factory.mktemp("export") / "models")
    return made


@pytest.fixture(scope="module")
def translator(exported):
    return exported["translator"]


@pytest.fixture(scope="module")
def quick(translator):
    """Exports need not load the run again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Translator, "load", lambda folder, **_: translator)
        yield


@pytest.fixture(scope="module")
def version(exported):
    return exported["version"]


@pytest.fixture(scope="module")
def signatures(exported):
    """Those of the model that was checked; they need it to be kept."""
    return exported["loaded"].signatures


@pytest.fixture(scope="module")
def answer(version):
    """What a process that knows TensorFlow alone makes of the lines."""
    request = {"lines": [line.hex() for line in LINES], "long": [line.hex() for line in LONG]}
    found = subprocess.run(
        [sys.executable, "-c", LOADER, version],
        input=json.dumps(request),
        capture_output=True,
        check=False,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    # As TensorFlow Serving loads it; a line that is text comes as text.
    return json.loads(found.stdout) | {"session": run_signature(version, [*TEXT, *BYTES])}


def test_the_export_loads_where_this_package_is_not_imported(answer):
    assert answer["ours"] == []
    assert answer["variables"] > 10


@pytest.mark.parametrize("loader", ["object", "session"])
def test_both_loaders_give_the_strings_of_the_translator(loader, answer, translator):
    translations, scores = answer[loader]
    expected = list(translator.translate_with_scores(TEXT))
    assert translations[: len(TEXT)] == [translation for translation, _ in expected]
    assert scores[: len(TEXT)] == pytest.approx([score for _, score in expected], rel=1e-4)
    found = translator.graph.translate(tf.constant(LINES))["translation"].numpy()
    assert translations == [line.decode() for line in found]
    assert len(set(translations)) > 3


@pytest.mark.parametrize("loader", ["object", "session"])
def test_empty_lines_stay_empty_and_no_line_becomes_two(loader, answer):
    translations, scores = answer[loader]
    assert [line for line in translations if "\n" in line or "\r" in line] == []
    assert (translations[1:3], scores[1:3]) == (["", ""], [0.0, 0.0])
    assert all(score < 0 for score in [scores[0], *scores[3:5]])
    assert all(-1e6 < score <= 0 for score in scores)


def test_a_line_alone_and_in_a_batch_give_the_same(answer):
    translations, scores = answer["object"]
    assert [line for (line,), _ in answer["single"]] == translations
    assert [score for _, (score,) in answer["single"]] == pytest.approx(scores, rel=1e-4)


def test_a_batch_of_none_gives_none(answer):
    assert answer["none"] == [[], []]


def test_a_line_of_a_megabyte_takes_no_longer_than_its_bound(answer, translator):
    assert answer["seconds"] < 3 * len(LONG)
    for line, ((translation,), (score,)) in zip(LONG, answer["long"], strict=True):
        assert -1e6 < score <= 0
        bounded = tf.constant([line[: translator.graph._decoding.maximum_bytes]])
        assert translation == translator.graph.translate(bounded)["translation"][0].numpy().decode()


@pytest.mark.parametrize("name", PROMISED)
def test_no_signature_writes_a_variable_or_needs_python(name, answer, signatures):
    assert answer["is_unchanged"]
    graph = signatures[name].graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    operations = {node.op for node in nodes}
    assert "ReadVariableOp" in operations
    assert [op for op in operations if "Assign" in op or "PyFunc" in op] == []
    assert name == "sample" or [op for op in operations if "Random" in op] == []


def test_all_signatures_are_there_and_were_checked(exported):
    assert exported["loaded"].signatures.keys() == PROMISED.keys()
    assert ["serving_default", *exported["checked"]] == list(PROMISED)


@pytest.mark.parametrize("name", PROMISED)
def test_the_signatures_are_those_that_are_promised(name, signatures):
    serve = signatures[name]
    (_, inputs), outputs = serve.structured_input_signature, serve.structured_outputs
    assert all(spec.name == key for key, spec in inputs.items())
    for specs, promised in zip((inputs, outputs), PROMISED[name], strict=True):
        assert {key: (spec.shape.rank, spec.dtype) for key, spec in specs.items()} == promised


@pytest.fixture(scope="module")
def served(signatures):
    """What each signature makes of the lines."""
    text = tf.constant(LINES)
    inputs = {"text": text, "source": text, "target": text[::-1]}
    inputs |= {"seed": tf.constant(3), "temperature": tf.constant(0.7)}
    given = {name: {key: inputs[key] for key in PROMISED[name][0]} for name in PROMISED}
    return {name: (given[name], signatures[name](**given[name])) for name in PROMISED}


@pytest.mark.parametrize("name", PROMISED)
def test_each_signature_gives_what_python_gives(name, served, translator):
    given, found = served[name]
    method = "translate" if name == "serving_default" else name
    expected = getattr(translator.graph, method)(**given)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        if values.dtype == tf.string:
            np.testing.assert_array_equal(found[key], values)
        else:
            np.testing.assert_allclose(found[key], values, rtol=1e-4, atol=1e-5)


def test_as_many_translations_come_as_the_beam_is_wide_best_first(served):
    (_, best), (_, one) = served["translate_n_best"], served["serving_default"]
    assert best["translation"].shape == best["score"].shape == (len(LINES), 2)
    assert best["translation"][:, 0].numpy().tolist() == one["translation"].numpy().tolist()
    first, second = best["score"].numpy().T
    assert not any(first < second)  # NaN: there is none


@pytest.mark.slow
def test_versions_count_up_and_nothing_else_is_in_the_folder(quick, version, monkeypatch):
    monkeypatch.setattr(module, "check_saved_model", lambda *_: None)
    monkeypatch.setattr(module, "OTHER_SIGNATURES", ())
    models = version.parent
    assert [path.name for path in models.iterdir()] == ["1"]
    assert export("run", models) == models / "2"
    (models / "9").mkdir()
    (models / "notes").mkdir()
    assert export("run", models) == models / "10"
    assert {path.name for path in models.iterdir()} == {"1", "2", "9", "10", "notes"}
    for name in ("1", "2", "10"):
        assert {"saved_model.pb", "variables"} <= {path.name for path in (models / name).iterdir()}
        assert (models / name).stat().st_mode & 0o055 == 0o055


def test_a_model_that_fails_its_check_is_not_published(quick, version, monkeypatch):
    def fail(folder, *_):
        assert folder.exists()
        raise RuntimeError("not the same")

    monkeypatch.setattr(module, "check_saved_model", fail)
    monkeypatch.setattr(module, "_write", lambda _, folder: folder.mkdir())
    before = sorted(version.parent.rglob("*"))
    with pytest.raises(RuntimeError, match="not the same"):
        export("run", version.parent)
    assert sorted(version.parent.rglob("*")) == before


def test_a_model_whose_scores_are_no_numbers_is_refused(quick, translator, tmp_path, monkeypatch):
    no_numbers = {"score": tf.fill([len(TRIAL)], np.nan)}
    monkeypatch.setattr(translator.graph, "translate", lambda _: no_numbers)
    with pytest.raises(UserError, match=r"whose scores are numbers\. Received: that of run"):
        export("run", tmp_path / "models")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_that_only_python_can_load_is_not_published(quick, tmp_path, monkeypatch):
    def write(graph, folder):
        signatures = {"serving_default": graph.translate}
        tf.saved_model.save(graph, str(folder), signatures)

    monkeypatch.setattr(module, "_write", write)
    with pytest.raises(tf.errors.FailedPreconditionError):
        export("run", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_check_tells_another_model(version, tiny_config, translator):
    other = build_model(tiny_config.replace({"training.seed": 7}))
    tokenizers = TokenizerPair(translator.graph.source_tokenizer, translator.graph.target_tokenizer)
    graph = Translator.of_model(other, tokenizers, tiny_config.decoding).graph
    with pytest.raises(RuntimeError, match="does not give what the model gives"):
        check_saved_model(version, graph, TRIAL)
