"""From strings to strings: the graph that is served, and the `Translator` around it."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from seq2seq.checkpoint import Run
from seq2seq.config import DecodingConfig
from seq2seq.data.tokenizer import TokenizerPair
from seq2seq.inference.beam import beam_search, repeat_rows
from seq2seq.inference.greedy import Hypotheses, greedy_search
from seq2seq.marks import BEGIN, END, PAD, UNKNOWN
from seq2seq.model.translator import TranslationModel, build_model

__all__ = ["Alignment", "TranslationGraph", "Translator"]

TEXT = tf.TensorSpec([None], tf.string, name="text")
CHUNK_BATCHES = 16


class Alignment(NamedTuple):
    """How a translation looked at its source.

    Attributes:
        source: The source's pieces and the end mark.
        target: The translation's pieces and the end mark.
        weights: Attention, float32 array `(len(target), len(source))`; rows sum to one.
    """

    source: list[str]
    target: list[str]
    weights: Any


class TranslationGraph(tf.Module):
    """Strings in, strings out, in TensorFlow ops alone: what Python runs and what is exported.

    Bounds apply in this order: bytes a line; invalid UTF-8 becomes U+FFFD; tokens a line; steps of
    decoding.

    Args:
        model: The model.
        tokenizers: The tokenizers.
        decoding: How to search, and the bounds.
    """

    def __init__(
        self,
        model: TranslationModel,
        tokenizers: TokenizerPair,
        decoding: DecodingConfig,
    ) -> None:
        super().__init__(name="translation")
        self.model = model
        self.source_tokenizer = tokenizers.source
        self.target_tokenizer = tokenizers.target
        self._decoding = decoding

    @tf.function(input_signature=[TEXT], autograph=False)
    def translate(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translate lines.

        Args:
            text: Strings `(batch,)`. An empty line, or one of white space, gives an empty line.

        Returns:
            `translation`, strings `(batch,)`, and `score`, float32 `(batch,)`: the log-probability
            by which hypotheses are compared (natural logarithm; with a beam, divided by the length
            penalty); 0 for an empty line.
        """
        source = self.tokenize(text)
        found = self.search(source)
        translation = self.target_tokenizer.detokenize(found.tokens[:, 0])
        # A model can spell a line break in bytes; one line must stay one line.
        translation = tf.strings.regex_replace(translation, r"[\r\n]+", " ")
        # Without a token but the end mark there is nothing to translate.
        is_empty = source[:, 0] == END
        return {
            "translation": tf.where(is_empty, "", translation),
            "score": tf.where(is_empty, 0.0, found.scores[:, 0]),
        }

    def tokenize(self, text: tf.Tensor) -> tf.Tensor:
        """Return the source's tokens, each line ended by END, int32 `(batch, time)`."""
        tokens = self._all_tokens(text)[:, : self._decoding.maximum_source_tokens]
        ends = tf.fill([tf.shape(text)[0], 1], END)
        padded = tf.concat([tokens, ends], axis=1).to_tensor(PAD)
        # A batch of none has no longest row; give it a column all the same.
        missing = tf.maximum(1 - tf.shape(padded)[1], 0)
        return tf.pad(padded, [[0, 0], [0, missing]], constant_values=PAD)

    @tf.function(input_signature=[TEXT], autograph=False)
    def is_cut(self, text: tf.Tensor) -> tf.Tensor:
        """Return which lines are too long to be translated whole, boolean `(batch,)`."""
        too_many_bytes = tf.strings.length(text) > self._decoding.maximum_bytes
        tokens = tf.cast(self._all_tokens(text).row_lengths(), tf.int32)
        return too_many_bytes | (tokens > self._decoding.maximum_source_tokens)

    def _all_tokens(self, text: tf.Tensor) -> tf.RaggedTensor:
        text = tf.strings.substr(text, 0, self._decoding.maximum_bytes, unit="BYTE")
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        return self.source_tokenizer.tokenize(text)

    def search(self, source: tf.Tensor) -> Hypotheses:
        """Return the best translations of tokens, int32 `(batch, time)`."""
        decoding = self._decoding
        start = self.model.encode(source)
        batch_size = tf.shape(source)[0]
        marks = {"begin": BEGIN, "end": END, "padding": PAD}
        if decoding.beam == 1:
            step = self._step_function(start.memory)
            steps = decoding.maximum_tokens
            return greedy_search(step, start.states, batch_size, steps, **marks)
        states, memory = repeat_rows((start.states, start.memory), decoding.beam)
        return beam_search(
            self._step_function(memory),
            states,
            batch_size,
            decoding.maximum_tokens,
            beam=decoding.beam,
            length_weight=decoding.length_penalty,
            **marks,
        )

    def _step_function(self, memory: Any) -> Any:
        def step(tokens: tf.Tensor, states: Any) -> tuple[tf.Tensor, Any]:
            logits, states = self.model.decoder.step(tokens, states, memory)
            # No sentence has these tokens in it, so none may be chosen.
            marks = tf.reduce_max(tf.one_hot([PAD, UNKNOWN, BEGIN], tf.shape(logits)[-1]), axis=0)
            return tf.nn.log_softmax(logits - 1e9 * marks), states

        return step


class Translator:
    """Translates text with a trained model.

        Translator.load("runs/multi30k").translate(["A dog runs."])

    Args:
        graph: The graph.
        batch_size: Lines in a batch.

    Attributes:
        graph: The graph.
        cut_lines: How many lines so far were too long, so that only their beginning was translated.
    """

    def __init__(self, graph: TranslationGraph, batch_size: int) -> None:
        self.graph = graph
        self.cut_lines = 0
        self._batch_size = batch_size

    @classmethod
    def load(cls, folder: str | Path, **decoding: Any) -> "Translator":
        """Load the best checkpoint of a run folder.

        Args:
            folder: The run folder.
            **decoding: Keys of the config's `[decoding]` section to change, such as `beam=1`.

        Raises:
            UserError: If the folder is no run folder, has no checkpoint, or a value is wrong.
        """
        run = Run.open(Path(folder))
        config = run.config.replace({f"decoding.{key}": value for key, value in decoding.items()})
        # Whatever it was trained in, a float32 result is the same on every machine.
        model = build_model(config.replace({"training.precision": "float32"}))
        run.load_weights(model)
        return cls.of_model(model, run.tokenizers, config.decoding)

    @classmethod
    def of_model(
        cls,
        model: TranslationModel,
        tokenizers: TokenizerPair,
        decoding: DecodingConfig,
    ) -> "Translator":
        """Make a translator of a model in memory."""
        graph = TranslationGraph(model, tokenizers, decoding)
        return cls(graph, decoding.batch_size)

    def translate(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the translation of each line, in order; an empty line for an empty line."""
        return (translation for translation, _ in self.translate_with_scores(lines))

    def translate_with_scores(
        self, lines: Iterable[str], lines_ahead: int | None = None
    ) -> Iterator[tuple[str, float]]:
        """Yield each line's translation and score.

        Args:
            lines: The lines.
            lines_ahead: How many to read before the first is translated; 1 for a conversation. By
                default some batches, which are then filled with lines of like length.
        """
        lines, ahead = iter(lines), lines_ahead or self._batch_size * CHUNK_BATCHES
        while chunk := list(itertools.islice(lines, ahead)):
            yield from self._translate_chunk(chunk)

    def align(self, line: str) -> Alignment:
        """Translate one line and return where each piece of the translation looked."""
        source = self.graph.tokenize(tf.constant([line.encode("utf-8", errors="replace")]))
        translation = self.graph.search(source).tokens[0, 0].numpy().tolist()
        translation = translation[: translation.index(END)] if END in translation else translation
        start = self.graph.model.encode(source)
        states, rows = start.states, []
        for token in [BEGIN, *translation]:
            _, states = self.graph.model.decoder.step(tf.constant([token]), states, start.memory)
            rows.append(states[-1][0])
        return Alignment(
            source=self.graph.source_tokenizer.pieces(source[0].numpy().tolist()),
            target=self.graph.target_tokenizer.pieces([*translation, END]),
            weights=tf.stack(rows).numpy(),
        )

    def _translate_chunk(self, chunk: list[str]) -> list[tuple[str, float]]:
        # Lines of like length share a batch, so that little of it is padding.
        order = sorted(range(len(chunk)), key=lambda index: len(chunk[index]))
        results: list[tuple[str, float]] = [("", 0.0)] * len(chunk)
        for first in range(0, len(order), self._batch_size):
            indices = order[first : first + self._batch_size]
            text = [chunk[index].encode("utf-8", errors="replace") for index in indices]
            found = self.graph.translate(tf.constant(text))
            self.cut_lines += int(tf.math.count_nonzero(self.graph.is_cut(tf.constant(text))))
            pairs = zip(found["translation"].numpy(), found["score"].numpy(), strict=True)
            for index, (translation, score) in zip(indices, pairs, strict=True):
                results[index] = (translation.decode("utf-8", errors="replace"), float(score))
        return results
