"""What is checked before an export is published, and a model whose numbers are none."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from seq2seq import export as module
from seq2seq.cli.main import main
from seq2seq.errors import UserError
from seq2seq.inference import TranslationGraph
from seq2seq.model.translator import build_model
from seq2seq.run_folder import Run

TEXT = tf.constant([b"a", b"b"])
GIVEN = {
    "translate_n_best": {
        "translation": [[b"x", b"y"], [b"z", b""]],
        "score": [[-1.0, -2.0], [-1.0, np.nan]],
    },
    "score": {"score": [-1.0, -2.0], "log_probability": [-3.0, -4.0], "tokens": [3, 4]},
    "align": {
        "translation": [b"x", b"y"],
        "score": [-1.0, -2.0],
        "source_tokens": [[b"a"], [b"b"]],
        "target_tokens": [[b"x"], [b"y"]],
        "alignment": [[[1.0]], [[1.0]]],
    },
    "sample": {"translation": [b"x", b"y"], "score": [-1.0, -2.0]},
}


def tensors(found):
    return {
        key: tf.constant(values, tf.float32 if isinstance(np.ravel(values)[0], float) else None)
        for key, values in found.items()
    }


def check(name, served):
    """Check a signature that gives something, where the graph gives `GIVEN`."""
    graph = SimpleNamespace(**{name: lambda **inputs: tensors(GIVEN[name])})
    module._check_signature(name, graph, lambda **inputs: tensors(served), TEXT)


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_the_same_or_nearly_so_passes(name):
    assert set(GIVEN) == set(module.OTHER_SIGNATURES)
    check(name, GIVEN[name])
    nearly = np.add(GIVEN[name]["score"], 1e-5).tolist()
    check(name, {**GIVEN[name], "score": nearly})


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in GIVEN for key in GIVEN[name]])
def test_what_differs_in_one_row_is_refused_with_name_and_key(name, key):
    values = np.array(GIVEN[name][key])
    if values.dtype.kind == "S":
        values = values.astype(object)
        values[1:] = values[1:] + b"!"
    else:
        values[1:] = values[1:] + 1
    with pytest.raises(RuntimeError, match=f"signature {name} does not give .* as {key}\\. "):
        check(name, {**GIVEN[name], key: values.tolist()})


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in GIVEN for key in GIVEN[name]])
def test_another_number_of_rows_is_refused_even_where_it_could_be_stretched(name, key):
    values = GIVEN[name][key]
    for other in (values[:1], [*values, values[0]]):
        with pytest.raises(RuntimeError, match=f"signature {name} does not give .* as {key}\\. "):
            check(name, {**GIVEN[name], key: other})


@pytest.mark.slow
@pytest.mark.parametrize("beam", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_a_line_whose_numbers_are_none_is_empty_and_changes_no_other(beam, trained_run, tmp_path):
    run = Run.open(trained_run)
    separate = {"data.shared_vocabulary": False, "model.tie_embeddings": False}
    model = build_model(run.config.replace(separate))
    decoding = run.config.replace({"decoding.beam": beam}).decoding
    graph = TranslationGraph([model], run.tokenizers, decoding)
    lines = [b"The dog sees the cats.", b"q", b"", b"A cat runs."]
    text = tf.constant(lines)
    given = {
        **{name: {"text": text} for name in ("translate", "translate_n_best", "align")},
        "score": {"source": text, "target": tf.constant(["Ein Hund."] * 4)},
        "sample": {"text": text, "seed": tf.constant(3), "temperature": tf.constant(0.7)},
    }
    before = {name: getattr(graph, name)(**inputs) for name, inputs in given.items()}
    expected, scores = (before["translate"][key].numpy() for key in ("translation", "score"))
    (poisoned, *_) = run.tokenizers.source.tokenize([b"q"])[0].numpy()[::-1]
    others = run.tokenizers.source.tokenize([lines[0], lines[3]]).flat_values.numpy()
    assert poisoned not in others
    embeddings = model.encoder.embedding.embeddings
    values = embeddings.numpy()
    values[poisoned] = np.nan
    embeddings.assign(values)
    module._write(graph, tmp_path / "1")
    translations, found = module.run_signature(tmp_path / "1", lines)
    assert translations == [expected[0].decode(), "", "", expected[3].decode()]
    assert "" not in (translations[0], translations[3])
    np.testing.assert_allclose(found, [scores[0], np.nan, 0, scores[3]], rtol=1e-4)
    signatures = tf.saved_model.load(str(tmp_path / "1")).signatures
    for name in module.OTHER_SIGNATURES:
        found, wanted = (
            one["score"].numpy() for one in (signatures[name](**given[name]), before[name])
        )
        assert np.all(np.isnan(found[1]))
        np.testing.assert_allclose(found[[0, 2, 3]], wanted[[0, 2, 3]], rtol=1e-4)


@pytest.mark.slow
def test_a_search_that_xla_compiles_is_exported_too(trained_run, tmp_path):
    run = Run.open(trained_run)
    model = build_model(run.config)
    plain, compiled = (
        TranslationGraph(
            [model], run.tokenizers, run.config.replace({"decoding.jit_compile": is_on}).decoding
        )
        for is_on in (False, True)
    )
    module._write(compiled, tmp_path / "1")
    module.check_saved_model(tmp_path / "1", compiled, module.TRIAL)
    translations, scores = module.run_signature(tmp_path / "1", module.TRIAL)
    wanted = plain.translate(tf.constant(module.TRIAL))
    assert [line.encode() for line in translations] == wanted["translation"].numpy().tolist()
    np.testing.assert_allclose(scores, wanted["score"], rtol=1e-4)


def test_a_run_folder_takes_no_export_and_no_export_requires_phrases(trained_run, tmp_path):
    """As where the folder for models was forgotten after two runs."""
    with pytest.raises(UserError, match=rf"Received: {trained_run}, which is a run folder"):
        module.export(trained_run, trained_run)
    with pytest.raises(UserError, match=r"free of required phrases.* Received: \['x'\]"):
        module.export(trained_run, tmp_path / "models", required=["x"])
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("flags", [[], ["--jit-compile"]])
def test_an_export_is_compiled_only_where_asked_for(flags, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(module, "export", lambda *given, **rest: asked.append((given, rest)) or 1)
    assert main(["export", "run", "new", *flags]) == 0
    assert asked == [((["run"], Path("new")), {"jit_compile": True} if flags else {})]
    assert capsys.readouterr().out == "SavedModel: 1\n"
