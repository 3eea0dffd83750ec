"""The SavedModel: strings in, strings out, for TensorFlow Serving and for anyone with TensorFlow.

    DIR/1/      the first version; the next export becomes DIR/2/

    serving_default     text -> translation, score
    translate_n_best    text -> translation, score: as many of each line as the beam is wide
    score               source, target -> score, log_probability, tokens
    align               text -> translation, score, source_tokens, target_tokens, alignment
    sample              text, seed, temperature -> translation, score

Whoever loads it needs `tensorflow` and, imported before, `tensorflow_text`; nothing of this
package.
"""

import contextlib
import io
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.files import check_name, writing
from seq2seq.inference import TranslationGraph, Translator

__all__ = ["check_saved_model", "export", "run_signature"]

SIGNATURE = "serving_default"
OTHER_SIGNATURES = ("translate_n_best", "score", "align", "sample")
# What every export is tried with before it is published.
TRIAL = (b"A dog runs.", b"", b"\xff\x00 ?", b"  ", b"one two three four five six", b"x" * 5000)


def export(
    run_folder: str | Path | Sequence[str | Path],
    folder: str | Path,
    jit_compile: bool = False,
    **options: Any,
) -> Path:
    """Export a run's best model, or those of several, as a SavedModel in a new version folder.

    The signature `serving_default` maps `text`, strings `(batch,)`, to `translation`, strings
    `(batch,)`, and `score`, float32 `(batch,)`; the others are as the methods of `TranslationGraph`
    of these names. The model is written aside, loaded with both of TensorFlow's loaders and tried,
    and only then renamed, so a server that watches the folder never sees a half or a broken
    version.

    Args:
        run_folder: The run folder, or several of one vocabulary, which translate as one.
        folder: Where the versions are.
        jit_compile: Whether XLA compiles the search for each size of a batch, whatever the config
            says: TensorFlow Serving does not run such a model unless it is started with
            `--xla_cpu_compilation_enabled`.
        **options: Keys of the config's `[decoding]` section to change, and `banned` phrases.

    Returns:
        The new version's folder.

    Raises:
        UserError: If there is no run or no checkpoint, its model's scores are no numbers, phrases
            are required, or the folder is a run folder or cannot be written.
    """
    folder = Path(folder)
    check_name(folder)
    if (folder / "run.json").exists():
        raise UserError(
            f"An export needs a folder for models. Received: {folder}, which is a run folder. Name "
            "the folder for models after all runs."
        )
    if options.get("required"):
        raise UserError(
            "An export needs to be free of required phrases: its signature `sample` cannot see to "
            f"them. Received: {options['required']}. Leave them out."
        )
    graph = Translator.load(run_folder, jit_compile=jit_compile, **options).graph
    if not np.isfinite(graph.translate(tf.constant(TRIAL))["score"]).all():
        raise UserError(
            f"An export needs a model whose scores are numbers. Received: that of {run_folder}, "
            "whose scores are not. Train again with a lower learning rate, or ban less."
        )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
    try:
        model = aside / "model"
        with writing(folder):
            _write(graph, model)
        check_saved_model(model, graph, TRIAL)
        with writing(folder):
            version = folder / str(_next_version(folder))
            model.replace(version)
        return version
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def run_signature(
    folder: str | Path, lines: Sequence[str | bytes]
) -> tuple[list[str], list[float]]:
    """Load a SavedModel as TensorFlow Serving does, by a session, and translate.

    Args:
        folder: The version's folder.
        lines: The text.

    Returns:
        The translations and their scores.
    """
    ((translations, scores),) = _run_session(folder, [lines])
    return translations, scores


def _run_session(
    folder: str | Path, batches: Sequence[Sequence[str | bytes]]
) -> list[tuple[list[str], list[float]]]:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder))
        signature = loaded.signature_def[SIGNATURE]
        outputs = {name: info.name for name, info in signature.outputs.items()}
        results = []
        for lines in batches:
            text = [line if isinstance(line, bytes) else line.encode() for line in lines]
            found = session.run(outputs, {signature.inputs["text"].name: text})
            translations = [line.decode() for line in found["translation"]]
            results.append((translations, found["score"].tolist()))
        return results


def check_saved_model(folder: Path, graph: TranslationGraph, lines: Sequence[bytes]) -> None:
    """Raise `RuntimeError` unless both loaders give what Python gives, and of no lines none.

    Args:
        folder: The version's folder.
        graph: The graph that was exported.
        lines: The text to try it with.
    """
    text = tf.constant(lines)
    expected = [line.decode() for line in graph.translate(text)["translation"].numpy()]
    signatures = tf.saved_model.load(str(folder)).signatures
    serve = signatures[SIGNATURE]
    by_object = [line.decode() for line in serve(text=text)["translation"].numpy()]
    (by_session, scores), (of_none, _) = _run_session(folder, [lines, []])
    of_none = [*of_none, *serve(text=text[:0])["translation"].numpy()]
    is_same = expected == by_object == by_session and of_none == []
    if not is_same or not all(map(math.isfinite, scores)):
        raise RuntimeError(
            f"The export of {folder} does not give what the model gives. "
            f"Expected {expected}, loaded {by_object}, by a session {by_session}."
        )
    for name in OTHER_SIGNATURES:
        _check_signature(name, graph, signatures[name], text)


def _check_signature(name: str, graph: TranslationGraph, serve: Any, text: tf.Tensor) -> None:
    """Raise `RuntimeError` unless a signature gives what the graph's method of its name gives."""
    given = {
        "score": {"source": text, "target": text[::-1]},
        "sample": {"text": text, "seed": tf.constant(1), "temperature": tf.constant(1.0)},
    }.get(name, {"text": text})
    expected, found = getattr(graph, name)(**given), serve(**given)
    for key, value in expected.items():
        one, other = value.numpy(), found[key].numpy()
        is_close = np.array_equal if one.dtype == object else _is_close
        if one.shape != other.shape or not is_close(one, other):
            raise RuntimeError(
                f"The export's signature {name} does not give what the model gives as {key}. "
                f"Expected {one}, loaded {other}."
            )


def _is_close(one: Any, other: Any) -> bool:
    return np.allclose(one, other, rtol=1e-3, atol=1e-3, equal_nan=True)


def _write(graph: TranslationGraph, folder: Path) -> None:
    archive = keras.export.ExportArchive()
    # What the signatures read, in one module: tracked one by one, every variable would be written
    # twice; the graph itself would bring all its methods, traced once more.
    resources = tf.Module()
    resources.models = graph.models
    resources.tokenizers = [graph.source_tokenizer, graph.target_tokenizer]
    archive.track(resources)
    archive.add_endpoint(SIGNATURE, graph.translate)
    for name in OTHER_SIGNATURES:
        archive.add_endpoint(name, getattr(graph, name))
    with contextlib.redirect_stdout(io.StringIO()):
        archive.write_out(str(folder), verbose=False)


def _next_version(folder: Path) -> int:
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
    return max(versions, default=0) + 1
