"""The history of a run: one line for each validation, to plot and to compare."""

from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.files import write_whole

__all__ = ["append_history", "cut_history", "read_history"]

NAME = "history.tsv"


def append_history(folder: Path, step: int, seconds: float, measured: dict[str, float]) -> None:
    """Add a line: the step, the seconds spent on updates so far, and what was measured.

    Raises:
        UserError: If the lines before are of other measurements.
    """
    path, names = folder / NAME, ["step", "seconds", *measured]
    before = list(read_history(folder)) or names
    if before != names:
        raise UserError(
            f"The history {path} needs the columns {', '.join(before)}. Received: "
            f"{', '.join(names)}. Go on with the `validate` that the run was begun with, or train "
            "into another folder."
        )
    with path.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write("\t".join(names) + "\n")
        file.write("\t".join([str(step), f"{seconds:.1f}", *map(repr, measured.values())]) + "\n")


def cut_history(folder: Path, step: int) -> None:
    """Drop the lines after `step`: a run that goes on from there writes them again.

    A line that a crash cut short goes too.

    Raises:
        UserError: If the history is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return
    header, *rows = _read(path)
    kept = [header, *(row for row in rows if float(row[0]) <= step)]
    write_whole(path, "".join("\t".join(row) + "\n" for row in kept if row))


def read_history(folder: Path) -> dict[str, list[float]]:
    """Return the columns of the history by name; empty if there was no validation yet.

    Raises:
        UserError: If the history is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return {}
    header, *rows = _read(path)
    return {name: [float(row[index]) for row in rows] for index, name in enumerate(header)}


def _read(path: Path) -> list[list[str]]:
    """Return the cells of the header, none yet if it is empty, and of the rows, checked.

    A line torn by a crash is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
        lines = text[: text.rfind("\n") + 1].splitlines() or [""]
        header, *rows = ([] if not line else line.split("\t") for line in lines)
        if header and header[:2] != ["step", "seconds"]:
            raise ValueError(f"its columns begin with {', '.join(header[:2])}, not step, seconds")
        for row in rows:
            list(map(float, row))
            if not row or len(row) != len(header):
                raise ValueError(f"{len(row)} cells under a header of {len(header)}")
    except ValueError as error:
        raise UserError(
            f"The history {path} is damaged: {error}. Mend or remove the line; to begin another "
            "history, remove the file."
        ) from error
    return [header, *rows]
