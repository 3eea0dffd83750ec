"""What a command does before its work: memory that was freed is there for the next array."""

import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import numpy as np
from seq2seq.cli.start import keep_freed_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def fill(times):
    for _ in range(times):
        np.ones(6_000_000)  # 48 megabytes

if sys.argv[1] == "keep":
    keep_freed_memory()
fill(2)
before = faults()
fill(5)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is of glibc")
def test_memory_that_was_freed_is_not_asked_of_the_system_again():
    counts = {
        word: int(subprocess.check_output([sys.executable, "-c", COUNT_FAULTS, word]))
        for word in ("keep", "give_back")
    }
    assert counts["keep"] < 50 <= counts["give_back"]
