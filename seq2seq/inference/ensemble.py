"""Ensembles: several models that decode as one."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.inference.hypotheses import Prediction, StepFunction

__all__ = ["ensemble_step"]


def ensemble_step(steps: Sequence[StepFunction]) -> StepFunction:
    """Return the step of several decoders whose probabilities are averaged.

        p(k) = mean_i p_i(k)

    Args:
        steps: Their steps. The states of the ensemble are the list of theirs.

    Returns:
        The step. Its alignments are the mean of theirs, `None` if one of them has none.

    Raises:
        UserError: If there is no step; on the way, if they know different numbers of tokens.
    """
    if not steps:
        raise UserError("An ensemble needs a model. Received: none. Name at least one.")

    def step(tokens: tf.Tensor, states: Any) -> Prediction:
        found = [Prediction(*one(tokens, own)) for one, own in zip(steps, states, strict=True)]
        sizes = [prediction.log_probabilities.shape[-1] for prediction in found]
        if len({size for size in sizes if size is not None}) > 1:
            raise UserError(
                f"An ensemble needs models of one vocabulary. Received: of {sizes} tokens. "
                "Take models that were trained with the same tokenizers."
            )
        logarithms = tf.stack([prediction.log_probabilities for prediction in found])
        mean = tf.reduce_logsumexp(logarithms, axis=0) - math.log(len(found))
        alignments = [prediction.alignments for prediction in found]
        seen = None if any(one is None for one in alignments) else sum(alignments) / len(found)
        return Prediction(mean, [prediction.states for prediction in found], seen)

    return step
