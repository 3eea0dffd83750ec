"""The command line as a process of its own: help at once, Ctrl-C, an output that has gone."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seq2seq.config import save_config

SEQ2SEQ = [sys.executable, "-m", "seq2seq"]
COMMANDS = ["demo", "train", "translate", "score", "evaluate", "tune", "export"]


def test_every_help_comes_at_once_and_without_tensorflow():
    code = (
        "import sys; from seq2seq.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules), 'heavy'"
    )
    for words in [["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)]:
        found = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, check=True, text=True
        )
        assert "seq2seq" in found.stdout
    # By the processor's time, which does not depend on what else the machine does.
    times = []
    for _ in range(3):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*SEQ2SEQ, "train", "--help"], capture_output=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime)
    assert min(times) < 0.5


@pytest.mark.slow
def test_an_output_that_is_closed_or_full_ends_the_command_in_silence_or_one_line(trained_run):
    def start(**options):
        words = [*SEQ2SEQ, "translate", str(trained_run), "--beam", "1"]
        return subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    with Path("/dev/full").open("wb") as device:
        full, closed = start(stdout=device), start(stdout=subprocess.PIPE)
    closed.stdout.close()
    for process in (full, closed):
        process.stdin.write(b"The dog sleeps.\n" * 40)
        process.stdin.close()
    errors = [process.stderr.read().decode() for process in (full, closed)]
    assert errors == ["seq2seq: [Errno 28] No space left on device\n", ""]
    assert [process.wait(60) for process in (full, closed)] == [2, 1]


@pytest.mark.slow
def test_ctrl_c_saves_in_one_line_and_the_same_command_goes_on(tiny_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_config(tiny_config, "tiny.toml")
    words = [*SEQ2SEQ, "train", "tiny.toml", "--run", "new", "--set", "training.epochs=500"]
    steps = [0]
    for _ in range(2):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        notes = []
        while not notes or " tokens/s " not in notes[-1]:
            notes.append(process.stderr.readline())
            assert notes[-1], f"it ended: {notes}"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 130
        assert "Traceback" not in errors
        (line,) = output.splitlines()
        assert line.endswith(", saved in new; the same command goes on.")
        assert (f"Going on from step {steps[-1]}.\n" in notes) == (steps[-1] > 0)
        steps.append(int(line.split()[3].rstrip(",")))
    assert 0 < steps[1] < steps[2]


@pytest.mark.slow
def test_ctrl_c_while_tensorflow_is_imported_ends_in_one_line():
    for seconds in (1.0, 1.5, 2.0, 2.5, 3.0):
        process = subprocess.Popen(
            [*SEQ2SEQ, "train", "no.toml"], stderr=subprocess.PIPE, text=True
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        mistake = "seq2seq: The config file no.toml cannot be read: No such file or directory.\n"
        assert (process.returncode, errors) in [(130, "seq2seq: interrupted\n"), (2, mistake)]
