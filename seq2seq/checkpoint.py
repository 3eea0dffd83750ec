"""The run folder: all that training leaves behind, written so that a crash loses nothing.

RUN/
  run.json                  the format of the folder and the version that wrote it
  config.toml               the configuration
  source.spm target.spm     the tokenizers
  latest/                   the newest checkpoint: weights, optimizer, data position, random state
  best/                     the checkpoint with the best validation score
  history.tsv               one line for each validation
  log/                      for TensorBoard
"""

import contextlib
import dataclasses
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from seq2seq import __version__
from seq2seq.config import Config, load_stored_config, save_config
from seq2seq.data.tokenizer import TokenizerPair, load_tokenizers, save_tokenizers
from seq2seq.errors import UserError
from seq2seq.files import check_name, writing

__all__ = ["Checkpoints", "Run", "model_variables"]

FORMAT = 1

# Keys that may change when a run goes on: they decide how long, how fast and how watched, not what,
# but for the dropout of other parts.
_FREE = {
    "training.epochs",
    "training.parallel_parts",
    "training.patience",
    "training.report_every",
    "training.validate_every",
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder that has been checked: its path, configuration and tokenizers."""

    folder: Path
    config: Config
    tokenizers: TokenizerPair

    @classmethod
    def create(cls, folder: Path, config: Config, tokenizers: TokenizerPair) -> "Run":
        """Make a run folder, whole or not at all.

        Raises:
            UserError: If the folder exists and is not empty, has a name that TensorFlow misreads,
                or cannot be written.
        """
        check_name(folder)
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise UserError(
                f"A new run needs a folder that is new or empty. Received: {folder}, which is a "
                "file, or holds files. Name another folder with --run."
            )
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            try:
                aside.chmod(0o755)
                save_config(config, aside / "config.toml")
                save_tokenizers(tokenizers, aside)
                about = {"format": FORMAT, "version": __version__}
                (aside / "run.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
                aside.replace(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return cls(folder, config, tokenizers)

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a run folder.

        Raises:
            UserError: If the folder is missing, is no run folder, is only half there, or was
                written in a format that this version does not know.
        """
        check_name(folder)
        if not folder.is_dir():
            raise UserError(f"There is no run folder {folder}. Train one with `seq2seq train`.")
        try:
            about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            found = about["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder} is not a whole run folder: its run.json is missing or damaged. "
                "Name another folder, or remove this one and train again."
            ) from error
        if found != FORMAT:
            raise UserError(
                f"The run folder {folder} has format {found!r}, written by version "
                f"{about.get('version')}; version {__version__} reads format {FORMAT}. "
                "Use that version, or train again."
            )
        if not (folder / "config.toml").is_file():
            raise UserError(
                f"{folder} is not a whole run folder: its config.toml is missing. "
                "Name another folder, or remove this one and train again."
            )
        try:
            config = load_stored_config(folder / "config.toml")
        except UserError as error:
            raise UserError(
                f"The run folder {folder}, written by version {about.get('version')}, has a config "
                f"that version {__version__} does not read. {error}"
            ) from error
        return cls(folder, config, load_tokenizers(folder))

    def check_same(self, config: Config) -> None:
        """Raise `UserError` if the run cannot go on under `config`, naming what differs."""
        ours, theirs = self.config.to_dict(), config.to_dict()
        free, training = set(_FREE), config.training
        is_sampling = training.sampling_rate and training.sampling_schedule != "constant"
        if training.schedule == "linear" or is_sampling:
            free.remove("training.epochs")
        different = [
            f"{section}.{name} ({ours[section][name]!r}, now {value!r})"
            for section in ("data", "model", "training")
            for name, value in theirs[section].items()
            if ours[section][name] != value and f"{section}.{name}" not in free
        ]
        if different:
            raise UserError(
                f"The run folder {self.folder} belongs to another config. It differs in "
                f"{', '.join(different)}. Name another folder with --run, or restore the config."
            )

    def with_config(self, config: Config) -> "Run":
        """Return the run under a config that `check_same` accepts, written to its folder too."""
        with writing(self.folder):
            save_config(config, self.folder / "config.toml")
        return dataclasses.replace(self, config=config)

    def has_checkpoint(self) -> bool:
        """Return whether there is a checkpoint to translate with."""
        return any(_newest(self.folder / name) for name in ("best", "latest"))

    def has_latest(self) -> bool:
        """Return whether there is a checkpoint to go on training from."""
        return _newest(self.folder / "latest") is not None

    def load_weights(self, model: keras.Model) -> None:
        """Load the best weights, or the latest if no validation has been yet.

        Raises:
            UserError: If there is no checkpoint, or it is damaged.
        """
        path = _newest(self.folder / "best") or _newest(self.folder / "latest")
        if path is None:
            raise UserError(
                f"The run folder {self.folder} has no checkpoint yet. Go on training it first."
            )
        _read(tf.train.Checkpoint(model=model_variables(model)), path).expect_partial()


class Checkpoints:
    """The checkpoints of a run in training: the latest to go on from, the best to use.

    Args:
        run: The run.
        model: The model, built.
        **objects: What else a checkpoint holds, by name. Optimizers must be built, since a restore
            before that is silently lost.

    Raises:
        UserError: If a checkpoint that was there is damaged.
    """

    def __init__(self, run: Run, model: keras.Model, **objects: Any) -> None:
        self.run = run
        newest = {name: _newest(run.folder / name) for name in ("latest", "best")}
        self._checkpoint = tf.train.Checkpoint(model=model_variables(model), **objects)
        self._managers = {
            name: tf.train.CheckpointManager(
                self._checkpoint, str(run.folder / name), max_to_keep=1
            )
            for name in newest
        }
        for name, path in newest.items():
            _sweep(run.folder / name, path)

    def restore(self) -> bool:
        """Go back to the latest checkpoint; return whether there was one.

        Raises:
            UserError: If it is damaged or does not fit.
        """
        path = self._managers["latest"].latest_checkpoint
        if path is None:
            return False
        _read(self._checkpoint, path).assert_consumed()
        return True

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
        with writing(self.run.folder):
            self._managers[name].save(checkpoint_number=step)


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


def _newest(folder: Path) -> str | None:
    state = folder / "checkpoint"
    with contextlib.suppress(ValueError):
        if path := tf.train.latest_checkpoint(str(folder)):
            return path
    # It is written last, so where it is there was a whole checkpoint.
    if state.exists():
        raise _damaged(str(folder), f"{state.name} or the files it names are damaged or missing")
    return None


def _read(checkpoint: tf.train.Checkpoint, path: str) -> Any:
    """Restore all objects; the checkpoint must hold the model's variables and no others."""
    pattern = re.compile(r"model/(.+)/\.ATTRIBUTES/VARIABLE_VALUE")
    try:
        names = [name for name, _ in tf.train.list_variables(path)]
        stored = {match[1] for match in map(pattern.fullmatch, names) if match}
        if different := sorted(stored ^ set(checkpoint.model)):
            raise ValueError(f"{len(different)} variables differ, such as {different[0]}")
        return checkpoint.restore(path).assert_existing_objects_matched()
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


def _sweep(folder: Path, newest: str | None) -> None:
    """Remove what a killed process left: checkpoints that no index file names."""
    if not folder.is_dir():
        return
    for path in folder.glob("ckpt-*"):
        if newest is None or not path.name.startswith(f"{Path(newest).name}."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
