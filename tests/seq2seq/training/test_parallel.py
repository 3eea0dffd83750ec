"""Parts of a batch side by side: the same update, whatever their number."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.config import Config
from seq2seq.model import build_model
from seq2seq.training import parallel, parallel_parts, share_cores
from seq2seq.training.step import make_train_step

SIZES = {
    "data.vocabulary_size": 300,
    "model.embedding_size": 5,
    "model.encoder_units": 4,
    "model.decoder_units": 5,
    "model.attention_units": 3,
    "model.dropout": 0.0,
}


@pytest.fixture
def machine(monkeypatch):
    """Pretend a machine: `machine(cores, gpus)`; returns a list of the numbers of threads set."""
    threads = []
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", threads.append)

    def pretend(cores, gpus=0):
        monkeypatch.setattr(parallel, "cores", lambda: cores)
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind: [kind] * gpus if kind == "GPU" else []
        )
        return threads

    return pretend


def update(parts, batch, r_drop=0.0):
    """Return loss, tokens and weights after one update of the model that the seed makes."""
    model = build_model(Config().replace(SIZES))
    step = make_train_step(model, keras.optimizers.SGD(0.5), 0.1, 1.0, None, r_drop, parts)
    sums = step(*batch)
    return [float(value) for value in sums], [weight.numpy() for weight in model.weights]


@pytest.mark.parametrize("r_drop", [0.0, 2.0])
@pytest.mark.parametrize("rows", [1, 5])
def test_an_update_is_the_same_in_parts(rng, rows, r_drop):
    """One row in two parts leaves a part without any."""
    batch = rng.integers(4, 300, (3, rows, 6)).astype("int32")
    batch[:, 0, 4:] = 0
    sums, weights = update(1, batch, r_drop)
    sums_in_parts, weights_in_parts = update(2, batch, r_drop)
    assert sums[2] == rows * 6 - 2
    np.testing.assert_allclose(sums_in_parts, sums, rtol=1e-5)
    for whole, in_parts in zip(weights, weights_in_parts, strict=True):
        np.testing.assert_allclose(in_parts, whole, atol=1e-5)


def test_the_number_of_parts_follows_the_cores(machine):
    for cores, parts in ((1, 1), (2, 2), (3, 3), (4, 4), (64, 4)):
        machine(cores)
        assert parallel_parts() == parts
        assert parallel_parts(7) == 7
    machine(8, gpus=1)
    assert parallel_parts() == 1


def test_cores_are_those_that_the_process_may_use():
    assert 1 <= parallel.cores() <= 4096


@pytest.mark.parametrize(
    ("cores", "gpus", "wanted", "threads"),
    [(2, 0, 0, [1]), (8, 0, 0, [2]), (8, 0, 2, [4]), (2, 0, 5, [1]), (1, 0, 0, []), (8, 1, 0, [])],
)
def test_each_part_gets_its_share_of_the_threads(machine, cores, gpus, wanted, threads):
    recorded = machine(cores, gpus)
    share_cores(wanted)
    assert recorded == threads


def test_threads_set_by_the_environment_stay(machine, monkeypatch):
    recorded = machine(8)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    share_cores()
    assert recorded == []
