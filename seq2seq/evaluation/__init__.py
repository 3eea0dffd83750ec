"""Evaluation: scores, test sets, pictures."""

from seq2seq.evaluation.evaluate import Evaluation, ValidationScores, evaluate
from seq2seq.evaluation.scores import Score, bleu, chrf

__all__ = ["Evaluation", "Score", "ValidationScores", "bleu", "chrf", "evaluate"]
