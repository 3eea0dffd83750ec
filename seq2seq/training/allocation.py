"""Memory for the large arrays of training, kept by the process from update to update."""

import ctypes
import os
import platform

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # as malloc.h numbers them
_ENVIRONMENT = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for the next array as large.

    By default glibc gives arrays of more than 32 MiB back to the system, and the logits of a batch
    are soon as large. Each update of the weights then waits for their pages anew: up to a fifth of
    its time on one core; nothing where parts of a batch are smaller. From here on the process
    holds what it once had, and threads share one heap.

    Nothing changes without glibc, or where the environment chooses: with a variable `MALLOC_...`,
    `GLIBC_TUNABLES` or `LD_PRELOAD`. Call it first; threads keep heaps that they have.

    Reference: https://www.man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if platform.libc_ver()[0] != "glibc" or any(map(_is_set, _ENVIRONMENT)):
        return
    library = ctypes.CDLL(None)
    library.mallopt(_TRIM_THRESHOLD, -1)  # never
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_ARENA_MAX, 1)


def _is_set(beginning: str) -> bool:
    return any(name.startswith(beginning) for name in os.environ)
