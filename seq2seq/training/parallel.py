"""How many parts of a batch are computed side by side, and the cores for them.

A recurrent network works on small matrices, one after the other. A product of two small matrices
gains little from a second core; two parts of a batch, each with a core of its own, gain nearly a
factor of two. So each batch is cut into parts, and TensorFlow runs each operation on few threads,
but several operations at once.
"""

import os

import tensorflow as tf

__all__ = ["cores", "parallel_parts", "share_cores"]

_MOST_PARTS = 4  # smaller parts make smaller products, which cost more than the same in one


def cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parallel_parts(wanted: int = 0) -> int:
    """Return the number of parts for `training.parallel_parts`.

    Args:
        wanted: The number if it is not 0. With 0 it is the number of cores, but 4 at most, and 1
            where TensorFlow sees a GPU, which one batch keeps busy.
    """
    if wanted:
        return wanted
    if tf.config.list_physical_devices("GPU"):
        return 1
    return min(cores(), _MOST_PARTS)


def share_cores(wanted: int = 0) -> None:
    """Give each part its share of the cores, for all of this process.

    Must come before the first operation of TensorFlow. Without it the parts are computed side by
    side as well, but their operations wait for each other's threads, which costs most of the gain.
    Where the environment has `TF_NUM_INTRAOP_THREADS`, that number stays.

    Args:
        wanted: `training.parallel_parts`.

    Raises:
        RuntimeError: If TensorFlow has begun.
    """
    parts = parallel_parts(wanted)
    if parts > 1 and "TF_NUM_INTRAOP_THREADS" not in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores() // parts))
