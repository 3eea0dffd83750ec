"""How many parts of a batch are computed side by side, and the cores for them.

A recurrent network works on small matrices, one after the other. A product of two small matrices
gains little from a second core; two parts of a batch gain more, each with a core of its own. So
each batch is cut into parts, and TensorFlow runs each operation on few threads, but several
operations at once.
"""

import os

import tensorflow as tf

__all__ = ["cores", "parallel_parts", "share_cores"]

_MOST_PARTS = 4  # smaller parts make smaller products, which cost more than the same in one
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parallel_parts(wanted: int = 0) -> int:
    """Return the number of parts for `training.parallel_parts`.

    Args:
        wanted: The number if it is not 0. With 0 there are as many as `share_cores` has made room
            for: 1 if it was not called.
    """
    if wanted:
        return wanted
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    if not threads or tf.config.get_visible_devices("GPU"):
        return 1
    return max(1, min(cores() // threads, _MOST_PARTS))


def share_cores(wanted: int = 0) -> None:
    """Give each part its share of the cores, for all of this process.

    Nothing changes where TensorFlow sees a GPU, which one batch keeps busy, on a single core, and
    where the environment sets `TF_NUM_INTRAOP_THREADS` or `TF_NUM_INTEROP_THREADS`.

    Args:
        wanted: `training.parallel_parts`; with 0 there are as many parts as cores, 4 at most.

    Raises:
        RuntimeError: If TensorFlow has run an operation already.
    """
    count = cores()
    parts = wanted or min(count, _MOST_PARTS)
    is_set = any(name in os.environ for name in _THREADS)
    if is_set or parts == 1 or tf.config.get_visible_devices("GPU"):
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(max(1, count // parts))
    except RuntimeError as error:
        raise RuntimeError(
            "share_cores needs a TensorFlow that has run no operation yet. Received: one that has. "
            "Call it first, or set TF_NUM_INTRAOP_THREADS before the program starts."
        ) from error
