"""Training that goes on from what is on the disk ends, to the bit, as training never stopped."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config import load_config, save_config
from seq2seq.errors import UserError
from seq2seq.training.history import read_history
from seq2seq.training.loop import train
from seq2seq.training.progress import SilentDisplay

# Parts side by side, words cut anew, dropout, shuffling over two epochs, Adam, a learning rate that
# falls at each validation, averages of the weights, and words that the decoder draws.
CHANGES = {
    "data.subword_temperature": 3.0,
    "model.cell": "simple_rnn",
    "model.dropout": 0.3,
    "training.epochs": 2,
    "training.parallel_parts": 2,
    "training.schedule": "plateau",
    "training.ema_momentum": 0.9,
    "training.sampling_rate": 0.5,
    "training.report_every": 1,
    "training.validate_every": 8,
}

TRAIN = """
import os, shutil, signal, sys
from seq2seq.config import load_config
from seq2seq.training.loop import train
from seq2seq.training.progress import SilentDisplay

config, folder, *after_13 = sys.argv[1:]

class Display(SilentDisplay):
    def report(self, report):
        if report.step != 13 or not after_13:
            return
        if after_13 == ["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        shutil.copytree(folder, *after_13)

train(load_config(config), folder, lambda *_: {"bleu": 1.0}, Display())
"""


class Signalled(SilentDisplay):
    """Gets a signal after some update, as from another terminal."""

    def __init__(self, number, step):
        self.number, self.step = number, step

    def report(self, report):
        if report.step == self.step:
            signal.raise_signal(self.number)


def same_score(_run, _model, _text):
    return {"bleu": 1.0}


def tensors(run, name):
    """All that the newest checkpoint holds, but the clock and how often it was saved."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(run / name)))
    left_out = ("_CHECKPOINTABLE_OBJECT_GRAPH", "progress/seconds/", "save_counter/")
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith(left_out)]
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


def history(run):
    """The lines of the history, but the clock."""
    lines = (run / "history.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[:1] + line.split("\t")[2:] for line in lines]


def assert_same_run(run, expected):
    assert history(run) == history(expected)
    for name in ("latest", "best"):
        found, wanted = tensors(run, name), tensors(expected, name)
        assert found.keys() == wanted.keys()
        different = [key for key in wanted if found[key].tobytes() != wanted[key].tobytes()]
        assert different == []


@pytest.fixture(scope="module")
def config_path(tiny_config, tmp_path_factory):
    path = tmp_path_factory.mktemp("resume") / "config.toml"
    save_config(tiny_config.replace(CHANGES), path)
    return path


def start(config_path, folder, *after_13):
    """Train in a process of its own, on as many threads as users have.

    After update 13 its folder is copied to another one that is named, or "kill" kills it.
    """
    threads = [name for name in os.environ if name.startswith("TF_NUM_")]
    environment = {name: value for name, value in os.environ.items() if name not in threads}
    words = [sys.executable, "-c", TRAIN, config_path, folder, *after_13]
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)


def end(process, status=0):
    with process:
        _, errors = process.communicate()
    assert process.returncode == status, errors.decode()


@pytest.fixture(scope="module")
def runs(config_path):
    """A run that was never stopped, and what its folder held after update 13."""
    whole, copied = config_path.parent / "whole", config_path.parent / "copied"
    end(start(config_path, whole, copied))
    return whole, copied


@pytest.fixture(scope="module")
def whole_run(runs):
    """The run that was never stopped, and its last step."""
    return runs[0], int(read_history(runs[0])["step"][-1])


def assert_goes_on_to_the_same_end(run, config_path, whole_run):
    expected, last_step = whole_run
    assert tf.train.latest_checkpoint(run / "latest").endswith("ckpt-8")
    assert tf.train.latest_checkpoint(run / "best").endswith("ckpt-8")
    assert last_step > 21
    end(start(config_path, run))
    assert_same_run(run, expected)


def test_a_copy_of_a_run_in_progress_ends_as_the_run_itself(config_path, runs, whole_run):
    assert_goes_on_to_the_same_end(runs[1], config_path, whole_run)


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_one_that_was_not(config_path, whole_run, tmp_path):
    end(start(config_path, tmp_path / "killed", "kill"), -signal.SIGKILL)
    assert_goes_on_to_the_same_end(tmp_path / "killed", config_path, whole_run)


def test_a_run_that_is_done_is_not_trained_again(config_path, whole_run):
    folder, last_step = whole_run
    before = tensors(folder, "latest")
    again = train(load_config(config_path), folder, same_score)
    assert (again.step, again.validation_loss) == (
        last_step,
        read_history(folder)["validation_loss"][-1],
    )
    after = tensors(folder, "latest")
    assert all(before[name].tobytes() == after[name].tobytes() for name in before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_last_update_may_be_the_one_that_is_stopped_at(
    number, config_path, whole_run, tmp_path
):
    config, (expected_run, last_step) = load_config(config_path), whole_run
    run = tmp_path / "run"
    for step in (1, last_step):
        stopped = train(config, run, same_score, Signalled(number, step))
        assert (stopped.is_interrupted, stopped.step) == (True, step)
    assert not train(config, run, same_score).is_interrupted
    assert_same_run(run, expected_run)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own, of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder]
    if sys.platform != "linux" or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
def test_a_run_on_a_disk_that_fills_up_goes_on_once_there_is_space(
    config_path, whole_run, small_disk
):
    config, (expected_run, _) = load_config(config_path), whole_run
    run = small_disk / "run"
    train(config, run, same_score, Signalled(signal.SIGTERM, 13))
    for free in (0, 20_000, 50_000):
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - free))
        with pytest.raises(UserError, match=r"cannot be written: .*No space left on device"):
            train(config, run, same_score)
        ballast.unlink()
        assert tf.train.latest_checkpoint(run / "latest") is not None
    train(config, run, same_score)
    assert_same_run(run, expected_run)
