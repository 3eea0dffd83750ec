"""Parts of a batch side by side: the same update, whatever their number."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.eager import run_eagerly

from seq2seq.config import Config, save_config
from seq2seq.model import build_model
from seq2seq.training import parallel, parallel_parts, share_cores
from seq2seq.training.step import make_train_step

SIZES = {
    "model.cell": "simple_rnn",
    "model.encoder_layers": 1,
    "data.vocabulary_size": 300,
    "model.embedding_size": 5,
    "model.encoder_units": 4,
    "model.decoder_units": 5,
    "model.attention_units": 3,
    "model.dropout": 0.0,
}


@pytest.fixture
def machine(monkeypatch):
    """Pretend a machine, `machine(cores, gpus)`; returns a list of the numbers of threads set."""
    threads = []
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    threading = tf.config.threading
    monkeypatch.setattr(threading, "set_intra_op_parallelism_threads", threads.append)
    monkeypatch.setattr(
        threading, "get_intra_op_parallelism_threads", lambda: threads[-1] if threads else 0
    )

    def pretend(cores, gpus=0):
        monkeypatch.setattr(parallel, "cores", lambda: cores)
        monkeypatch.setattr(
            tf.config, "get_visible_devices", lambda kind: [kind] * gpus if kind == "GPU" else []
        )
        return threads

    return pretend


COMMAND = """
import sys
from seq2seq.cli.main import main
from seq2seq.training import loop

made, make = [], loop.make_train_step
loop.make_train_step = lambda *args, **more: made.append(more["parts"]) or make(*args, **more)
status = main(["train", sys.argv[1], "--run", sys.argv[2]])
import tensorflow as tf
print()
print(tf.config.threading.get_intra_op_parallelism_threads(), *made)
sys.exit(status)
"""


def update(parts, batch, r_drop):
    """Return loss, tokens and weights after one update of the model that the seed makes."""
    model = build_model(Config().replace(SIZES))
    step = make_train_step(model, keras.optimizers.SGD(0.5), 0.1, 1.0, None, r_drop, parts)
    sums = step(*batch)
    return [float(value) for value in sums], [weight.numpy() for weight in model.weights]


@pytest.mark.parametrize(
    ("rows", "parts", "r_drop"), [(2, 3, 2.0), pytest.param(7, 3, 2.0, marks=pytest.mark.slow)]
)
def test_an_update_is_the_same_in_parts(rng, rows, parts, r_drop):
    """Two rows in three parts leave a part without any."""
    batch = rng.integers(4, 300, (3, rows, 6)).astype("int32")
    batch[:, 0, 4:] = 0
    with run_eagerly():
        sums, weights = update(1, batch, r_drop)
    sums_in_parts, weights_in_parts = update(parts, batch, r_drop)
    assert sums[2] == rows * 6 - 2
    np.testing.assert_allclose(sums_in_parts, sums, rtol=1e-5)
    for whole, in_parts in zip(weights, weights_in_parts, strict=True):
        np.testing.assert_allclose(in_parts, whole, atol=1e-5)


@pytest.mark.parametrize(
    ("cores", "gpus", "wanted", "threads", "parts"),
    [
        *((2, 0, 0, [1], 2), (3, 0, 0, [1], 3), (5, 0, 0, [1], 4), (8, 0, 0, [2], 4)),
        (11, 0, 0, [2], 4),
        *((8, 0, 2, [4], 2), (2, 0, 5, [1], 5), (64, 0, 0, [16], 4)),
        *((1, 0, 0, [], 1), (8, 1, 0, [], 1), (8, 1, 2, [], 2)),
    ],
)
def test_each_part_gets_its_share_of_the_threads(machine, cores, gpus, wanted, threads, parts):
    recorded = machine(cores, gpus)
    share_cores(wanted)
    assert recorded == threads
    assert parallel_parts(wanted) == parts


def test_there_is_one_part_where_the_cores_are_not_shared(machine):
    machine(8)
    assert parallel_parts() == 1
    assert parallel_parts(3) == 3


@pytest.mark.parametrize("name", ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"])
def test_threads_set_by_the_environment_stay(machine, monkeypatch, name):
    recorded = machine(8)
    monkeypatch.setenv(name, "3")
    share_cores()
    assert recorded == []
    assert parallel_parts() == 1


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert parallel.cores() == 3
    monkeypatch.delattr(parallel.os, "sched_getaffinity")
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: None)
    assert parallel.cores() == 1


def test_sharing_cores_once_tensorflow_runs_is_a_clear_error(machine, monkeypatch):
    machine(8)

    def refuse(threads):
        raise RuntimeError("cannot be modified after initialization")

    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", refuse)
    with pytest.raises(RuntimeError, match="needs a TensorFlow that has run no operation yet"):
        share_cores()


@pytest.mark.slow
def test_the_command_shares_the_cores_before_tensorflow_runs(tiny_config, tmp_path):
    """Import to the last update in a process of its own, with the threads that users have."""
    save_config(tiny_config.replace({"training.parallel_parts": 0}), tmp_path / "tiny.toml")
    free = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(tmp_path / "tiny.toml"), str(tmp_path / "run")],
        env=free,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    threads, *parts = map(int, done.stdout.splitlines()[-1].split())
    assert parts == [min(parallel.cores(), 4) if parallel.cores() > 1 else 1]
    assert threads == (parallel.cores() // parts[0] if parallel.cores() > 1 else 0)
