"""Start TensorFlow for a command: quietly, and with a GPU's memory taken as it is needed."""

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

__all__ = ["INTERRUPTED", "start_tensorflow"]

INTERRUPTED = 130
"""The exit status of a command that was interrupted: 128 and the number of SIGINT."""


def start_tensorflow() -> None:
    """Import TensorFlow without its banner, and let it use any GPU there is.

    A command calls this first, so that `--help` does without.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # they are for programmers
    with _without_banner():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


@contextlib.contextmanager
def _without_banner() -> Iterator[None]:
    """Send what compiled code writes to the standard error elsewhere for a while."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with _ending_on_interrupt(kept):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _ending_on_interrupt(stderr: int) -> Iterator[None]:
    """End the process on Ctrl-C: an import that is under way may lose a `KeyboardInterrupt`."""

    def end(number: int, frame: Any) -> NoReturn:
        os.write(stderr, b"seq2seq: interrupted\n")
        os._exit(128 + number)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
