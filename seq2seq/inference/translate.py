"""`Translator`: a trained model, or several, that translates lines of text."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from seq2seq.config import DecodingConfig
from seq2seq.data.tokenizer import TokenizerPair
from seq2seq.errors import UserError
from seq2seq.inference.graph import TranslationGraph
from seq2seq.inference.models import check_vocabulary, load_model, open_runs
from seq2seq.inference.results import Alignment, Candidate, candidates, decoded
from seq2seq.inference.strategy import check_known, make_phrases
from seq2seq.marks import PAD
from seq2seq.model.translator import TranslationModel

__all__ = ["Translator"]

CHUNK_BATCHES = 16


class Translator:
    """Translates text with a trained model, or with several as one.

        Translator.load("runs/multi30k").translate(["A dog runs."])

    Args:
        graph: The graph.
        decoding: The settings that the graph was made with.

    Attributes:
        graph: The graph.
        cut_lines: How many lines so far were too long, so that only their beginning was translated
            or scored; a pair of two such counts once.
    """

    def __init__(self, graph: TranslationGraph, decoding: DecodingConfig) -> None:
        self.graph = graph
        self.decoding = decoding
        self.cut_lines = 0

    @classmethod
    def load(
        cls,
        folder: str | Path | Sequence[str | Path],
        *,
        banned: Sequence[str] = (),
        required: Sequence[str] = (),
        **decoding: Any,
    ) -> "Translator":
        """Load the best checkpoint of a run folder, or of several as an ensemble.

        Args:
            folder: The run folder, or several of one vocabulary; the first one's `[decoding]`
                counts.
            banned: Phrases that must not stand in a translation, in the pieces into which the
                tokenizer cuts them; spelled in other pieces they may.
            required: Phrases that must stand in every translation, in those pieces.
            **decoding: Keys of the config's `[decoding]` section to change, such as `beam=1`.

        Raises:
            UserError: If a folder is no run folder or has no checkpoint, a value is wrong, or the
                runs have different vocabularies.
        """
        runs = open_runs(folder)
        changes = {f"decoding.{key}": value for key, value in decoding.items()}
        settings = runs[0].config.replace(changes).decoding
        models = [load_model(run) for run in runs]
        return cls.of_model(models, runs[0].tokenizers, settings, banned=banned, required=required)

    @classmethod
    def of_model(
        cls,
        model: TranslationModel | Sequence[TranslationModel],
        tokenizers: TokenizerPair,
        decoding: DecodingConfig,
        *,
        banned: Sequence[str] = (),
        required: Sequence[str] = (),
    ) -> "Translator":
        """Make a translator of a model in memory, or of several as an ensemble.

        Raises:
            UserError: If there is no model, one knows another number of tokens than the tokenizer,
                or a phrase is not in the vocabulary.
        """
        models = [model] if isinstance(model, TranslationModel) else list(model)
        check_vocabulary(models, tokenizers)
        phrases = make_phrases(tokenizers.target, decoding, banned, required)
        return cls(TranslationGraph(models, tokenizers, decoding, phrases), decoding)

    def translate(self, lines: Iterable[str], strict: bool = True) -> Iterator[str]:
        """Yield the translation of each line, in order; an empty line for an empty line.

        Args:
            lines: The lines.
            strict: As for `translate_n_best`.
        """
        return (translation for translation, _ in self.translate_with_scores(lines, strict=strict))

    def translate_with_scores(
        self, lines: Iterable[str], lines_ahead: int | None = None, strict: bool = True
    ) -> Iterator[Candidate]:
        """Yield each line's translation and score; arguments as for `translate_n_best`."""
        return (first for first, *_ in self.translate_n_best(lines, 1, lines_ahead, strict))

    def translate_n_best(
        self,
        lines: Iterable[str],
        count: int,
        lines_ahead: int | None = None,
        strict: bool = True,
    ) -> Iterator[list[Candidate]]:
        """Return an iterator of the best translations of each line, best first.

        Args:
            lines: The lines.
            count: How many, at most as many as the beam is wide; a line has fewer if there are no
                more.
            lines_ahead: How many to read before the first is translated; 1 for a conversation. By
                default some batches, which are then filled with lines of like length.
            strict: Whether a line for which the model's numbers are no numbers is an error; if not,
                its translation is empty and its score NaN.

        Raises:
            UserError: If `count` is no such number, or `lines` a single string; on the way, if a
                line is faulty.
        """
        if not 1 <= count <= self.decoding.beam:
            raise UserError(
                "The best translations of a line need to be at least one and at most as many as "
                f"the beam is wide, {self.decoding.beam}. Received: {count}. Ask for fewer, or "
                "widen the beam (decoding.beam)."
            )
        search = self.graph.translate_n_best if count > 1 else self._best
        found = self._run(_rows(lines), search, lines_ahead, strict)
        return (candidates(one, count) for one in found)

    def complete(self, pairs: Iterable[tuple[str, str]]) -> Iterator[Candidate]:
        """Return an iterator of the translation of each line that begins as given.

        Args:
            pairs: Lines, and with each the beginning of its translation.

        Raises:
            UserError: If a beginning is not in the vocabulary or is longer than a translation may
                be, or the model's numbers are no numbers.
        """
        tokenizer, most = self.graph.target_tokenizer, self.decoding.maximum_tokens

        def checked() -> Iterator[tuple[str, str]]:
            for line, beginning in pairs:
                tokens = check_known(tokenizer, "A prefix", beginning) if beginning else []
                if len(tokens) >= most:
                    raise UserError(
                        f"A prefix needs to be shorter than a translation may be, {most} tokens. "
                        f"Received: {beginning!r}, of {len(tokens)}. Raise decoding.maximum_tokens."
                    )
                yield line, beginning

        found = self._run(checked(), self._completed)
        return (first for (first,) in (candidates(one, 1) for one in found))

    def sample(
        self,
        lines: Iterable[str],
        seed: int,
        temperature: float = 1.0,
        lines_ahead: int | None = None,
    ) -> Iterator[Candidate]:
        """Return an iterator of a translation of each line, drawn from what the model says.

        Args:
            lines: The lines.
            seed: The same lines, as many read ahead, with the same seed give the same translations.
            temperature: The lower, the likelier the translations; from 0.001 to 1000.
            lines_ahead: As for `translate_n_best`.

        Raises:
            UserError: If the temperature is out of its bounds, phrases are required, or `lines` is
                a single string.
        """
        if self.graph.phrases.required:
            raise UserError(
                "Sampling needs to be free of required phrases: it cannot see to them. Received: "
                f"{len(self.graph.phrases.required)}. Leave them out, or translate by a beam."
            )
        if not 1e-3 <= temperature <= 1e3:
            raise UserError(
                f"Sampling needs a temperature from 0.001 to 1000. Received: {temperature!r}."
            )
        # Far from each other, so that another seed is another one for all batches.
        seeds = itertools.count(seed, 1_000_003)

        def draw(text: tf.Tensor) -> dict[str, tf.Tensor]:
            of_batch = tf.constant(next(seeds) % 2**31, tf.int32)
            drawn = self.graph.sample(text, of_batch, tf.constant(temperature, tf.float32))
            return {name: values[:, tf.newaxis] for name, values in drawn.items()}

        found = self._run(_rows(lines), draw, lines_ahead)
        return (first for (first,) in (candidates(one, 1) for one in found))

    def score(self, pairs: Iterable[tuple[str, str]]) -> Iterator[float]:
        """Return an iterator of the score of each given translation.

        It is what a search gives to a hypothesis of these tokens and an end. A search can also
        spell a text in other tokens than the tokenizer cuts it into, or stop without an end; and
        what it makes of an empty line is empty and has a score of 0, which is not scored so here.

        Args:
            pairs: Lines, and with each its translation.

        Raises:
            UserError: If the model's numbers are no numbers.
        """
        most = self.decoding.maximum_bytes

        def is_cut(text: tf.Tensor, translations: tf.Tensor) -> tf.Tensor:
            return self.graph.is_cut(text) | (tf.strings.length(translations) > most)

        found = self._run(pairs, self.graph.score, is_cut=is_cut)
        return (float(one["score"]) for one in found)

    def align(self, line: str) -> Alignment:
        """Translate one line and return where each piece of the translation looked."""
        (found,) = self._run([(line,)], self.graph.align)
        source, target = (
            [decoded(piece) for piece in found[f"{side}_tokens"] if piece]
            for side in ("source", "target")
        )
        weights = found["alignment"][: len(target), : len(source)]
        return Alignment(source, target, weights)

    def _best(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: values[:, tf.newaxis] for name, values in self.graph.translate(text).items()}

    def _completed(self, text: tf.Tensor, beginnings: tf.Tensor) -> dict[str, tf.Tensor]:
        prefix = self.graph.target_tokenizer.tokenize(beginnings).to_tensor(PAD)
        found = self.graph.complete(text, prefix)
        return {name: values[:, tf.newaxis] for name, values in found.items()}

    def _run(
        self,
        rows: Iterable[tuple[str, ...]],
        call: Callable[..., dict[str, tf.Tensor]],
        lines_ahead: int | None = None,
        strict: bool = True,
        is_cut: Callable[..., tf.Tensor] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield what a function of batches of strings gives for each row, in order."""
        rows, ahead = iter(rows), lines_ahead or self.decoding.batch_size * CHUNK_BATCHES
        done = itertools.count(1)
        while chunk := list(itertools.islice(rows, ahead)):
            # Lines of like length share a batch, so that little of it is padding.
            order = sorted(range(len(chunk)), key=lambda index: len(chunk[index][0]))
            results: dict[int, dict[str, Any]] = {}
            for first in range(0, len(order), self.decoding.batch_size):
                indices = order[first : first + self.decoding.batch_size]
                columns = zip(*(chunk[index] for index in indices), strict=True)
                texts = [_strings(column) for column in columns]
                cut = self.graph.is_cut(texts[0]) if is_cut is None else is_cut(*texts)
                self.cut_lines += int(tf.math.count_nonzero(cut))
                found = call(*texts)
                arrays = {name: values.numpy() for name, values in found.items()}
                for place, index in enumerate(indices):
                    results[index] = {name: array[place] for name, array in arrays.items()}
            for index in range(len(chunk)):
                number, best = next(done), np.ravel(results[index]["score"])[0]
                if strict and math.isnan(best):
                    raise _no_numbers(number)
                yield results[index]


def _no_numbers(line: int) -> UserError:
    return UserError(
        f"The model's scores for line {line} are no numbers (nan), or nothing that prefix, phrases "
        "and the other constraints allow is possible in decoding.maximum_tokens. Train again with "
        "a lower learning rate, constrain less, or allow more tokens."
    )


def _rows(lines: Iterable[str]) -> Iterator[tuple[str]]:
    if isinstance(lines, str | bytes):
        raise UserError(
            f"A translator needs lines, such as a list of strings. Received: {lines[:60]!r}, of "
            "which every character would be a line. Put it in a list."
        )
    return ((line,) for line in lines)


def _strings(lines: Iterable[str]) -> tf.Tensor:
    return tf.constant([line.encode("utf-8", errors="replace") for line in lines])
