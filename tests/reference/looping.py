"""The training loop on a model that stands in: a display that listens, and what a run left."""

import os

import numpy as np
import tensorflow as tf
from reference.models import BagModel

from seq2seq.checkpoint import model_variables
from seq2seq.training.loop import train
from seq2seq.training.progress import SilentDisplay

VOCABULARY, STEPS = 330, 5


class Recorder(SilentDisplay):
    """Keeps what it is told."""

    def __init__(self, on_report=lambda report: None):
        self.reports, self.messages, self.started, self.stopped = [], [], [], 0
        self.on_report = on_report

    def start(self, step, total_steps):
        self.started.append((step, total_steps))

    def report(self, report):
        self.reports.append(report)
        self.on_report(report)

    def message(self, text):
        self.messages.append(text)

    def stop(self):
        self.stopped += 1


def interrupt(number, step, times=1):
    """A display that sends this process a signal when a step is reported."""

    def on_report(report):
        for _ in range(times if report.step == step else 0):
            os.kill(os.getpid(), number)

    return Recorder(on_report)


def train_bag(config, folder, validate=None, display=None, model=None, **changes):
    """Train a bag model; return the result and its weights."""
    config = config.replace({f"training.{name}": value for name, value in changes.items()})
    model = model or BagModel(VOCABULARY, dropout=0.2)
    return train(config, folder, validate, display, model=model), model.get_weights()


def stored(folder, name):
    """The weights in a checkpoint."""
    model = BagModel(VOCABULARY, dropout=0.2, seed=99)
    path = tf.train.latest_checkpoint(str(folder / name))
    tf.train.Checkpoint(model=model_variables(model)).restore(path).expect_partial()
    return model.get_weights()


def assert_same_weights(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
