"""Pictures: how training went, and where a translation looked."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seq2seq.checkpoint import writing
from seq2seq.errors import UserError
from seq2seq.inference import Alignment
from seq2seq.training.history import read_history

__all__ = ["plot_alignment", "plot_history"]


def plot_history(run_folder: str | Path, path: str | Path) -> None:
    """Draw validation perplexity and BLEU over the updates, from a run's history.

    Args:
        run_folder: The run folder.
        path: The picture to write; its ending says in which format.

    Raises:
        UserError: If there is no history yet, or the picture cannot be written.
    """
    history = read_history(Path(run_folder))
    if not history:
        raise UserError(f"The run folder {run_folder} has no validation to draw yet.")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    lines = axes.plot(
        history["step"], history["validation_perplexity"], "o-", color="tab:blue", ms=3
    )
    axes.set(xlabel="updates", ylabel="validation perplexity", yscale="log")
    labels = ["perplexity (left)"]
    if "bleu" in history:
        right = axes.twinx()
        lines += right.plot(history["step"], history["bleu"], "s-", color="tab:orange", ms=3)
        right.set(ylabel="validation BLEU", ylim=(0, None))
        labels.append("BLEU, greedy (right)")
    axes.legend(lines, labels, loc="center right")
    _save(figure, path)


def plot_alignment(alignment: Alignment, path: str | Path) -> None:
    """Draw an attention map: dark where a piece of the translation looked at the source.

    Args:
        alignment: What `Translator.align` returned.
        path: The picture to write; its ending says in which format.

    Raises:
        UserError: If the picture cannot be written.
    """
    rows, columns = len(alignment.target), len(alignment.source)
    figure = Figure(figsize=(2 + 0.4 * columns, 1.5 + 0.3 * rows), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(alignment.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    # A dollar sign would start a formula.
    source, target = (
        [piece.replace("$", r"\\$") for piece in pieces]
        for pieces in (alignment.source, alignment.target)
    )
    axes.set_xticks(range(columns), source, rotation=60, ha="right")
    axes.set_yticks(range(rows), target)
    axes.set(xlabel="source", ylabel="translation")
    figure.colorbar(image, label="attention")
    _save(figure, path)


def _save(figure: Any, path: str | Path) -> None:
    try:
        with writing(Path(path)):
            figure.savefig(path, dpi=120)
    except ValueError as error:
        raise UserError(f"A picture needs an ending such as .png. Received: {path}.") from error
