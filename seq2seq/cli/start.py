"""Start TensorFlow for a command: quietly, and with a GPU's memory taken as it is needed."""

import contextlib
import ctypes
import os
import platform
import signal
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

__all__ = ["INTERRUPTED", "keep_freed_memory", "start_tensorflow"]

INTERRUPTED = 130
"""The exit status of a command that was interrupted: 128 and the number of SIGINT."""

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # as malloc.h numbers them


def start_tensorflow() -> None:
    """Import TensorFlow without its banner, and let it use any GPU there is.

    A command calls this first, so that `--help` does without.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    keep_freed_memory()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # they are for programmers
    with _without_banner():
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


def keep_freed_memory() -> None:
    """Let the process keep memory that it frees, for the next array as large.

    The C library of Linux gives large arrays back to the system. Each update of the weights then
    waits for its pages anew: a tenth to a fifth of its time.

    Reference: https://www.man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_MMAP_MAX, 0)


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
