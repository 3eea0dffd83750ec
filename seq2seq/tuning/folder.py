"""The folder of a search: whose it is, and what is written there for people.

TUNING/
  tuning.toml               the configuration that the search belongs to
  fingerprints.txt          the fingerprints of its training and validation text, a line each
  search/                   keras-tuner's record: what was tried, what is under way
  trials/ID/                the run folder of each trial
  trials.tsv                one line for each trial that ended
  best.toml                 the best configuration so far, to train with
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from seq2seq.config import Config, load_stored_config, save_config
from seq2seq.errors import UserError
from seq2seq.files import write_whole, writing

__all__ = ["claim", "save_table"]

# Keys that may change when a search goes on: they decide neither a trial nor its score.
_FREE = {"tuning.trials", "training.epochs"}
TEXT = "fingerprints.txt"


def claim(folder: Path, config: Config, text: Sequence[str]) -> None:
    """Make the folder this search's, or check that it is.

    Args:
        folder: The folder.
        config: The configuration.
        text: The fingerprints of the training and the validation text.

    Raises:
        UserError: If it is not, or cannot be written.
    """
    path = folder / "tuning.toml"
    if path.is_file():
        ours, theirs = _flat(load_stored_config(path)), _flat(config)
        different = [key for key in theirs if ours[key] != theirs[key] and key not in _FREE]
        if different:
            changes = (f"{key} ({ours[key]!r}, now {theirs[key]!r})" for key in different)
            raise UserError(
                f"The tuning folder {folder} belongs to another config. It differs in "
                f"{', '.join(changes)}. Name another folder, or restore the config."
            )
        _check_text(folder, text)
        return
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    # Those may be left by a search that could not begin.
    if any(name != TEXT and not name.endswith(".part") for name in found):
        raise UserError(
            "A new search needs a folder that is new or empty. Received: "
            f"{folder}, which holds other files. Name another folder."
        )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / TEXT, "".join(f"{line}\n" for line in text))
        save_config(config, path)


def _check_text(folder: Path, text: Sequence[str]) -> None:
    path = folder / TEXT  # none in a folder of an earlier version
    noted = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for name, old, new in zip(("training", "validation"), noted, text, strict=False):
        if old != new:
            raise UserError(
                f"The tuning folder {folder} belongs to another {name} text: it had {old}, now it "
                f"has {new}. Restore the text, or name another folder."
            )


def _flat(config: Config) -> dict[str, Any]:
    tree = config.to_dict()
    return {f"{section}.{key}": value for section in tree for key, value in tree[section].items()}


def save_table(rows: Iterable[Iterable[Any]], path: Path) -> None:
    """Write rows of values that hold no tab and no line end."""
    write_whole(path, "".join("\t".join(map(str, row)) + "\n" for row in rows))
