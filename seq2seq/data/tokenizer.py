"""Subword tokenisation: train a SentencePiece model; text to ids and back, inside the graph."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import sentencepiece
import tensorflow as tf
import tensorflow_text

from seq2seq.config import DataConfig
from seq2seq.data.corpus import MAXIMUM_LINE_BYTES, ParallelCorpus
from seq2seq.errors import UserError
from seq2seq.files import write_whole
from seq2seq.marks import BEGIN, END, PAD, UNKNOWN

__all__ = [
    "Tokenizer",
    "TokenizerPair",
    "load_tokenizers",
    "save_tokenizers",
    "train_subword_model",
    "train_tokenizers",
]

Ids = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float64]

# A larger corpus is sampled, because time and memory grow with it: 200,000 lines of 20 words took
# 12 seconds and 0.6 GB.
_MAXIMUM_TRAINING_LINES = 500_000

_TRAINING_OPTIONS = {
    "pad_id": PAD,
    "unk_id": UNKNOWN,
    "bos_id": BEGIN,
    "eos_id": END,
    "byte_fallback": True,
    # All but the rarest one in ten thousand characters get a piece. With 1.0 every stray emoji and
    # ideogram in a web corpus takes a row of the vocabulary; left out, it is spelled in bytes.
    "character_coverage": 0.9999,
    "max_sentence_length": MAXIMUM_LINE_BYTES,
    "num_threads": 1,  # the pieces depend on the number
    "minloglevel": 2,
}

_TOO_LARGE = re.compile(r"Vocabulary size too high .* value <= (\d+)")
_TOO_SMALL = re.compile(r"Vocabulary size is smaller than required_chars\. \d+ vs (\d+)")


def train_subword_model(
    lines: Iterable[str], vocabulary_size: int, subword_model: str = "unigram"
) -> bytes:
    """Train a SentencePiece model; the same lines in the same order give the same bytes.

    What has no piece of its own is spelled in bytes, so no text is ever unknown. The model
    normalises text by NFKC and joins runs of white space into one space.

    Args:
        lines: Text, one sentence each; those over `MAXIMUM_LINE_BYTES` are passed over.
        vocabulary_size: Number of pieces, of which 4 are marks and 256 are bytes.
        subword_model: "unigram" or "bpe".

    Returns:
        The serialised model.

    Raises:
        UserError: If the text allows no vocabulary of that size, or holds no character.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            vocab_size=vocabulary_size,
            model_type=subword_model,
            **_TRAINING_OPTIONS,
        )
    except RuntimeError as error:
        raise _training_error(str(error), vocabulary_size) from error
    return model.getvalue()


def _training_error(message: str, vocabulary_size: int) -> UserError:
    if found := _TOO_LARGE.search(message):
        return UserError(
            "The tokenizer needs a vocabulary that the text can fill. Received: vocabulary_size="
            f"{vocabulary_size}, where this text allows at most {found[1]}. "
            f"Set vocabulary_size = {found[1]} or less, or give more text."
        )
    if found := _TOO_SMALL.search(message):
        return UserError(
            "The tokenizer needs a piece for every mark, byte and character. Received: "
            f"vocabulary_size={vocabulary_size}, where this text requires at least {found[1]}. "
            f"Set vocabulary_size = {found[1]} or more."
        )
    return UserError(
        "The tokenizer needs text with visible characters to learn from. Received: text that "
        f"SentencePiece refuses ({' '.join(message.split())}). Check the training text."
    )


class Tokenizer(tf.Module):
    """Text to ids and back by a SentencePiece model, in TensorFlow ops.

    Works eagerly, in a `tf.function` and in a SavedModel, which then needs `tensorflow_text` to be
    imported before it is loaded. (`FastSentencepieceTokenizer` is not used because its ids differ
    from SentencePiece's own for some models.)

    Args:
        model: A serialised model from `train_subword_model`.

    Attributes:
        model: The same bytes.
        vocabulary_size: Number of ids; they run from 0.

    Raises:
        UserError: If `model` is no SentencePiece model or numbers its marks otherwise.
    """

    def __init__(self, model: bytes) -> None:
        super().__init__(name="tokenizer")
        self._processor = _load_processor(model)
        self.model = model
        self.vocabulary_size = int(self._processor.vocab_size())

    def tokenize(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Turn text, string `(batch,)`, into ids, int32 `(batch, (tokens))`, without marks."""
        return self._tokenize(text)

    def detokenize(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        """Turn ids, `(batch, time)` padded or ragged, into text, string `(batch,)`.

        The first END and all after it is dropped, and so are the other marks.
        """
        if isinstance(ids, tf.RaggedTensor):
            ids = ids.to_tensor(PAD)
        ids = tf.cast(ids, tf.int32)
        is_running = tf.cumsum(tf.cast(ids == END, tf.int32), axis=1) == 0
        is_piece = is_running & (ids > max(PAD, UNKNOWN, BEGIN, END))
        return self._detokenize(tf.ragged.boolean_mask(ids, is_piece))

    # The operation that holds the SentencePiece model is made inside these functions, not once in
    # `__init__`: made outside, its resource is gone as soon as anybody calls `tf.random.set_seed`.

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def _tokenize(self, text: tf.Tensor) -> tf.RaggedTensor:
        return self._operations().tokenize(text)

    @tf.function(
        input_signature=[tf.RaggedTensorSpec([None, None], tf.int32, row_splits_dtype=tf.int64)],
        autograph=False,
    )
    def _detokenize(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return self._operations().detokenize(ids)

    def _operations(self) -> tensorflow_text.SentencepieceTokenizer:
        return tensorflow_text.SentencepieceTokenizer(model=self.model, out_type=tf.int32)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the written form of each id of one sentence, to label a plot with."""
        return [self._processor.id_to_piece(int(token)) for token in ids]

    def likeliest_cuts(self, ids: Ids, most: int) -> tuple[list[list[int]], Scores]:
        """Return the ways to cut the text of some ids into subwords, the likeliest first.

        Args:
            ids: One word as the tokenizer cuts it, int32 `(tokens,)`.
            most: So many cuts at most, 1 or more.

        Returns:
            The cuts, `ids` the first, and their log-probabilities, float64 `(cuts,)`. Text that is
            spelled in bytes has one cut.
        """
        pieces, own = self._processor, ids.tolist()
        if any(pieces.is_byte(token) or pieces.is_unknown(token) for token in own):
            return [own], np.zeros(1)
        cuts = pieces.nbest_encode_as_ids(pieces.decode_ids(own), nbest_size=most)
        if cuts[0] != own:  # a space of its own, which spells nothing
            return [own], np.zeros(1)
        return cuts, np.array([sum(map(pieces.get_score, cut)) for cut in cuts])

    def written(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the written form of each id, strings of the shape of `ids`; "" for padding."""
        return self._written(ids)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
    def _written(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.where(ids == PAD, "", self._operations().id_to_string(ids))

    def save(self, path: str | Path) -> None:
        """Write the model; a crash leaves the old file or the new one, never a part."""
        write_whole(Path(path), self.model)

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a tokenizer that `save` wrote.

        Raises:
            UserError: If the file is missing or is no SentencePiece model of this package.
        """
        try:
            return cls(Path(path).read_bytes())
        except OSError as error:
            raise UserError(
                f"A tokenizer needs its model file. Received: {path} ({error.strerror}). "
                "Check the run folder."
            ) from error
        except UserError as error:
            raise UserError(f"{error} The file is {path}.") from error


def _load_processor(model: bytes) -> sentencepiece.SentencePieceProcessor:
    try:
        if not model:
            raise RuntimeError("no bytes")
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise UserError(
            "A tokenizer needs a whole SentencePiece model. "
            f"Received: {len(model)} bytes that are none. Restore it or train again."
        ) from error
    marks = (processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id())
    if marks != (PAD, UNKNOWN, BEGIN, END):
        raise UserError(
            f"A tokenizer needs the ids {(PAD, UNKNOWN, BEGIN, END)} for padding, unknown, begin "
            f"and end. Received: a model with {marks}. Train it with `train_subword_model`."
        )
    return processor


class TokenizerPair(NamedTuple):
    """The tokenizers of the two sides: one object twice if they share a vocabulary."""

    source: Tokenizer
    target: Tokenizer


def train_tokenizers(corpus: ParallelCorpus, config: DataConfig) -> TokenizerPair:
    """Train one tokenizer on both sides, or with `shared_vocabulary = false` one on each.

    Raises:
        UserError: If the text allows no vocabulary of `vocabulary_size`.
    """

    def train(lines: list[str]) -> Tokenizer:
        stride = -(-len(lines) // _MAXIMUM_TRAINING_LINES)
        sample = lines[:: max(1, stride)]
        return Tokenizer(train_subword_model(sample, config.vocabulary_size, config.subword_model))

    if config.shared_vocabulary:
        shared = train(corpus.source + corpus.target)
        return TokenizerPair(shared, shared)
    return TokenizerPair(train(corpus.source), train(corpus.target))


def save_tokenizers(pair: TokenizerPair, folder: str | Path) -> None:
    """Write `source.spm` and `target.spm` into a folder that exists."""
    pair.source.save(Path(folder) / "source.spm")
    pair.target.save(Path(folder) / "target.spm")


def load_tokenizers(folder: str | Path) -> TokenizerPair:
    """Read what `save_tokenizers` wrote; equal files give one object twice.

    Raises:
        UserError: If a file is missing or damaged.
    """
    source = Tokenizer.load(Path(folder) / "source.spm")
    target = Tokenizer.load(Path(folder) / "target.spm")
    return TokenizerPair(source, source if source.model == target.model else target)
