"""Telling that training has gone where no update helps."""

import math

from seq2seq.errors import UserError

__all__ = ["DivergedError", "Divergence"]

MOST_IN_A_ROW = 10


class DivergedError(UserError):
    """Training went to a loss or a gradient that is no number."""


class Divergence:
    """Counts the updates in a row that gave no numbers."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def add(self, step: int, loss: float, is_applied: bool) -> None:
        """Count an update.

        Args:
            step: The updates before it.
            loss: Its loss.
            is_applied: Whether its gradient was finite, so that the weights were updated.

        Raises:
            DivergedError: If it is the tenth in a row without a finite loss or gradient.
        """
        is_finite = math.isfinite(loss)
        self._in_a_row = 0 if is_finite and is_applied else self._in_a_row + 1
        if self._in_a_row == MOST_IN_A_ROW:
            found = "its gradient is no number" if is_finite else f"the loss is {loss}"
            raise DivergedError(
                f"Training diverged at step {step}: {found}. Lower training.learning_rate, or "
                "clip more (training.clip_norm; 0 is not at all), and start again."
            )
