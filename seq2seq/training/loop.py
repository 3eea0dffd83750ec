"""The training loop.

restore the latest checkpoint, if there is one
for each batch:
    update the weights
    now and then report
    now and then validate: loss and perplexity, and whatever `validate` measures
        remember the best weights; save; stop if it has not got better for long
"""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from seq2seq.checkpoint import Checkpoints
from seq2seq.config import Config
from seq2seq.data.batches import BatchIterator
from seq2seq.data.corpus import ParallelCorpus
from seq2seq.files import writing
from seq2seq.model.translator import TranslationModel, build_model
from seq2seq.run_folder import Run
from seq2seq.training.average import averaged_weights
from seq2seq.training.counters import Counters
from seq2seq.training.divergence import DivergedError, Divergence
from seq2seq.training.history import append_history, cut_history
from seq2seq.training.interrupt import stop_on_signal
from seq2seq.training.metrics import LossMeter, mean_loss, perplexity
from seq2seq.training.parallel import parallel_parts
from seq2seq.training.prepare import Prepared, make_optimizer, prepare
from seq2seq.training.progress import Display, Report, SilentDisplay
from seq2seq.training.scheduled import make_mix
from seq2seq.training.step import make_evaluation_step, make_train_step

__all__ = ["DivergedError", "TrainingResult", "Validate", "train"]

Validate = Callable[[Run, keras.Model, ParallelCorpus], dict[str, float]]
"""Measures a model on validation text; returns scores by name, of which `bleu` chooses the best."""


class TrainingResult(NamedTuple):
    """How training ended.

    Attributes:
        folder: The run folder.
        step: Updates in all.
        validation_loss: The last validation's loss a token, in nats.
        scores: What `validate` measured last; empty if the run had ended before this call.
        best: The best score: BLEU, or without a `validate` the validation loss, negated.
        is_interrupted: Whether it was stopped from outside and can go on.
    """

    folder: Path
    step: int
    validation_loss: float
    scores: dict[str, float]
    best: float
    is_interrupted: bool


def train(
    config: Config,
    folder: str | Path,
    validate: Validate | None = None,
    display: Display | None = None,
    *,
    model: TranslationModel | None = None,
    epochs: int | None = None,
) -> TrainingResult:
    """Train a translation model, or go on training it.

    A folder that holds a run of the same configuration is taken up where its latest checkpoint
    stands; on a CPU, with as many cores, the result is then, to the bit, that of a run which was
    never interrupted.
    Ctrl-C, SIGTERM and SIGHUP save and return.

    Args:
        config: The configuration.
        folder: The run folder.
        validate: Measures more than the loss at each validation, such as BLEU. Without it the
            best checkpoint is the one of the lowest validation loss.
        display: Where to show progress; nowhere by default.
        model: What `build_model(config)` returned; built here by default.
        epochs: Pause after this many epochs in all. The schedule still goes by
            `config.training.epochs`. A pause ends with a validation, which counts as any other; but
            for what that decides, a later call goes on as if there had been no pause.

    Returns:
        How training ended.

    Raises:
        UserError: If a file, the folder or a setting is not as it must be, or another process
            trains in the folder.
        DivergedError: If loss or gradient are no numbers for 10 updates in a row; the checkpoints
            stay.
    """
    display = display or SilentDisplay()
    # First, since sizes that do not fit each other must not leave a run folder behind.
    model = model or build_model(config)
    prepared = prepare(config, Path(folder), display.message)
    with prepared.run.locked():
        loop = _Loop(config, prepared, validate, display, model, epochs)
        try:
            with stop_on_signal(display.message) as is_stopped:
                return loop.run(is_stopped)
        finally:
            display.stop()
            loop.close()


class _Loop:
    def __init__(
        self,
        config: Config,
        prepared: Prepared,
        validate: Validate | None,
        display: Display,
        model: TranslationModel,
        epochs: int | None,
    ) -> None:
        self.config, self.prepared = config, prepared
        self.validate, self.display = validate, display
        training = config.training
        self.batches: BatchIterator = prepared.batches
        self.epochs = min(epochs or training.epochs, training.epochs)
        self.steps_per_epoch = self.batches.batches_per_epoch()
        self.total_steps = self.epochs * self.steps_per_epoch
        self.model = model
        all_steps = training.epochs * self.steps_per_epoch
        self.optimizer, self.schedule = make_optimizer(config, all_steps)
        self.update = make_train_step(
            self.model,
            self.optimizer,
            label_smoothing=training.label_smoothing,
            clip_norm=training.clip_norm,
            mix=make_mix(training, self.model, self.optimizer, all_steps),
            r_drop=training.r_drop,
            parts=parallel_parts(training.parallel_parts),
        )
        self.evaluate = make_evaluation_step(self.model)
        self.progress = Counters()
        self.checkpoints = Checkpoints(
            prepared.run.folder,
            model=self.model,
            optimizer=self.optimizer,
            iterator=self.batches,
            progress=self.progress,
            learning_rate_factor=self.schedule.factor,
        )
        with writing(prepared.run.folder):
            self.writer = tf.summary.create_file_writer(str(prepared.run.folder / "log"))
        self.scores: dict[str, float] = {}

    def run(self, is_stopped: Callable[[], bool]) -> TrainingResult:
        training = self.config.training
        if self.checkpoints.restore():
            if math.isfinite(self.progress.best.numpy()):
                self.checkpoints.check_best()
            self.display.message(f"Going on from step {self.step}.")
        self.prepared.run.save_config()
        with writing(self.prepared.run.folder):
            cut_history(self.prepared.run.folder, self.step)
        self.display.start(self.step, self.total_steps)
        meter = LossMeter()
        if self._has_stalled():
            return self._result(is_interrupted=False)
        for sums in self._updates():
            meter.add(sums)
            if self.step % training.report_every == 0:
                self._report(meter.report())
            if self.step % training.validate_every == 0:
                self._validate()
                meter = LossMeter()
                if self._has_stalled():
                    break
            if is_stopped():
                self.checkpoints.save(self.step)
                return self._result(is_interrupted=True)
        if int(self.progress.validated_step.numpy()) != self.step:
            self._validate()
        return self._result(is_interrupted=False)

    @property
    def step(self) -> int:
        return int(self.progress.step.numpy())

    @property
    def applied(self) -> int:
        """How many updates were not left out."""
        return int(self.optimizer.iterations.numpy())

    def _updates(self) -> Iterator[Any]:
        """Update the weights on batch after batch; yield the loss of each."""
        divergence = Divergence()
        while int(self.batches.epoch.numpy()) < self.epochs:
            batch = next(self.batches)
            began, applied = time.monotonic(), self.applied
            sums = self.update(*batch)
            divergence.add(self.step, float(sums.loss), self.applied > applied)
            self.progress.step.assign_add(1)
            self.progress.loss.assign_add(float(sums.negative_log_likelihood))
            self.progress.tokens.assign_add(float(sums.tokens))
            self.progress.seconds.assign_add(time.monotonic() - began)
            yield sums

    def _report(self, report: Any) -> None:
        rate = float(self.schedule(max(self.applied - 1, 0)))
        epoch = (self.step - 1) // self.steps_per_epoch + 1
        self.display.report(Report(self.step, epoch, *report, rate))
        self._log(loss=report[0], perplexity=report[1], tokens_per_second=report[2], rate=rate)

    def _validate(self) -> None:
        """Measure the model or its average, log it, and save; the best is remembered."""
        with averaged_weights(self.model, self.optimizer):
            is_best = self._measure()
            # The best first: a crash before the latest repeats this step, and so this decision.
            if is_best:
                self.checkpoints.save_best(self.step)
        self.checkpoints.save(self.step)

    def _is_better(self, score: float, loss: float) -> bool:
        """Return whether a score is above the best, or equals that of just before at a lower loss.

        At the beginning several scores are 0.
        """
        best, before = float(self.progress.best.numpy()), self.progress.validation_loss.numpy()
        was_best = int(self.progress.validations_since_best.numpy()) == 0
        return score > best or (score == best and was_best and loss < before)

    def _measure(self) -> bool:
        """Measure the model and log it; return whether it is the best so far."""
        loss = mean_loss(self.evaluate, self.prepared.validation)
        if self.validate is not None:
            self.scores = self.validate(
                self.prepared.run, self.model, self.prepared.validation_text
            )
        score = self.scores.get("bleu", -loss)
        is_best = math.isfinite(loss) and self._is_better(score, loss)
        if is_best:
            self.progress.best.assign(score)
        self.progress.validations_since_best.assign(
            0 if is_best else self.progress.validations_since_best + 1
        )
        if not is_best and self.config.training.schedule == "plateau":
            factor = self.schedule.factor
            factor.assign(factor * self.config.training.plateau_factor)
        self.progress.validated_step.assign(self.step)
        self.progress.validation_loss.assign(loss)
        self._show_validation(loss, is_best)
        self.progress.loss.assign(0.0)
        self.progress.tokens.assign(0.0)
        return is_best

    def _show_validation(self, loss: float, is_best: bool) -> None:
        measured = {
            "training_loss": float(self.progress.loss / tf.maximum(self.progress.tokens, 1.0)),
            "validation_loss": loss,
            "validation_perplexity": perplexity(loss),
            **self.scores,
        }
        self._log(**measured)
        seconds = float(self.progress.seconds.numpy())
        with writing(self.prepared.run.folder):
            append_history(self.prepared.run.folder, self.step, seconds, measured)
        shown = "  ".join(f"{name} {value:.2f}" for name, value in measured.items())
        left_out = self.step - self.applied
        lost = f"  {left_out} updates left out: no finite gradient" if left_out else ""
        self.display.message(f"step {self.step}  {shown}{'  (best)' if is_best else ''}{lost}")

    def close(self) -> None:
        with writing(self.prepared.run.folder):
            self.writer.close()

    def _has_stalled(self) -> bool:
        """Return whether validation has not got better for too long; say so."""
        patience = self.config.training.patience
        if not patience or int(self.progress.validations_since_best.numpy()) < patience:
            return False
        self.display.message(f"No better validation in {patience}: stopping early.")
        return True

    def _log(self, **values: float) -> None:
        with writing(self.prepared.run.folder), self.writer.as_default(step=self.step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def _result(self, is_interrupted: bool) -> TrainingResult:
        return TrainingResult(
            folder=self.prepared.run.folder,
            step=self.step,
            validation_loss=float(self.progress.validation_loss.numpy()),
            scores=self.scores,
            best=float(self.progress.best.numpy()),
            is_interrupted=is_interrupted,
        )
