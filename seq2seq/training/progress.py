"""What a person sees of training: a bar on a terminal, lines elsewhere."""

import contextlib
import time
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Display", "Report", "RichDisplay", "SilentDisplay"]


class Report(NamedTuple):
    """How training went since the last report.

    Attributes:
        step: Updates so far.
        epoch: The epoch of the last of them, from 1.
        loss: Mean loss a token, with label smoothing, in nats.
        perplexity: exp(mean negative log-likelihood a token).
        tokens_per_second: Target tokens a second.
        learning_rate: That of the last update.
    """

    step: int
    epoch: int
    loss: float
    perplexity: float
    tokens_per_second: float
    learning_rate: float


class Display(Protocol):
    """Something that shows how training goes."""

    def start(self, step: int, total_steps: int) -> None:
        """Begin, at `step` of `total_steps` updates."""

    def report(self, report: Report) -> None:
        """Show a report."""

    def message(self, text: str) -> None:
        """Show a line that stays."""

    def stop(self) -> None:
        """End, in whatever way training ended."""


class SilentDisplay:
    """Shows nothing."""

    def start(self, step: int, total_steps: int) -> None:
        """Do nothing."""

    def report(self, report: Report) -> None:
        """Do nothing."""

    def message(self, text: str) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class RichDisplay:
    """A progress bar with rate and time left; where there is no terminal, a line now and then.

    Once the terminal is closed nothing is shown, and nothing raised: training is yet to save.

    Args:
        console: Where to write; standard error by default, so that output stays clean.
        seconds_between_lines: The least time between two lines where there is no terminal.
    """

    def __init__(self, console: Console | None = None, seconds_between_lines: float = 10.0) -> None:
        self.console = console or Console(stderr=True)
        self._between = seconds_between_lines
        self._last_line = float("-inf")
        self._began = (0.0, 0)
        self._total = 0
        self._progress = Progress(
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.description}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("starts", total=None)

    def start(self, step: int, total_steps: int) -> None:
        """Begin, at `step` of `total_steps` updates."""
        self._began, self._total = (time.monotonic(), step), total_steps
        self._progress.update(self._task, completed=step, total=total_steps)
        with contextlib.suppress(OSError):
            self._progress.start()

    def report(self, report: Report) -> None:
        """Move the bar, or write a line if the last is long enough ago."""
        text = (
            f"epoch {report.epoch}  loss {report.loss:.3f}  perplexity {report.perplexity:.2f}  "
            f"{report.tokens_per_second:,.0f} tokens/s"
        )
        self._progress.update(self._task, completed=report.step, description=text)
        now = time.monotonic()
        if not self.console.is_terminal and now - self._last_line >= self._between:
            self._last_line = now
            self.message(
                f"{report.step}/{self._total}  {text}  {self._time_left(now, report.step)}"
            )

    def message(self, text: str) -> None:
        """Write a line above the bar."""
        with contextlib.suppress(OSError):
            self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def stop(self) -> None:
        """Take the bar away."""
        with contextlib.suppress(OSError):
            self._progress.stop()

    def _time_left(self, now: float, step: int) -> str:
        began, first = self._began
        seconds = (now - began) / max(step - first, 1) * (self._total - step)
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes}:{seconds:02} left"
