"""Stopping from outside, between two updates and never inside one."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["stop_on_signal"]


@contextlib.contextmanager
def stop_on_signal(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal to stop came; a second SIGINT interrupts.

    The signals are SIGINT (Ctrl-C), SIGTERM, and SIGHUP (the terminal was closed) unless that is
    ignored, as under `nohup`. Outside of the main thread, where Python takes no signals, it never
    says so.

    Args:
        say: Told, once, that a signal has been heard.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def remember(number: int, frame: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        if len(received) == 1:
            say("Stopping after this step; once more Ctrl-C to stop at once, without saving.")

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
