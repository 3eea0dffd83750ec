"""Memory that was freed is there for the next array as large."""

import os
import platform
import subprocess
import sys

import pytest

import seq2seq.training
from seq2seq.cli.main import main
from seq2seq.config import save_config
from seq2seq.training import allocation

# NumPy takes its large arrays from the C library, as TensorFlow does. glibc gives those of more
# than 32 MiB back by default, and smaller ones of threads when a heap of 64 MiB becomes empty.
COUNT_FAULTS = """
import resource, runpy, sys, threading
import numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def count(held, size):
    kept = np.ones(held * 2**17)  # of 2**17 numbers a MiB is
    for _ in range(2):
        np.ones(size * 2**17)
    before = faults()
    for _ in range(5):
        np.ones(size * 2**17)
    counts.append(faults() - before)

counts = []
if sys.argv[1] == "keep":
    runpy.run_path(sys.argv[2])["keep_freed_memory"]()  # without TensorFlow, which takes seconds
elif sys.argv[1] == "keep with TensorFlow":
    from seq2seq.training import keep_freed_memory
    keep_freed_memory()
count(0, 48)
for case in ((0, 48), (0, 96), (40, 32)):
    thread = threading.Thread(target=count, args=case)
    thread.start()
    thread.join()
print(*counts)
"""


def count_faults(word, **variables):
    """Return how many pages a process asked for anew, in four cases."""
    chosen = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(chosen)}
    command = [sys.executable, "-c", COUNT_FAULTS, word, allocation.__file__]
    return [*map(int, subprocess.check_output(command, env=plain | variables).split())]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is of glibc")
@pytest.mark.parametrize(
    "keep", ["keep", pytest.param("keep with TensorFlow", marks=pytest.mark.slow)]
)
def test_memory_that_was_freed_is_not_asked_of_the_system_again(keep):
    without = count_faults("give back")
    if not any(without):
        pytest.skip("this system counts no page faults")
    assert all(count < 50 for count in count_faults(keep))
    assert min(without[:3]) > 50


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is of glibc")
def test_what_the_environment_chooses_stays():
    without = count_faults("give back")
    if not any(without):
        pytest.skip("this system counts no page faults")
    assert count_faults("keep", MALLOC_PERTURB_="0")[0] > 50


class Called(BaseException):
    pass


@pytest.mark.parametrize("command", ["train", "tune", "demo"])
def test_commands_that_train_keep_it(command, tiny_config, tmp_path, monkeypatch):
    def call():
        raise Called

    monkeypatch.setattr(seq2seq.training, "keep_freed_memory", call)
    monkeypatch.chdir(tmp_path)
    save_config(tiny_config, "tiny.toml")
    with pytest.raises(Called):
        main([command] if command == "demo" else [command, "tiny.toml"])
