"""Batches: token ids of a corpus, grouped by length, padded, in an order that can be resumed."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from seq2seq.data.plan import divide_epoch, fill_batches, plan_epoch
from seq2seq.data.sentences import Indices, TokenizedCorpus
from seq2seq.data.tokenizer import Ids
from seq2seq.marks import BEGIN, END, PAD

__all__ = ["Batch", "BatchIterator", "make_batch", "validation_batches"]


class Batch(NamedTuple):
    """Padded ids of some pairs, each int32.

    Args:
        source: `(batch, source_time)`: the sentence, END, then PAD.
        target_in: `(batch, target_time)`: BEGIN, the translation, then PAD.
        target_out: `(batch, target_time)`: the translation, END, then PAD.
    """

    source: Ids
    target_in: Ids
    target_out: Ids


def make_batch(source_ids: Sequence[Ids], target_ids: Sequence[Ids]) -> Batch:
    """Mark and pad sentences of ids, at least one, so that they can be trained on together."""
    # The one place that shifts targets. At each step the decoder is fed the token before the one
    # it must predict, so the two sequences are the same tokens one step apart; made twice, in two
    # places, they can be two steps apart or none, and a model fed its own answer learns to copy.
    return Batch(
        source=_pad([np.append(ids, np.int32(END)) for ids in source_ids]),
        target_in=_pad([np.insert(ids, 0, BEGIN) for ids in target_ids]),
        target_out=_pad([np.append(ids, np.int32(END)) for ids in target_ids]),
    )


def _pad(rows: Sequence[Ids]) -> Ids:
    padded = np.full((len(rows), max(map(len, rows))), PAD, np.int32)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def _batch_of(corpus: TokenizedCorpus, indices: Indices) -> Batch:
    return make_batch([corpus.source[i] for i in indices], [corpus.target[i] for i in indices])


def _time_steps(corpus: TokenizedCorpus) -> tuple[Indices, Indices]:
    """Lengths of source and target as a batch holds them: each with one mark."""
    return corpus.source.lengths + 1, corpus.target.lengths + 1


@dataclass(frozen=True)
class _Plan:
    epoch: int
    corpus: TokenizedCorpus
    batches: list[Indices]


class BatchIterator(tf.Module):
    """Batches of a corpus, epoch after epoch, that a checkpoint takes up at the next batch.

        iterator = BatchIterator(corpus, batch_tokens=2400, seed=1, epochs=20)
        checkpoint = tf.train.Checkpoint(iterator=iterator)
        for batch in iterator: ...

    The two variables say what has been handed out: `epoch` whole epochs, and `position` batches of
    the one after. They are all that a checkpoint holds; whoever restores them, at any time, gets
    the batches that would have come.

    This is not a `tf.data` iterator because that sorts by length within a window only, cannot say
    how many batches an epoch will have, and writes its shuffle buffer into each checkpoint (some
    hundred kilobytes, against 16 bytes). Here the order is a function of seed and epoch, and so
    the same on every machine.

    Args:
        corpus: The ids of the pairs.
        batch_tokens: As for `plan_epoch`; the mark each side gets counts as a token.
        seed: Decides the order.
        epochs: Number of epochs after which to stop; `None` for no end.
        resample: Makes the corpus of an epoch, of as many pairs, by a generator that is the same
            for the same seed and epoch. Its epochs have as many batches as those of `corpus`, of
            as many tokens more as it has. By default every epoch has `corpus`.

    Attributes:
        epoch: Epochs completed, an int64 `tf.Variable`.
        position: Batches handed out since, an int64 `tf.Variable`.
    """

    def __init__(
        self,
        corpus: TokenizedCorpus,
        batch_tokens: int,
        seed: int,
        epochs: int | None = None,
        resample: Callable[[np.random.Generator], TokenizedCorpus] | None = None,
    ) -> None:
        super().__init__(name="batch_iterator")
        with tf.device("CPU:0"):  # reading them must not wait for an accelerator
            self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
            self.position = tf.Variable(0, dtype=tf.int64, trainable=False, name="position")
        self._corpus = corpus
        self._batch_tokens = batch_tokens
        self._seed = seed
        self._epochs = math.inf if epochs is None else epochs
        self._resample = resample
        self._count = len(plan_epoch(*_time_steps(corpus), batch_tokens, seed, 0))
        self._plan: _Plan | None = None

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        epoch, position = int(self.epoch.numpy()), int(self.position.numpy())
        if epoch >= self._epochs:
            raise StopIteration
        if self._plan is None or self._plan.epoch != epoch:
            self._plan = None  # that two corpora need not be there at once
            self._plan = self._make_plan(epoch)
        # If the corpus or the limit changed before a restore, the epoch may be shorter than that.
        position = min(position, self._count - 1)
        batch = _batch_of(self._plan.corpus, self._plan.batches[position])
        is_last = position + 1 == self._count
        self.epoch.assign(epoch + is_last)
        self.position.assign(0 if is_last else position + 1)
        return batch

    def batches_per_epoch(self) -> int:
        """Return the number of batches of an epoch; being due to lengths, it is that of all."""
        return self._count

    def _make_plan(self, epoch: int) -> _Plan:
        corpus, seed = self._corpus, self._seed
        if self._resample is None:
            steps = _time_steps(corpus)
            return _Plan(epoch, corpus, plan_epoch(*steps, self._batch_tokens, seed, epoch))
        corpus = self._resample(np.random.default_rng((seed, epoch, 1)))
        return _Plan(epoch, corpus, divide_epoch(*_time_steps(corpus), self._count, seed, epoch))


def validation_batches(corpus: TokenizedCorpus, batch_tokens: int) -> list[Batch]:
    """Return the whole corpus in batches by rising length, the same each time."""
    widths = np.maximum(*_time_steps(corpus))
    order = np.argsort(widths, kind="stable")
    return [_batch_of(corpus, indices) for indices in fill_batches(order, widths, batch_tokens)]
