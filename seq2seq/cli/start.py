"""Start TensorFlow for a command: quietly, and with a GPU's memory taken as it is needed."""

import contextlib
import os
import sys
from collections.abc import Iterator

__all__ = ["start_tensorflow"]


def start_tensorflow() -> None:
    """Import TensorFlow without its banner, and let it use any GPU there is.

    A command calls this first, so that `--help` does without.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
