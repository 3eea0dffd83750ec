"""The history of a run: one line for each validation, to plot and to compare."""

from pathlib import Path

from seq2seq.files import write_whole

__all__ = ["append_history", "cut_history", "read_history"]

NAME = "history.tsv"


def append_history(folder: Path, step: int, seconds: float, measured: dict[str, float]) -> None:
    """Add a line: the step, the seconds spent on updates so far, and what was measured."""
    path = folder / NAME
    with path.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write("\t".join(["step", "seconds", *measured]) + "\n")
        file.write("\t".join([str(step), f"{seconds:.1f}", *map(repr, measured.values())]) + "\n")


def cut_history(folder: Path, step: int) -> None:
    """Drop the lines after `step`: a run that goes on from there writes them again.

    A line that a crash cut short goes too.
    """
    path = folder / NAME
    if not path.is_file():
        return
    header, rows = _split(path)
    kept = [row for row in rows if int(row.split("\t")[0]) <= step]
    write_whole(path, "".join(f"{line}\n" for line in header + kept))


def read_history(folder: Path) -> dict[str, list[float]]:
    """Return the columns of the history by name; empty if there was no validation yet."""
    path = folder / NAME
    if not path.is_file():
        return {}
    header, rows = _split(path)
    names = header[0].split("\t") if header else []
    numbers = [[float(number) for number in row.split("\t")] for row in rows]
    return {name: [row[index] for row in numbers] for index, name in enumerate(names)}


def _split(path: Path) -> tuple[list[str], list[str]]:
    """Return the header, if there is one yet, and the rows; a line torn by a crash is none."""
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return lines[:1], lines[1:]
