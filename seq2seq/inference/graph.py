"""From strings to strings in TensorFlow ops alone: what Python runs and what is exported."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seq2seq.config import DecodingConfig
from seq2seq.data.tokenizer import TokenizerPair
from seq2seq.inference.beam import BeamSearch, coverage_penalty, length_penalty
from seq2seq.inference.hypotheses import Hypotheses
from seq2seq.inference.sampling import Sampling
from seq2seq.inference.strategy import Phrases
from seq2seq.inference.token_search import TokenSearch
from seq2seq.marks import END, PAD
from seq2seq.model.translator import TranslationModel

__all__ = ["TranslationGraph"]

TEXT = tf.TensorSpec([None], tf.string, name="text")


class TranslationGraph(tf.Module):
    """Strings in, strings out.

    Bounds apply in this order: bytes a line; invalid UTF-8 becomes U+FFFD; tokens a line; steps of
    decoding. A line for which the model's numbers are no numbers becomes an empty one with a score
    of NaN; the other lines of a batch are as without it.

    Args:
        models: The model, or several of one vocabulary that decode as one.
        tokenizers: The tokenizers.
        decoding: How to search, and the bounds.
        phrases: What must and must not stand in each translation.
    """

    def __init__(
        self,
        models: Sequence[TranslationModel],
        tokenizers: TokenizerPair,
        decoding: DecodingConfig,
        phrases: Phrases | None = None,
    ) -> None:
        super().__init__(name="translation")
        self.models = list(models)
        self.source_tokenizer = tokenizers.source
        self.target_tokenizer = tokenizers.target
        self.phrases = phrases or Phrases()
        self.tokens = TokenSearch(self.models, decoding, self.phrases)
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
        return self._best_text(source, self.tokens.search(source))

    @tf.function(input_signature=[TEXT], autograph=False)
    def translate_n_best(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translate lines into the best few translations of each, as many as the beam is wide.

        Args:
            text: Strings `(batch,)`.

        Returns:
            `translation`, strings `(batch, n)`, best first, and `score`, float32 `(batch, n)`; NaN
            and an empty string where there are no more.
        """
        source = self.tokenize(text)
        return self._texts(source, self.tokens.search(source))

    @tf.function(
        input_signature=[TEXT, tf.TensorSpec([None, None], tf.int32, name="prefix")],
        autograph=False,
    )
    def complete(self, text: tf.Tensor, prefix: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translate lines into translations that begin as given.

        Args:
            text: Strings `(batch,)`.
            prefix: Tokens, int32 `(batch, prefix_time)`, padded.

        Returns:
            What `translate` returns.
        """
        source = self.tokenize(text)
        return self._best_text(source, self.tokens.search(source, prefix=prefix))

    @tf.function(
        input_signature=[
            TEXT,
            tf.TensorSpec([], tf.int32, name="seed"),
            tf.TensorSpec([], tf.float32, name="temperature"),
        ],
        autograph=False,
    )
    def sample(
        self, text: tf.Tensor, seed: tf.Tensor, temperature: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Draw a translation of each line; the same ones for the same lines and seed.

        Args:
            text: Strings `(batch,)`.
            seed: Scalar int32.
            temperature: Scalar float32; the lower, the likelier the translations.

        Returns:
            `translation`, strings `(batch,)`, and `score`, float32 `(batch,)`: its log-probability.
        """
        source, decoding = self.tokenize(text), self._decoding
        strategy = Sampling(
            tf.stack([seed, 0]),
            temperature=tf.clip_by_value(temperature, 1e-3, 1e3),
            top_k=decoding.sampling_top_k,
            top_p=decoding.sampling_top_p,
        )
        return self._best_text(source, self.tokens.search(source, strategy))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, name="source"),
            tf.TensorSpec([None], tf.string, name="target"),
        ],
        autograph=False,
    )
    def score(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score given translations.

        Args:
            source: Strings `(batch,)`.
            target: Their translations, strings `(batch,)`.

        Returns:
            `score`, float32 `(batch,)`, as a search gives it to these tokens; `log_probability`,
            float32 `(batch,)`; `tokens`, int32 `(batch,)`, the end counted.
        """
        target_tokens = self._with_ends(self._all_tokens(target, self.target_tokenizer))
        forced = self.tokens.force(self.tokenize(source), target_tokens)
        total = tf.reduce_sum(forced.log_probabilities, axis=1)
        count = tf.math.count_nonzero(target_tokens != PAD, axis=1, dtype=tf.int32)
        score, strategy = total, self.tokens.strategy
        if isinstance(strategy, BeamSearch):
            score /= length_penalty(count, strategy.length_weight)
            coverage = tf.reduce_sum(forced.alignments, axis=1)
            score += coverage_penalty(coverage, strategy.coverage_weight)
        return {"score": score, "log_probability": total, "tokens": count}

    @tf.function(input_signature=[TEXT], autograph=False)
    def align(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translate lines, and say where each token of a translation looked.

        Args:
            text: Strings `(batch,)`.

        Returns:
            `translation` and `score` as `translate` does; `source_tokens` and `target_tokens`,
            strings `(batch, source_time)` and `(batch, target_time)`, the end mark and then empty
            strings after each; `alignment`, float32 `(batch, target_time, source_time)`, whose rows
            sum to one (to less with monotonic attention), or are zeros at padding.
        """
        source = self.tokenize(text)
        found = self.tokens.search(source)
        # Nothing was looked at to translate nothing.
        tokens = _closed(tf.where(source[:, :1] == END, PAD, found.tokens[:, 0]))
        return {
            **self._best_text(source, found),
            "source_tokens": self.source_tokenizer.written(source),
            "target_tokens": self.target_tokenizer.written(tokens),
            "alignment": self.tokens.force(source, tokens).alignments,
        }

    def tokenize(self, text: tf.Tensor) -> tf.Tensor:
        """Return the source's tokens, each line ended by END, int32 `(batch, time)`."""
        tokens = self._all_tokens(text, self.source_tokenizer)
        return self._with_ends(tokens[:, : self._decoding.maximum_source_tokens])

    @tf.function(input_signature=[TEXT], autograph=False)
    def is_cut(self, text: tf.Tensor) -> tf.Tensor:
        """Return which lines are too long to be translated whole, boolean `(batch,)`."""
        too_many_bytes = tf.strings.length(text) > self._decoding.maximum_bytes
        tokens = tf.cast(self._all_tokens(text, self.source_tokenizer).row_lengths(), tf.int32)
        return too_many_bytes | (tokens > self._decoding.maximum_source_tokens)

    def _best_text(self, source: tf.Tensor, found: Hypotheses) -> dict[str, tf.Tensor]:
        best = Hypotheses(*(tensor[:, :1] for tensor in found))
        return {name: values[:, 0] for name, values in self._texts(source, best).items()}

    def _texts(self, source: tf.Tensor, found: Hypotheses) -> dict[str, tf.Tensor]:
        batch_size, width, steps = tf.unstack(tf.shape(found.tokens))
        flat = tf.reshape(found.tokens, [batch_size * width, steps])
        text = self.target_tokenizer.detokenize(flat)
        # A model can spell a line break in bytes; one line must stay one line.
        text = tf.reshape(tf.strings.regex_replace(text, r"[\r\n]+", " "), [batch_size, width])
        is_none = tf.math.is_nan(found.scores)
        # Without a token but the end mark there is nothing to translate.
        is_empty = source[:, :1] == END
        of_nothing = tf.where(tf.range(width) == 0, 0.0, float("nan"))
        return {
            "translation": tf.where(is_none | is_empty, "", text),
            # Of nothing there is one translation.
            "score": tf.where(is_empty, of_nothing, found.scores),
        }

    def _all_tokens(self, text: tf.Tensor, tokenizer: Any) -> tf.RaggedTensor:
        text = tf.strings.substr(text, 0, self._decoding.maximum_bytes, unit="BYTE")
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        return tokenizer.tokenize(text)

    @staticmethod
    def _with_ends(tokens: tf.RaggedTensor) -> tf.Tensor:
        ends = tf.fill([tokens.nrows(), 1], END)
        padded = tf.concat([tokens, ends], axis=1).to_tensor(PAD)
        # A batch of none has no longest row; give it a column all the same.
        missing = tf.maximum(1 - tf.shape(padded)[1], 0)
        return tf.pad(padded, [[0, 0], [0, missing]], constant_values=PAD)


def _closed(tokens: tf.Tensor) -> tf.Tensor:
    """Return tokens, `(batch, time)`, each row of which comes to an END."""
    lengths = tf.math.count_nonzero(tokens != PAD, axis=1, dtype=tf.int32)
    is_open = ~tf.reduce_any(tokens == END, axis=1)
    padded = tf.pad(tokens, [[0, 0], [0, 1]], constant_values=PAD)
    places = tf.range(tf.shape(padded)[1])
    closed = tf.where(is_open[:, tf.newaxis] & (places == lengths[:, tf.newaxis]), END, padded)
    return closed[:, : tf.maximum(tf.reduce_max(lengths + tf.cast(is_open, tf.int32)), 1)]
