"""Which pairs go into a batch together: those of like length, in an order that a seed decides."""

import bisect

import numpy as np

from seq2seq.data.sentences import Indices

__all__ = ["divide_epoch", "fill_batches", "plan_epoch"]


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
    batches = fill_batches(_sorted(widths, generator), widths, batch_tokens)
    return [batches[i] for i in generator.permutation(len(batches))]


def divide_epoch(
    source_lengths: Indices, target_lengths: Indices, count: int, seed: int, epoch: int
) -> list[Indices]:
    """Divide all pairs into so many batches of like length, as `plan_epoch` does.

    The limit on a batch's tokens is the smallest with which no more batches are needed; then the
    batches of most pairs are halved until there are enough.

    Args:
        source_lengths: Time steps of each source, integer `(pairs,)`.
        target_lengths: Time steps of each target, integer `(pairs,)`.
        count: The number of batches, from 1 to that of pairs.
        seed: With `epoch`, decides the order.
        epoch: Number of the epoch, from 0.

    Returns:
        Indices of the pairs of each batch; each pair is in one batch, and none is empty.
    """
    generator = np.random.default_rng((seed, epoch))
    widths = np.maximum(source_lengths, target_lengths)
    order = _sorted(widths, generator)
    limits = range(1, int(widths.max()) * len(widths) + 1)
    needed = bisect.bisect_left(
        limits, -count, key=lambda limit: -len(fill_batches(order, widths, limit))
    )
    batches = fill_batches(order, widths, limits[needed])
    while len(batches) < count:
        most = max(range(len(batches)), key=lambda i: len(batches[i]))
        batches[most : most + 1] = np.array_split(batches[most], 2)
    return [batches[i] for i in generator.permutation(count)]


def _sorted(widths: Indices, generator: np.random.Generator) -> Indices:
    """Return the indices of pairs by rising width, those of one width in random order."""
    shuffled = generator.permutation(len(widths))
    return shuffled[np.argsort(widths[shuffled], kind="stable")]


def fill_batches(order: Indices, widths: Indices, batch_tokens: int) -> list[Indices]:
    """Cut pairs, given in rising order of width, into batches as large as the limit allows.

    Args:
        order: Indices of pairs.
        widths: Time steps of the longer side of each pair, integer `(pairs,)`.
        batch_tokens: As for `plan_epoch`.
    """
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
