"""Score a trained model on a test set, or a model in training on its validation text."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from seq2seq.data.batches import validation_batches
from seq2seq.data.corpus import ParallelCorpus
from seq2seq.data.sentences import tokenize_corpus
from seq2seq.evaluation.scores import Score, bleu, chrf
from seq2seq.inference import Translator
from seq2seq.inference.models import open_runs
from seq2seq.run_folder import Run
from seq2seq.training.metrics import mean_loss, perplexity
from seq2seq.training.step import make_evaluation_step

__all__ = ["Evaluation", "ValidationScores", "evaluate"]


class Evaluation(NamedTuple):
    """How good a model is on a test set.

    Attributes:
        bleu: BLEU, cased.
        chrf: chrF2.
        perplexity: exp(mean negative log-likelihood a token), of the references.
        translations: What the model made of the sources.
        cut_lines: How many sources were too long and lost their end.
    """

    bleu: Score
    chrf: Score
    perplexity: float
    translations: list[str]
    cut_lines: int


def evaluate(
    folder: str | Path | Sequence[str | Path],
    corpus: ParallelCorpus,
    tokenize: str = "13a",
    **decoding: Any,
) -> Evaluation:
    """Translate the sources of a test set and compare with its references.

    Args:
        folder: The run folder, or several of one vocabulary, which translate as one.
        corpus: The test set.
        tokenize: sacreBLEU's tokenisation.
        **decoding: Keys of the config's `[decoding]` section to change, such as `beam=1`.

    Returns:
        The scores and the translations.

    Raises:
        UserError: If the folder is no run folder or has no checkpoint.
    """
    run = open_runs(folder)[0]
    translator = Translator.load(folder, **decoding)
    translations = list(translator.translate(corpus.source, strict=False))
    # Every pair counts, however long, as it does for BLEU.
    tokenized = tokenize_corpus(corpus, run.tokenizers, maximum_tokens=sys.maxsize)
    batches = validation_batches(tokenized, run.config.data.batch_tokens)
    loss = mean_loss(make_evaluation_step(*translator.graph.models), batches)
    return Evaluation(
        bleu=bleu(translations, corpus.target, tokenize, force=tokenize == "none"),
        chrf=chrf(translations, corpus.target),
        perplexity=perplexity(loss),
        translations=translations,
        cut_lines=translator.cut_lines,
    )


class ValidationScores:
    """The `validate` that `train` takes: BLEU and chrF of greedy translations.

    The graph is compiled at the first call and used again as long as the model is the same.
    """

    def __init__(self) -> None:
        self._translator: Translator | None = None

    def __call__(self, run: Run, model: keras.Model, text: ParallelCorpus) -> dict[str, float]:
        """Return the scores by name, from 0 to 100."""
        if self._translator is None or self._translator.graph.models[0] is not model:
            decoding = dataclasses.replace(run.config.decoding, beam=1, beam_groups=1)
            self._translator = Translator.of_model(model, run.tokenizers, decoding)
        translations = list(self._translator.translate(text.source, strict=False))
        # Text in tokens is scored as it is, with no warning across the display at each validation.
        return {
            "bleu": bleu(translations, text.target, force=True).value,
            "chrf": chrf(translations, text.target).value,
        }
