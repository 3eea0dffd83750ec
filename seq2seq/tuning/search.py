"""The search: trial after trial in a folder, to be stopped and taken up at any time."""

import contextlib
import gc
import io
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.src import config as keras_tuner_config
from tensorflow.errors import OpError

from seq2seq.config import Config, save_config
from seq2seq.errors import UserError
from seq2seq.files import check_name, writing
from seq2seq.run_folder import Run
from seq2seq.training.prepare import read_corpora
from seq2seq.training.progress import Display, SilentDisplay
from seq2seq.tuning.folder import claim, save_table
from seq2seq.tuning.hypermodel import TranslationHyperModel

__all__ = ["TrialResult", "TuningResult", "tune"]


class TrialResult(NamedTuple):
    """A trial that ended: what it tried by config key, its score, COMPLETED or FAILED."""

    values: dict[str, Any]
    score: float | None
    status: str


class TuningResult(NamedTuple):
    """What a search found.

    Attributes:
        best_config: The configuration given, with the best values in it.
        best_score: Its score: BLEU, or the validation loss a token in nats.
        trials: All trials in the order in which they ended.
        path: `best.toml`, which holds `best_config`.
    """

    best_config: Config
    best_score: float
    trials: list[TrialResult]
    path: Path


def tune(config: Config, folder: str | Path, display: Display | None = None) -> TuningResult:
    """Search `config.tuning.space` for the configuration that validates best.

    Each trial trains for `tuning.epochs` epochs in its own run folder:

        "random":     `tuning.trials` combinations, no two the same
        "bayesian":   the same, but after 3 at random for each key a Gaussian process proposes them
        "hyperband":  many are trained a little, and again and again the best third goes on, to
                      `tuning.epochs` in the end. How many follows from that alone: 6 trials for
                      3 epochs, 23 for 9. It wants a space of more combinations than trials.

    A trial that fails is noted, and the search goes on. The same call takes up a search that was
    stopped: what ended is not repeated, what was under way goes on from its last checkpoint.
    TensorFlow keeps some memory of each trial until the process ends: 190 MB for one of about 12
    million weights. The same command in a new process goes on.

    Args:
        config: The configuration, with what to search in `config.tuning`.
        folder: The folder of the search, new or of this very search.
        display: Where to show a line for each trial; nowhere by default.

    Raises:
        UserError: If the space, the data or the folder is not as it must be, or no trial succeeds.
        KeyboardInterrupt: If it was stopped by Ctrl-C, or by SIGTERM while a trial trained.

    Reference: Li et al., 2018, https://arxiv.org/abs/1603.06560
    """
    folder, display = Path(folder), display or SilentDisplay()
    check_name(folder)
    hypermodel = TranslationHyperModel(config)
    oracle = _make_oracle(hypermodel)
    corpora = read_corpora(config.data)  # what is wrong here would fail every trial
    claim(folder, config, [corpus.fingerprint() for corpus in corpora])
    with writing(folder):
        search = _Search(hypermodel, oracle, folder, display)
        # Else keras-tuner prints the trace of each trial that fails, which its record has anyway.
        debug, keras_tuner_config.DEBUG = keras_tuner_config.DEBUG, False
        try:
            search.search()
        except keras_tuner.errors.FatalError as error:
            raise UserError(f"{error} Then tune again: the search goes on.") from error
        except KeyboardInterrupt:
            display.message("Interrupted; the same command goes on from here.")
            raise
        finally:
            keras_tuner_config.DEBUG = debug
        return search.result()


class _Search(BaseTuner):
    """The search in a folder.

    It stands on `BaseTuner`, not on `Tuner`: that resets Keras for all of the process before each
    trial, and with it every SentencePiece operation in use; and of a trial that Hyperband promotes
    it keeps the weights alone, where a run folder keeps the optimizer too.
    """

    def __init__(
        self,
        hypermodel: TranslationHyperModel,
        oracle: keras_tuner.Oracle,
        folder: Path,
        display: Display,
    ) -> None:
        self.folder, self.display = folder, display
        oracle.verbose = 0
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                super().__init__(oracle, directory=str(folder), project_name="search")
        except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
            raise UserError(
                f"The record in {folder / 'search'} is damaged: {_reason(error)}. Remove it and "
                "start again: what trials have trained so far is found in their folders."
            ) from error
        # Not given to `BaseTuner`, which would build a model to learn what the oracle knows.
        self.hypermodel = hypermodel
        self.planned = oracle.max_trials  # `None` for Hyperband: it depends on what fails

    def run_trial(self, trial: Trial, *_args: Any, **_kwargs: Any) -> dict[str, float]:
        """Train what the oracle proposes; whatever goes wrong fails the trial, not the search."""
        hp, display = trial.hyperparameters, _BarOnly(self.display)
        gc.collect()  # the model of the last trial, which holds itself in cycles
        try:
            model = self.hypermodel.build(hp)
            return self.hypermodel.fit(hp, model, folder=self._run_folder(trial), display=display)
        except Exception as error:
            cause = error.__cause__ if isinstance(error, UserError) else None
            if isinstance(error, OSError) or isinstance(cause, OSError | OpError):
                # A full disk or a file that is gone is no fault of these values.
                raise keras_tuner.errors.FatalError(str(error)) from error
            raise keras_tuner.errors.FailedTrialError(_reason(error)) from error

    def on_trial_end(self, trial: Trial) -> None:
        """Record the trial, show it, and write what is best so far."""
        super().on_trial_end(trial)
        trial = self.oracle.get_trial(trial.trial_id)
        self._write_table()
        is_best = self._best() is trial
        if is_best:
            self.result()
        ended = len(self.oracle.end_order)
        values = self.hypermodel.values(trial.hyperparameters).items()
        outcome = f"failed: {_message(trial)}"
        if trial.status == "COMPLETED":
            outcome = f"{self.oracle.objective.name} {trial.score:.4f}{' (best)' * is_best}"
        shown = [f"trial {ended}", *(f"{key} = {_short(value)}" for key, value in values), outcome]
        left = [f"{max(self.planned - ended, 0)} left"] if self.planned else []
        self.display.message("  ".join([*shown, *left]))

    def on_search_end(self) -> None:
        """Say so if there were fewer trials than planned."""
        ended = len(self.oracle.end_order)
        if self.planned and ended < self.planned:
            self.display.message(
                f"Ended after {ended} of {self.planned} trials: nothing new was left to try."
            )

    def result(self) -> TuningResult:
        """Write `best.toml` and return what was found.

        Raises:
            UserError: If no trial succeeded.
        """
        best, ended = self._best(), self._ended()
        if best is None:
            raise UserError(
                f"Tuning needs a trial that succeeds. Received: {len(ended)}, all of which "
                f"failed, the first with: {_message(ended[0]) if ended else 'none'} Put that right "
                f"and tune into a new folder, or remove {self.folder}."
            )
        values = self.hypermodel.values
        config = self.hypermodel.config.replace(values(best.hyperparameters))
        path = self.folder / "best.toml"
        save_config(config, path)
        trials = [
            TrialResult(values(trial.hyperparameters), trial.score, trial.status) for trial in ended
        ]
        return TuningResult(config, float(best.score), trials, path)

    def _run_folder(self, trial: Trial) -> Path:
        """Return the trial's run folder; that of a promoted trial starts as its parent's."""
        folder = self.folder / "trials" / trial.trial_id
        try:
            if folder.exists():
                Run.open(folder).check_same(self.hypermodel.configure(trial.hyperparameters))
        except UserError:  # of a search whose record was lost, or half there
            shutil.rmtree(folder)
        parent = trial.hyperparameters.values.get("tuner/trial_id")
        if parent is not None and not folder.exists():
            aside = folder.with_name(f".{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            shutil.copytree(folder.with_name(parent), aside)
            aside.replace(folder)
        return folder

    def _ended(self) -> list[Trial]:
        return [self.oracle.get_trial(trial_id) for trial_id in self.oracle.end_order]

    def _best(self) -> Trial | None:
        sign = 1 if self.oracle.objective.direction == "max" else -1
        completed = [trial for trial in self._ended() if trial.status == "COMPLETED"]
        return max(completed, key=lambda trial: sign * trial.score, default=None)

    def _write_table(self) -> None:
        keys = list(self.hypermodel.space)
        rows = [["trial", "status", "score", "epochs", *keys, "reason"]]
        for trial in self._ended():
            hp = trial.hyperparameters
            values = self.hypermodel.values(hp)
            epochs = hp.values.get("tuner/epochs", self.hypermodel.config.tuning.epochs)
            score = "" if trial.score is None else repr(float(trial.score))
            row = [trial.trial_id, trial.status, score, epochs]
            rows.append([*row, *(values[key] for key in keys), _message(trial)])
        save_table(rows, self.folder / "trials.tsv")


class _BarOnly(SilentDisplay):
    """Shows the progress of a trial, without its messages."""

    def __init__(self, display: Display) -> None:
        self.start, self.report, self.stop = display.start, display.report, display.stop


def _make_oracle(hypermodel: TranslationHyperModel) -> keras_tuner.Oracle:
    """Return what proposes trials, with the space declared: a Hyperband without it runs none."""
    tuning = hypermodel.config.tuning
    space = keras_tuner.HyperParameters()
    hypermodel.values(space)
    seed = hypermodel.config.training.seed
    arguments = {
        "objective": keras_tuner.Objective(
            tuning.objective, "max" if tuning.objective == "bleu" else "min"
        ),
        "hyperparameters": space,
        "seed": 1 + seed % 2**31,  # to keras-tuner 0 is none; NumPy has a limit
        "max_consecutive_failed_trials": sys.maxsize,
    }
    if tuning.tuner == "hyperband":
        if tuning.epochs < 3:
            raise UserError(
                'tuning.tuner = "hyperband" needs tuning.epochs of 3 or more, since it compares '
                f'trials at a third of them. Received: {tuning.epochs}. Or take "random".'
            )
        return keras_tuner.oracles.HyperbandOracle(max_epochs=tuning.epochs, **arguments)
    oracles = {
        "random": keras_tuner.oracles.RandomSearchOracle,
        "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    }
    return oracles[tuning.tuner](max_trials=tuning.trials, **arguments)


def _reason(error: Exception) -> str:
    """Return what an error says, in one line that is not too long."""
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"


def _message(trial: Trial) -> str:
    """Return why a trial failed: what follows the error's name in the last line of its trace."""
    return (trial.message or "").strip().rpartition("\n")[2].partition(": ")[2]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
