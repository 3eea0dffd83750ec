"""Training: losses, schedules, one step, the loop."""

from seq2seq.training.loop import DivergedError, TrainingResult, Validate, train
from seq2seq.training.progress import Display, Report, RichDisplay, SilentDisplay

__all__ = [
    "Display",
    "DivergedError",
    "Report",
    "RichDisplay",
    "SilentDisplay",
    "TrainingResult",
    "Validate",
    "train",
]
