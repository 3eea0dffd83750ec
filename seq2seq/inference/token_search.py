"""From tokens to tokens: the models of a translator, and the search that its settings name."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seq2seq.config import DecodingConfig
from seq2seq.inference.compiled import compiled_by_xla
from seq2seq.inference.decode import Strategy, decode
from seq2seq.inference.ensemble import ensemble_step
from seq2seq.inference.forced import Forced, force
from seq2seq.inference.hypotheses import Hypotheses, Marks, Prediction, StepFunction, repeat_rows
from seq2seq.inference.strategy import Phrases, make_constraints, make_strategy
from seq2seq.marks import BEGIN, END, PAD
from seq2seq.model.translator import DecoderStart, TranslationModel

__all__ = ["MARKS", "TokenSearch"]

MARKS = Marks(begin=BEGIN, end=END, padding=PAD)


class TokenSearch:
    """Searches for translations of tokens.

    Args:
        models: The model, or several of one vocabulary that decode as one.
        decoding: How to search, and the bounds.
        phrases: What must and must not stand in each translation.

    Attributes:
        strategy: How to search, as the settings say.
    """

    def __init__(
        self, models: Sequence[TranslationModel], decoding: DecodingConfig, phrases: Phrases
    ) -> None:
        self.strategy = make_strategy(decoding, phrases)
        self._models = models
        self._constraints = make_constraints(decoding, phrases)
        self._maximum_tokens = decoding.maximum_tokens
        self._compiled = None
        if decoding.jit_compile:
            self._compiled = compiled_by_xla(self._encode, self._decode, PAD)

    def search(
        self,
        source: tf.Tensor,
        strategy: Strategy | None = None,
        prefix: tf.Tensor | None = None,
    ) -> Hypotheses:
        """Return translations.

        Args:
            source: int32 `(batch, time)`.
            strategy: How to search; by default as the settings say, which alone can be compiled.
            prefix: How each translation starts, int32 `(batch, prefix_time)`, padded.
        """
        if self._compiled is not None and strategy is None and prefix is None:
            return self._compiled(source)
        return self._decode(source, self._encode(source), strategy, prefix)

    def force(self, source: tf.Tensor, target: tf.Tensor) -> Forced:
        """Return what the models say of given translations, int32 `(batch, time)` both."""
        step, states = self._decoder(self._encode(source), 1)
        return force(step, states, target, marks=MARKS)

    def _encode(self, source: tf.Tensor) -> list[DecoderStart]:
        return [model.encode(source) for model in self._models]

    def _decode(
        self,
        source: tf.Tensor,
        starts: list[DecoderStart],
        strategy: Strategy | None = None,
        prefix: tf.Tensor | None = None,
    ) -> Hypotheses:
        strategy = strategy or self.strategy
        step, states = self._decoder(starts, strategy.width)
        batch_size, source_time = tf.unstack(tf.shape(source))
        return decode(
            strategy,
            step,
            states,
            batch_size,
            self._maximum_tokens,
            marks=MARKS,
            constraints=self._constraints,
            prefix=prefix,
            source_time=source_time,
        )

    def _decoder(self, starts: list[DecoderStart], width: int) -> tuple[StepFunction, list[Any]]:
        memories = [start.memory for start in starts]
        if width > 1:
            memories = repeat_rows(memories, width)
        steps = [_step(*one) for one in zip(self._models, memories, strict=True)]
        if len(steps) == 1:
            return steps[0], starts[0].states
        return ensemble_step(steps), [start.states for start in starts]


def _step(model: TranslationModel, memory: Any) -> StepFunction:
    decoder, projection = model.decoder, model.decoder.output_layer.projection(with_marks=False)

    def step(tokens: tf.Tensor, states: Any) -> Prediction:
        logits, states = decoder.step(tokens, states, memory, projection)
        return Prediction(tf.nn.log_softmax(logits), states, decoder.cell.alignments(states))

    return step
