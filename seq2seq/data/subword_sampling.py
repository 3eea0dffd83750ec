"""Subword regularisation: in training a word is now and then cut in other ways than the best.

The model then sees `wolken|kratzer` and `wolken|kra|tzer`, and learns what both mean: each epoch
has other sentences, which helps where there are few.

A subword never crosses a space, and the unigram model takes subwords as independent. So the cuts of
the words of a sentence are independent too, and may be drawn word by word: from a table with the
likeliest cuts of each word that the corpus holds, made once.
"""

import itertools
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seq2seq.data.sentences import Indices, Sentences, TokenizedCorpus
from seq2seq.data.tokenizer import Ids, Tokenizer, TokenizerPair

__all__ = ["SampledSentences", "make_resample"]

MOST_CUTS = 32
"""So many cuts of a word are looked at; the likeliest, as the tokenizer finds them."""


def make_resample(
    corpus: TokenizedCorpus, tokenizers: TokenizerPair, temperature: float
) -> Callable[[np.random.Generator], TokenizedCorpus]:
    """Return what makes the corpus again by a random generator, each word cut anew.

    Args:
        corpus: The pairs, as the tokenizers cut them.
        tokenizers: Unigram tokenizers.
        temperature: As for `SampledSentences`.
    """
    source = SampledSentences(corpus.source, tokenizers.source, temperature)
    target = SampledSentences(corpus.target, tokenizers.target, temperature)

    def resample(generator: np.random.Generator) -> TokenizedCorpus:
        return replace(corpus, source=source.draw(generator), target=target.draw(generator))

    return resample


class SampledSentences:
    """Sentences whose words are cut into subwords at random.

        P(cut) = p(cut)^(1/T) / sum over the likeliest cuts c of the word p(c)^(1/T),
        p(cut) = product of the probabilities of its subwords

    so that a high temperature T makes all of them alike, and near 0 only the best remains. (T is
    1 / alpha in the paper, which does the same to the likeliest cuts of a sentence.) The likeliest
    are 32 at most: in text without spaces, where a sentence is one word, they differ from the best
    in a place or two. A word that is spelled in bytes is never cut otherwise.

    Reference: Kudo, 2018, https://arxiv.org/abs/1804.10959

    Args:
        sentences: The sentences, as the tokenizer cuts them, none of them empty.
        tokenizer: A unigram tokenizer.
        temperature: T, above 0.
    """

    def __init__(self, sentences: Sentences, tokenizer: Tokenizer, temperature: float) -> None:
        pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
        begins_word = np.array([piece.startswith("\u2581") for piece in pieces])
        table: dict[bytes, int] = {}  # the ids of a word, to its number
        numbers, lengths = array("i"), array("q")
        for index in range(len(sentences)):
            ids = sentences[index]
            words = np.split(ids, np.flatnonzero(begins_word[ids[1:]]) + 1)
            numbers.extend(table.setdefault(word.tobytes(), len(table)) for word in words)
            lengths.append(len(words))
        self._words = Sentences.from_lengths(np.array(numbers), np.array(lengths))
        words = (np.frombuffer(word, np.int32) for word in table)
        self._cuts = _Cuts.of_words(words, tokenizer, temperature)

    def draw(self, generator: np.random.Generator) -> Sentences:
        """Return the sentences, each word cut at random."""
        words, cuts = self._words, self._cuts
        drawn = cuts.draw(words.ids, generator)
        lengths = np.add.reduceat(cuts.ids.lengths[drawn], words.starts)
        return Sentences.from_lengths(cuts.ids.joined(drawn), lengths)


@dataclass(frozen=True)
class _Cuts:
    """The cuts of all words, one word's after the other's.

    Args:
        ids: The subwords of each cut.
        thresholds: For cut k of word i, i and the probability of its cuts up to k: they rise, so
            that one search finds the cuts of many words.
    """

    ids: Sentences
    thresholds: npt.NDArray[np.float64]

    @classmethod
    def of_words(cls, words: Iterable[Ids], tokenizer: Tokenizer, temperature: float) -> "_Cuts":
        """Look the cuts of words up, each given as the tokenizer cuts it."""
        ids, lengths, thresholds = array("i"), array("q"), array("d")
        for number, word in enumerate(words):
            cuts, scores = tokenizer.likeliest_cuts(word, MOST_CUTS)
            likelihoods = np.exp((scores - scores.max()) / temperature)
            shares = np.cumsum(likelihoods) / likelihoods.sum()
            shares[-1] = 1.0
            thresholds.extend(number + shares)
            lengths.extend(map(len, cuts))
            ids.extend(itertools.chain(*cuts))
        sentences = Sentences.from_lengths(np.array(ids), np.array(lengths))
        return cls(sentences, np.array(thresholds))

    def draw(self, words: Ids, generator: np.random.Generator) -> Indices:
        """Return the index of a cut of each word."""
        places = words + generator.random(len(words))
        # A sum may be rounded up to the next word's.
        places = np.minimum(places, np.nextafter(words + 1.0, 0.0))
        return np.searchsorted(self.thresholds, places, "right")
