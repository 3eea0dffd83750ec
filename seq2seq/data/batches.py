"""Batches: token ids of a corpus, grouped by length, padded, in an order that can be resumed."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from seq2seq.data.corpus import ParallelCorpus
from seq2seq.data.tokenizer import Ids, Tokenizer, TokenizerPair
from seq2seq.errors import UserError
from seq2seq.marks import BEGIN, END, PAD

__all__ = [
    "Batch",
    "BatchIterator",
    "Sentences",
    "TokenizedCorpus",
    "make_batch",
    "plan_epoch",
    "tokenize_corpus",
    "validation_batches",
]

Indices = npt.NDArray[np.int64]

_LINES_AT_A_TIME = 1000


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


@dataclass(frozen=True)
class Sentences:
    """Many sentences of ids in one array: 4 bytes a token, however many sentences.

    Args:
        ids: All ids one after the other, int32 `(tokens,)`.
        lengths: Tokens of each sentence, int64 `(sentences,)`.
        starts: Where each sentence starts in `ids`, int64 `(sentences,)`.
    """

    ids: Ids
    lengths: Indices
    starts: Indices

    @classmethod
    def from_lengths(cls, ids: Ids, lengths: Indices) -> "Sentences":
        """Build from ids and lengths that add up to their number."""
        return cls(ids, lengths, np.cumsum(lengths) - lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Ids:
        return self.ids[self.starts[index] : self.starts[index] + self.lengths[index]]

    def where(self, is_kept: npt.NDArray[np.bool_]) -> "Sentences":
        """Return the sentences for which `is_kept`, `(sentences,)`, is true."""
        kept_ids = self.ids[np.repeat(is_kept, self.lengths)]
        return Sentences.from_lengths(kept_ids, self.lengths[is_kept])


@dataclass(frozen=True)
class TokenizedCorpus:
    """The ids of a parallel corpus, without marks: `target[i]` translates `source[i]`.

    Args:
        source: Sentences of the source language.
        target: As many sentences of the target language.
        skipped: How many pairs were left out because a side had no token or too many.
    """

    source: Sentences
    target: Sentences
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, indices: Indices) -> Batch:
        """Return the pairs at `indices` as one batch."""
        return make_batch([self.source[i] for i in indices], [self.target[i] for i in indices])


def tokenize_corpus(
    corpus: ParallelCorpus, tokenizers: TokenizerPair, maximum_tokens: int
) -> TokenizedCorpus:
    """Turn a corpus into ids.

    Args:
        corpus: The text.
        tokenizers: One for each side.
        maximum_tokens: The most tokens a side may have, marks not counted. A pair with a longer
            side, or with a side of no token (it held nothing visible), is skipped.

    Raises:
        UserError: If every pair is skipped.
    """
    source = _tokenize(corpus.source, tokenizers.source)
    target = _tokenize(corpus.target, tokenizers.target)
    shortest = np.minimum(source.lengths, target.lengths)
    longest = np.maximum(source.lengths, target.lengths)
    is_kept = (shortest >= 1) & (longest <= maximum_tokens)
    if not is_kept.any():
        raise UserError(
            f"A corpus needs a pair with 1 to {maximum_tokens} tokens on both sides. Received: "
            f"{len(is_kept)} pairs, none of which has. Raise maximum_tokens or split the lines."
        )
    skipped = int(np.count_nonzero(~is_kept))
    return TokenizedCorpus(source.where(is_kept), target.where(is_kept), skipped)


def _tokenize(lines: list[str], tokenizer: Tokenizer) -> Sentences:
    ids, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    for start in range(0, len(lines), _LINES_AT_A_TIME):
        ragged = tokenizer.tokenize(tf.constant(lines[start : start + _LINES_AT_A_TIME]))
        ids.append(ragged.flat_values.numpy())
        lengths.append(ragged.row_lengths().numpy())
    return Sentences.from_lengths(np.concatenate(ids), np.concatenate(lengths))


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


def plan_epoch(
    source_lengths: Indices, target_lengths: Indices, batch_tokens: int, seed: int, epoch: int
) -> list[Indices]:
    """Divide all pairs into batches of like length: a pure function of its arguments.

    Pairs are sorted by the longer of their two sides, those of one length in random order, and
    each batch takes pairs until its longest side times their number would pass `batch_tokens`.
    (Sorting by what the limit counts makes the fewest batches, and shuffling all of one length
    mixes the batches anew each epoch.) Then the order of the batches is shuffled.

    Args:
        source_lengths: Time steps of each source, integer `(pairs,)`.
        target_lengths: Time steps of each target, integer `(pairs,)`.
        batch_tokens: The most time steps times sentences of a batch; a pair that is longer alone
            gets a batch of its own.
        seed: With `epoch`, decides the order.
        epoch: Number of the epoch, from 0.

    Returns:
        Indices of the pairs of each batch; each pair is in one batch.
    """
    generator = np.random.default_rng((seed, epoch))
    widths = np.maximum(source_lengths, target_lengths)
    shuffled = generator.permutation(len(widths))
    batches = _fill(shuffled[np.argsort(widths[shuffled], kind="stable")], widths, batch_tokens)
    return [batches[i] for i in generator.permutation(len(batches))]


def _fill(order: Indices, widths: Indices, batch_tokens: int) -> list[Indices]:
    """Cut pairs, given in rising order of width, into batches as large as the limit allows."""
    widths = widths[order]
    batches, start = [], 0
    while start < len(order):
        # The last pair of a batch is its widest, so its width times the number of pairs up to it
        # is the size of the batch, and rises.
        most = max(1, batch_tokens // max(1, int(widths[start])))
        window = widths[start : start + most]
        sizes = window * np.arange(1, len(window) + 1)
        count = max(1, int(np.searchsorted(sizes, batch_tokens, side="right")))
        batches.append(order[start : start + count])
        start += count
    return batches


def _time_steps(corpus: TokenizedCorpus) -> tuple[Indices, Indices]:
    """Lengths of source and target as a batch holds them: each with one mark."""
    return corpus.source.lengths + 1, corpus.target.lengths + 1


@dataclass(frozen=True)
class _Plan:
    epoch: int
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
        draw: Makes a batch of the pairs at some indices by a generator that is the same for the
            same seed, epoch and position; by default the pairs as the corpus has them.

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
        draw: Callable[[Indices, np.random.Generator], Batch] | None = None,
    ) -> None:
        super().__init__(name="batch_iterator")
        with tf.device("CPU:0"):  # reading them must not wait for an accelerator
            self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
            self.position = tf.Variable(0, dtype=tf.int64, trainable=False, name="position")
        self._corpus = corpus
        self._batch_tokens = batch_tokens
        self._seed = seed
        self._epochs = math.inf if epochs is None else epochs
        self._draw = draw
        self._plan = self._make_plan(0)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        epoch, position = int(self.epoch.numpy()), int(self.position.numpy())
        if epoch >= self._epochs:
            raise StopIteration
        if self._plan.epoch != epoch:
            self._plan = self._make_plan(epoch)
        # If the corpus or the limit changed before a restore, the epoch may be shorter than that.
        position = min(position, len(self._plan.batches) - 1)
        batch = self._batch(epoch, position)
        is_last = position + 1 == len(self._plan.batches)
        self.epoch.assign(epoch + is_last)
        self.position.assign(0 if is_last else position + 1)
        return batch

    def batches_per_epoch(self, epoch: int) -> int:
        """Return the number of batches of an epoch; being due to lengths, it is that of all."""
        plan = self._plan if self._plan.epoch == epoch else self._make_plan(epoch)
        return len(plan.batches)

    def _batch(self, epoch: int, position: int) -> Batch:
        indices = self._plan.batches[position]
        if self._draw is None:
            return self._corpus.batch(indices)
        return self._draw(indices, np.random.default_rng((self._seed, epoch, position)))

    def _make_plan(self, epoch: int) -> _Plan:
        steps = _time_steps(self._corpus)
        return _Plan(epoch, plan_epoch(*steps, self._batch_tokens, self._seed, epoch))


def validation_batches(corpus: TokenizedCorpus, batch_tokens: int) -> list[Batch]:
    """Return the whole corpus in batches by rising length, the same each time."""
    widths = np.maximum(*_time_steps(corpus))
    order = np.argsort(widths, kind="stable")
    return [corpus.batch(indices) for indices in _fill(order, widths, batch_tokens)]
