"""Stand-ins for the tests of tuning: a training that only looks at the config, and what it saw."""

import csv
from pathlib import Path

from seq2seq.training.loop import TrainingResult
from seq2seq.training.progress import SilentDisplay


def with_space(config, space, **tuning):
    changes = {f"tuning.{name}": value for name, value in tuning.items()}
    return config.replace(changes | {"tuning.space": space})


class Notes(SilentDisplay):
    """Remembers the messages; may do something when a training starts."""

    def __init__(self, on_start=None):
        self.lines = []
        self.on_start = on_start or (lambda: None)

    def start(self, step, total_steps):
        self.on_start()

    def message(self, text):
        self.lines.append(text)


class FakeTraining:
    """Stands for `train`: the loss is a function of the config; remembers the calls."""

    def __init__(self, loss):
        self.loss = loss
        self.calls = []

    def __call__(self, config, folder, validate, display, *, model, epochs):
        self.calls.append((config, Path(folder).name, epochs))
        Path(folder).mkdir(parents=True, exist_ok=True)
        loss = self.loss(config)
        return TrainingResult(folder, 1, loss, {}, -loss, is_interrupted=False)


def table(folder):
    with (folder / "trials.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))
