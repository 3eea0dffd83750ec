"""What is shown: lines where there is no terminal, a bar where there is one."""

import errno
from io import StringIO

import pytest
from rich.console import Console

from seq2seq.training.progress import Report, RichDisplay, SilentDisplay


def report(step=20):
    return Report(step, 2, 1.2345, 12.3456, 5432.1, 1e-3)


@pytest.fixture
def display():
    return RichDisplay(Console(file=StringIO(), width=60), seconds_between_lines=0.0)


def lines(display):
    return display.console.file.getvalue().splitlines()


def test_without_a_terminal_a_report_is_a_plain_line(display, monkeypatch):
    clock = iter([100.0, 130.0])
    monkeypatch.setattr("seq2seq.training.progress.time.monotonic", lambda: next(clock, 130.0))
    display.start(10, 40)
    display.report(report())
    display.stop()
    expected = "20/40  epoch 2  loss 1.234  perplexity 12.35  5,432 tokens/s  1:00 left"
    assert lines(display) == [expected]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, "0:00"), (59.9, "1:00"), (119.4, "1:59"), (3600.2, "60:00")]
)
def test_the_time_left_is_minutes_and_seconds(display, monkeypatch, seconds, expected):
    clock = iter([0.0, seconds])
    monkeypatch.setattr("seq2seq.training.progress.time.monotonic", lambda: next(clock, seconds))
    display.start(0, 40)
    display.report(report(20))
    assert lines(display)[0].endswith(f"  {expected} left")


def test_without_a_terminal_lines_keep_their_distance():
    display = RichDisplay(Console(file=StringIO()), seconds_between_lines=1000.0)
    display.start(0, 40)
    for step in (1, 2, 3):
        display.report(report(step))
    assert len(lines(display)) == 1


def test_a_message_stays_whole_and_is_no_markup(display):
    text = "Skipped: 3 [bold] pairs, " + "and a long reason " * 8
    display.message(text)
    assert lines(display) == [text]


def test_on_a_terminal_a_bar_moves_and_messages_stay():
    console = Console(file=StringIO(), force_terminal=True, width=120)
    display = RichDisplay(console)
    display.start(0, 40)
    display.report(report())
    display.message("a line")
    display.stop()
    shown = console.file.getvalue()
    assert "20/40" in shown
    assert "loss 1.234" in shown
    assert "a line\n" in shown


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_terminal_that_was_closed_stops_nothing(is_terminal, monkeypatch):
    file = StringIO()
    display = RichDisplay(Console(file=file, force_terminal=is_terminal), 0.0)
    display.start(0, 40)

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(file, "write", fail)
    display.report(report())
    display.message("a line")
    display.stop()
    RichDisplay(display.console).start(0, 40)


def test_stopping_before_the_start_is_harmless(display):
    display.stop()
    silent = SilentDisplay()
    silent.start(0, 1)
    silent.report(report())
    silent.message("")
    silent.stop()
    assert lines(display) == []
