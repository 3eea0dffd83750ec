"""From a config to what a training loop needs: the run folder, the batches, the optimizer."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import keras

from seq2seq.checkpoint import gone, newest_checkpoint
from seq2seq.config import Config, DataConfig
from seq2seq.data.batches import Batch, BatchIterator, validation_batches
from seq2seq.data.corpus import ParallelCorpus, read_parallel
from seq2seq.data.sentences import tokenize_corpus
from seq2seq.data.subword_sampling import make_resample
from seq2seq.data.tokenizer import train_tokenizers
from seq2seq.errors import UserError
from seq2seq.run_folder import Run, check_new
from seq2seq.training.history import read_history
from seq2seq.training.schedules import WarmupSchedule

__all__ = ["Prepared", "make_optimizer", "prepare", "read_corpora"]


class Prepared(NamedTuple):
    """What a training loop starts from.

    Attributes:
        run: The run folder, new or found.
        batches: The training batches, at their start.
        validation: The validation batches.
        validation_text: The validation text, those too long for the batches too.
    """

    run: Run
    batches: BatchIterator
    validation: list[Batch]
    validation_text: ParallelCorpus


class Corpora(NamedTuple):
    """The text to train on and the text to validate on."""

    training: ParallelCorpus
    validation: ParallelCorpus


def prepare(
    config: Config, folder: Path, say: Callable[[str], None] = lambda text: None
) -> Prepared:
    """Open the run folder, or make it, and turn the text into batches.

    Args:
        config: The configuration.
        folder: The run folder.
        say: Told what is done, before what takes long, and what text there is.

    Raises:
        UserError: If a file or the folder is not as it must be; then nothing has been written.
    """
    run = _open(folder, config)
    say("Reading the text.")
    data, corpora = config.data, read_corpora(config.data)
    text = [corpus.fingerprint() for corpus in corpora]
    if run:
        run.check_text(text)
    else:
        say(f"Learning a vocabulary of {data.vocabulary_size:,} subwords.")
    tokenizers = run.tokenizers if run else train_tokenizers(corpora.training, data)
    training = tokenize_corpus(corpora.training, tokenizers, data.maximum_tokens)
    with _of_validation():
        validation = tokenize_corpus(corpora.validation, tokenizers, data.maximum_tokens)
    say(_note("Training text", corpora.training, training.skipped))
    say(_note("Validation text", corpora.validation, validation.skipped))
    if run and run.config != config:
        say("The config differs from the run's in how long it trains, how it decodes, or paths.")
        run = dataclasses.replace(run, config=config)
    run = run or Run.create(folder, config, tokenizers, text)
    temperature = data.subword_temperature
    resample = make_resample(training, tokenizers, temperature) if temperature else None
    batches = BatchIterator(
        training, data.batch_tokens, config.training.seed, config.training.epochs, resample
    )
    return Prepared(
        run, batches, validation_batches(validation, data.batch_tokens), corpora.validation
    )


def read_corpora(data: DataConfig) -> Corpora:
    """Read the training and the validation text.

    Without validation files, every twentieth pair is held out for validation, 1,000 at most.

    Raises:
        UserError: If a file is missing or wrong.
    """
    training = read_parallel(data.source, data.target, data.pairs)
    if data.validation_source or data.validation_target or data.validation_pairs:
        files = data.validation_source, data.validation_target, data.validation_pairs
        with _of_validation():
            return Corpora(training, read_parallel(*files))
    stride = max(20, -(-len(training.source) // 1000))
    held = range(0, len(training.source), stride)
    kept = sorted(set(range(len(training.source))) - set(held)) or list(held)
    return Corpora(_pick(training, kept), dataclasses.replace(_pick(training, held), skipped={}))


def make_optimizer(
    config: Config, total_steps: int
) -> tuple[keras.optimizers.Optimizer, WarmupSchedule]:
    """Return the optimizer that the configuration names, and its schedule.

    Args:
        config: The configuration.
        total_steps: Updates in all.
    """
    training = config.training
    schedule = WarmupSchedule(
        training.learning_rate,
        warmup_steps=training.warmup_steps,
        decay=training.schedule,
        total_steps=total_steps,
    )
    optimizers = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    momentum = training.ema_momentum
    average = {"use_ema": True, "ema_momentum": momentum} if momentum else {}
    optimizer = optimizers[training.optimizer](schedule, **average)
    if training.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer), schedule
    return optimizer, schedule


def _open(folder: Path, config: Config) -> Run | None:
    """Open the run folder, if there is one; check it before work that takes minutes."""
    if not folder.is_dir() or not any(folder.iterdir()):
        check_new(folder)
        return None
    run = Run.open(folder)
    with run.locked():  # what another process is replacing would look damaged
        run.check_same(config)
        _check_whole(run)
    return run


@contextlib.contextmanager
def _of_validation() -> Iterator[None]:
    """Let errors say that they are about the validation text."""
    try:
        yield
    except UserError as error:
        raise UserError(f"Validation text: {error}") from error


def _check_whole(run: Run) -> None:
    """Raise `UserError` if what the run was to go on from is gone: to start over loses the rest."""
    history = read_history(run.folder)
    best, latest = (newest_checkpoint(run.folder / name) for name in ("best", "latest"))
    # In the first validation, a crash may have come before anything was there to go on from.
    is_begun = len(history.get("step", [])) > 1 or (best is not None and not history)
    if latest is None and is_begun:
        raise gone(run.folder / "latest")


def _pick(corpus: ParallelCorpus, indices: list[int] | range) -> ParallelCorpus:
    return dataclasses.replace(
        corpus,
        source=[corpus.source[index] for index in indices],
        target=[corpus.target[index] for index in indices],
    )


def _note(name: str, corpus: ParallelCorpus, too_long: int) -> str:
    reasons = [f"{count:,} {reason}" for reason, count in corpus.skipped.items() if count]
    reasons += [f"{too_long:,} with too many tokens or none"] if too_long else []
    skipped = f" Skipped: {', '.join(reasons)}." if reasons else ""
    return f"{name}: {len(corpus.source) - too_long:,} pairs.{skipped}"
