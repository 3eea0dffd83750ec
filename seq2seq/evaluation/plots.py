"""Pictures: how training went, and where a translation looked."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from seq2seq.errors import UserError
from seq2seq.files import writing
from seq2seq.inference import Alignment
from seq2seq.training.history import read_history

__all__ = ["check_picture", "plot_alignment", "plot_history"]


def plot_history(run_folder: str | Path, path: str | Path) -> None:
    """Draw training loss, validation loss and BLEU over the updates, from a run's history.

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
    lines = axes.plot(history["step"], history["training_loss"], ":", color="tab:gray")
    lines += axes.plot(history["step"], history["validation_loss"], "o-", color="tab:blue", ms=3)
    axes.set(xlabel="updates", ylabel="loss per token, nats", ylim=(0, None))
    labels = ["training loss", "validation loss"]
    if "bleu" in history:
        right = axes.twinx()
        lines += right.plot(history["step"], history["bleu"], "s-", color="tab:orange", ms=3)
        right.set(ylabel="validation BLEU", ylim=(0, None))
        labels.append("validation BLEU, greedy (right)")
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
    # Without `parse_math=False`, what stands between two dollar signs would be a formula.
    axes.set_xticks(range(columns), alignment.source, rotation=60, ha="right", parse_math=False)
    axes.set_yticks(range(rows), alignment.target, parse_math=False)
    axes.set(xlabel="source", ylabel="translation")
    figure.colorbar(image, label="attention")
    _save(figure, path)


def check_picture(path: str | Path) -> None:
    """Raise `UserError` unless a picture of that name can be drawn."""
    # Without an ending, Matplotlib would write another file than the one that was named.
    if Path(path).suffix.removeprefix(".") not in Figure().canvas.get_supported_filetypes():
        raise UserError(f"A picture needs an ending such as .png. Received: {path}.")


def _save(figure: Any, path: str | Path) -> None:
    check_picture(path)
    with writing(Path(path)):
        figure.savefig(path, dpi=120)
