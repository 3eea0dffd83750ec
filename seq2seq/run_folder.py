"""The run folder: all that training leaves behind, written so that a crash loses nothing.

RUN/
  run.json                  the format of the folder, the version that wrote it, and which text
  config.toml               the configuration
  source.spm target.spm     the tokenizers
  latest/                   the newest checkpoint: weights, optimizer, data position, random state
  best/                     the checkpoint with the best validation score
  history.tsv               one line for each validation
  log/                      for TensorBoard
"""

import contextlib
import dataclasses
import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras

from seq2seq import __version__
from seq2seq.checkpoint import load_weights, newest_checkpoint
from seq2seq.config import TEXT_FILES, Config, load_stored_config, save_config
from seq2seq.data.tokenizer import TokenizerPair, load_tokenizers, save_tokenizers
from seq2seq.errors import UserError
from seq2seq.files import check_name, check_writable, writing

__all__ = ["Run", "check_new"]

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
    """A run folder that has been checked.

    Args:
        folder: Its path.
        config: Its configuration.
        tokenizers: Its tokenizers.
        text: The fingerprints of its training and validation text; empty if it has none noted.
    """

    folder: Path
    config: Config
    tokenizers: TokenizerPair
    text: tuple[str, ...] = ()

    @classmethod
    def create(
        cls, folder: Path, config: Config, tokenizers: TokenizerPair, text: Sequence[str] = ()
    ) -> "Run":
        """Make a run folder, whole or not at all.

        One that is there and empty is filled, `run.json` last.

        Raises:
            UserError: If the folder exists and is not empty, has a name that TensorFlow misreads,
                or cannot be written.
        """
        check_new(folder)
        about = {"format": FORMAT, "version": __version__, "text": list(text)}
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            place = folder if folder.is_dir() else folder.parent
            aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=place))
            try:
                aside.chmod(0o755)
                save_config(config, aside / "config.toml")
                save_tokenizers(tokenizers, aside)
                (aside / "run.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
                _move(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return cls(folder, config, tokenizers, tuple(text))

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
            found, text = about["format"], tuple(about.get("text", ()))
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
        return cls(folder, config, load_tokenizers(folder), text)

    def check_same(self, config: Config) -> None:
        """Raise `UserError` if the run cannot go on under `config`, naming what differs.

        Where the text lies may change, if it is noted which text it is: see `check_text`.
        """
        ours, theirs = self.config.to_dict(), config.to_dict()
        free, training = set(_FREE), config.training
        if self.text:
            free |= {f"data.{name}" for name in TEXT_FILES}
        if training.schedule == "plateau":
            free.remove("training.validate_every")
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

    def check_text(self, text: Sequence[str]) -> None:
        """Raise `UserError` if the run was trained on other text, by its fingerprints."""
        for name, old, new in zip(("training", "validation"), self.text, text, strict=False):
            if old != new:
                raise UserError(
                    f"The run folder {self.folder} belongs to another {name} text: it had {old}, "
                    f"now it has {new}. Restore the text, or name another folder with --run."
                )

    def save_config(self) -> None:
        """Write the configuration, which may be another than the folder's, to the folder."""
        with writing(self.folder):
            save_config(self.config, self.folder / "config.toml")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in the folder within the context.

        Raises:
            UserError: If one does, or the folder cannot be written.
        """
        with contextlib.ExitStack() as stack:
            with writing(self.folder):  # NFS locks only what is open for writing
                file = stack.enter_context((self.folder / "run.json").open("r+b"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(
                    f"The run folder {self.folder} is being trained by another process. Wait for "
                    "it, stop it, or name another folder with --run."
                ) from error
            except OSError:  # a file system without locks
                pass
            yield

    def has_checkpoint(self) -> bool:
        """Return whether there is a checkpoint to translate with."""
        return self._best() is not None

    def load_weights(self, model: keras.Model) -> None:
        """Load the best weights, or before the first validation the latest, not averaged.

        Raises:
            UserError: If there is no checkpoint, or it is damaged.
        """
        path = self._best()
        if path is None:
            raise UserError(
                f"The run folder {self.folder} has no checkpoint yet. Go on training it first."
            )
        try:
            load_weights(model, path)
        except UserError:
            newer = self._best()
            if newer is None or newer == path:
                raise
            load_weights(model, newer)  # training has just put it in the place of the other

    def _best(self) -> str | None:
        return newest_checkpoint(self.folder / "best") or newest_checkpoint(self.folder / "latest")


def check_new(folder: Path) -> None:
    """Raise `UserError` unless a run can be made there.

    It cannot if the folder is not empty, has a name that TensorFlow misreads or cannot be written.
    """
    check_name(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise UserError(
            f"A new run needs a folder that is new or empty. Received: {folder}, which is a "
            "file, or holds files. Name another folder with --run."
        )
    check_writable(folder)


def _move(aside: Path, folder: Path) -> None:
    """Give a folder its name, or move what it holds to one that is there, `run.json` last."""
    if not folder.is_dir():
        aside.replace(folder)
        return
    for path in sorted(aside.iterdir(), key=lambda path: path.name == "run.json"):
        path.replace(folder / path.name)
