"""Checkpoints: what training goes on from, and what is translated with."""

import contextlib
import re
import shutil
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.files import writing

__all__ = ["Checkpoints", "gone", "load_weights", "model_variables", "newest_checkpoint"]


class Checkpoints:
    """The checkpoints of a run in training: the latest to go on from, the best to use.

    Args:
        folder: The run folder; they are in its folders `latest` and `best`.
        model: The model, built.
        **objects: What else a checkpoint holds, by name. Optimizers must be built, since a restore
            before that is silently lost.

    Raises:
        UserError: If a checkpoint that was there is damaged.
    """

    def __init__(self, folder: Path, model: keras.Model, **objects: Any) -> None:
        self.folder = folder
        newest = {name: newest_checkpoint(folder / name) for name in ("latest", "best")}
        self._checkpoint = tf.train.Checkpoint(model=model_variables(model), **objects)
        self._managers = {
            name: tf.train.CheckpointManager(self._checkpoint, str(folder / name), max_to_keep=1)
            for name in newest
        }
        for name, path in newest.items():
            _sweep(folder / name, path)

    def restore(self) -> bool:
        """Go back to the latest checkpoint; return whether there was one.

        Raises:
            UserError: If it is damaged or does not fit.
        """
        path = self._managers["latest"].latest_checkpoint
        if path is None:
            return False
        _read(self._checkpoint, path, is_all=True)
        return True

    def check_best(self) -> None:
        """Raise `UserError` if there is no best checkpoint, where there has been one."""
        if self._managers["best"].latest_checkpoint is None:
            raise gone(self.folder / "best")

    def save(self, step: int) -> None:
        """Write the latest checkpoint.

        Raises:
            UserError: If the disk is full or the folder cannot be written; the checkpoints that
                were there stay.
        """
        self._save("latest", step)

    def save_best(self, step: int) -> None:
        """Write the best checkpoint; before the latest one that knows of it.

        Raises:
            UserError: As `save`.
        """
        self._save("best", step)

    def _save(self, name: str, step: int) -> None:
        with writing(self.folder):
            _sweep(self.folder / name, self._managers[name].save(checkpoint_number=step))


def model_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return all variables of a model by name, the states of its seed generators too.

    `tf.train.Checkpoint(model=model)` would leave out, without a word, the seed generators and
    what a Keras model holds in lists, such as the layers of a stack.
    """
    named = {}
    for index, variable in enumerate(model.variables):
        layer, name = variable.path.split("/")[-2:]
        # Keras numbers the layers of a process: the second model has a `gru_cell_1`.
        named[f"{index:03}-{re.sub(r'_[0-9]+$', '', layer)}-{name}"] = variable
    return named


def load_weights(model: keras.Model, path: str) -> None:
    """Load the variables of a model from a checkpoint.

    Raises:
        UserError: If it is damaged, or holds those of another model.
    """
    _read(tf.train.Checkpoint(model=model_variables(model)), path)


def newest_checkpoint(folder: Path) -> str | None:
    """Return the path of the newest checkpoint of a folder, or None if there is none.

    Raises:
        UserError: If there was one and its files are damaged or missing.
    """
    state = folder / "checkpoint"
    with contextlib.suppress(ValueError):
        if path := tf.train.latest_checkpoint(str(folder)):
            return path
    # It is written last, so where it is there was a whole checkpoint.
    if state.exists():
        raise _damaged(str(folder), f"{state.name} or the files it names are damaged or missing")
    return None


def _read(checkpoint: tf.train.Checkpoint, path: str, is_all: bool = False) -> None:
    """Restore all objects; the checkpoint must hold the model's variables and no others.

    Args:
        checkpoint: The objects.
        path: The checkpoint.
        is_all: Whether it must not hold other objects either.
    """
    pattern = re.compile(r"model/(.+)/\.ATTRIBUTES/VARIABLE_VALUE")
    try:
        names = [name for name, _ in tf.train.list_variables(path)]
        stored = {match[1] for match in map(pattern.fullmatch, names) if match}
        if different := sorted(stored ^ set(checkpoint.model)):
            raise ValueError(f"{len(different)} variables differ, such as {different[0]}")
        status = checkpoint.restore(path).assert_existing_objects_matched()
        if is_all:
            status.assert_consumed()
        else:
            status.expect_partial()
    except (tf.errors.OpError, ValueError, AssertionError, IndexError) as error:
        raise _damaged(path, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return what an error says, in one line and without TensorFlow's names of operations."""
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
    return " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*", "", text).split()).rstrip(".")


def _damaged(path: str, reason: str) -> UserError:
    return UserError(
        f"The checkpoint {path} is damaged or does not fit its config: {reason}. "
        "Restore the run folder, or remove it and train again."
    )


def gone(path: Path) -> UserError:
    """Return the error that a checkpoint, in its folder, is no longer there."""
    return UserError(
        f"The run folder {path.parent} has been trained, but its checkpoint {path} is gone. "
        "Restore it, or train into another folder with --run."
    )


def _sweep(folder: Path, newest: str | None) -> None:
    """Remove what a killed process left: checkpoints that the index file does not name.

    Without an index file all stay: it may have been lost, and they be all there is.
    """
    for path in folder.glob("ckpt-*") if newest else ():
        if not path.name.startswith(f"{Path(newest).name}."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
