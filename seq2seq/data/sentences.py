"""The ids of a corpus: many sentences in one array, and two such arrays side by side."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from seq2seq.data.corpus import ParallelCorpus
from seq2seq.data.tokenizer import Ids, Tokenizer, TokenizerPair
from seq2seq.errors import UserError

__all__ = ["Indices", "Sentences", "TokenizedCorpus", "tokenize_corpus"]

Indices = npt.NDArray[np.int64]

_LINES_AT_A_TIME = 1000


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

    def joined(self, indices: Indices) -> Ids:
        """Return the ids of the sentences at `indices`, `(sentences,)`, one after the other."""
        lengths = self.lengths[indices]
        starts = self.starts[indices] - (np.cumsum(lengths) - lengths)
        return self.ids[np.repeat(starts, lengths) + np.arange(lengths.sum())]

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
