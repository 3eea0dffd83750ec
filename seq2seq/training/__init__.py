"""Training: losses, schedules, one step, the loop."""

from seq2seq.training.allocation import keep_freed_memory
from seq2seq.training.loop import DivergedError, TrainingResult, Validate, train
from seq2seq.training.parallel import parallel_parts, share_cores
from seq2seq.training.progress import Display, Report, RichDisplay, SilentDisplay
from seq2seq.training.scheduled import mix_inputs, sampling_probability
from seq2seq.training.sequence_loss import SequenceLoss, sequence_loss

__all__ = [
    "Display",
    "DivergedError",
    "Report",
    "RichDisplay",
    "SequenceLoss",
    "SilentDisplay",
    "TrainingResult",
    "Validate",
    "keep_freed_memory",
    "mix_inputs",
    "parallel_parts",
    "sampling_probability",
    "sequence_loss",
    "share_cores",
    "train",
]
