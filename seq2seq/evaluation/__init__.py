"""Evaluation: scores, test sets, pictures."""

from seq2seq.evaluation.evaluate import Evaluation, ValidationScores, evaluate
from seq2seq.evaluation.plots import check_picture, plot_alignment, plot_history
from seq2seq.evaluation.scores import Score, bleu, chrf

__all__ = [
    "Evaluation",
    "Score",
    "ValidationScores",
    "bleu",
    "check_picture",
    "chrf",
    "evaluate",
    "plot_alignment",
    "plot_history",
]
