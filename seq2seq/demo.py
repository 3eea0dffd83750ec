"""The demo: the main job from text to served model, on the built-in language pair."""

import importlib.resources
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from seq2seq.config import load_config
from seq2seq.data.corpus import read_parallel
from seq2seq.data.synthetic import write_corpus
from seq2seq.errors import UserError
from seq2seq.evaluation import (
    Evaluation,
    ValidationScores,
    evaluate,
    plot_alignment,
    plot_history,
)
from seq2seq.export import export
from seq2seq.files import check_name, write_whole, writing
from seq2seq.inference import Translator
from seq2seq.training import Display, TrainingResult, train

__all__ = ["DemoResult", "run_demo"]

SIZES = {"train": 20_000, "validation": 200, "test": 1_000}


class DemoResult(NamedTuple):
    """What the demo made.

    Attributes:
        training: How training ended; if it was interrupted, the rest is `None` or empty.
        evaluation: Scores on sentences that training never saw.
        model: The SavedModel.
        examples: Source, translation by the SavedModel, reference.
        pictures: The loss curve and the attention map.
    """

    training: TrainingResult
    evaluation: Evaluation | None = None
    model: Path | None = None
    examples: tuple[tuple[str, str, str], ...] = ()
    pictures: tuple[Path, ...] = ()


def run_demo(
    folder: str | Path, display: Display, say: Callable[[str], None] = lambda _: None
) -> DemoResult:
    """Build the corpus, train, score, export, translate through the export, draw.

    A demo that was interrupted goes on where it was.

    Args:
        folder: Where all of it goes.
        display: Where training shows its progress.
        say: Told what begins, a line at a time.

    Raises:
        UserError: If the folder cannot be written or holds something else.
    """
    folder = Path(folder)
    say(f"1/5  Writing {SIZES['train']:,} English-German sentence pairs to {folder / 'data'}")
    config_path = folder / "demo.toml"
    shipped = (importlib.resources.files("seq2seq") / "configs" / "demo.toml").read_bytes()
    _check_folder(folder, config_path, shipped)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(config_path, shipped)
        write_corpus(folder / "data", SIZES)
    run = folder / "run"
    say(f"2/5  Training; Ctrl-C saves, and `seq2seq demo --dir {folder}` goes on")
    training = train(load_config(config_path), run, ValidationScores(), display)
    if training.is_interrupted:
        return DemoResult(training)
    say(f"3/5  Translating {SIZES['test']:,} sentences that it has never seen")
    test = read_parallel(folder / "data" / "test.en", folder / "data" / "test.de")
    evaluation = evaluate(run, test)
    say("4/5  Exporting a SavedModel and translating through it")
    model = export(run, folder / "export")
    sources = test.source[:5]
    served = tf.saved_model.load(str(model)).signatures["serving_default"]
    translations = served(text=tf.constant(sources))["translation"].numpy()
    examples = zip(sources, (line.decode() for line in translations), test.target, strict=False)
    say("5/5  Drawing")
    pictures = folder / "loss.png", folder / "attention.png"
    plot_history(run, pictures[0])
    plot_alignment(Translator.load(run, beam=1).align(sources[0]), pictures[1])
    return DemoResult(training, evaluation, model, tuple(examples), pictures)


def _check_folder(folder: Path, config_path: Path, shipped: bytes) -> None:
    """Raise `UserError` if the folder holds what the demo would write over."""
    check_name(folder)
    holds = "other files"
    if config_path.is_file():
        if config_path.read_bytes() == shipped:
            return
        holds = f"a {config_path.name} that is yours or of another version"
    elif not folder.is_dir() or all(found.suffix == ".part" for found in folder.iterdir()):
        return
    raise UserError(
        f"The demo needs a folder that is new, empty or of a demo. Received: {folder}, which "
        f"holds {holds}. Name another folder with --dir."
    )
