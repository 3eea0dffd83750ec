"""The history of a run: one line for each validation, to plot and to compare."""

from pathlib import Path

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
    """Drop the lines after `step`: a run that goes on from there writes them again."""
    path = folder / NAME
    if not path.is_file():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if row.endswith("\n") and int(row.split("\t")[0]) <= step]
    aside = path.with_suffix(".part")
    aside.write_text(header + "".join(kept), encoding="utf-8")
    aside.replace(path)


def read_history(folder: Path) -> dict[str, list[float]]:
    """Return the columns of the history by name; empty if there was no validation yet."""
    path = folder / NAME
    if not path.is_file():
        return {}
    header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {name: [float(row[index]) for row in rows] for index, name in enumerate(header)}
