"""Compare the layers of keras_rnn with those of Keras and PyTorch: time of a train step, memory.

    python benchmarks/layers.py [GROUP ...] [--configs A B C D] [--samples 9]

Prints, for each row, the median milliseconds of both and their ratio (theirs / ours: larger is
better). All runs of a row are interleaved in one process. A product of two matrices is timed
before and after each sample, and the sample dropped if that took over 1.35 times its best: the
machine was slow then.

Rows against PyTorch need `pip install torch==2.13.0`; without it they are left out.
"""

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from layer_norm_lstm import LayerNormLSTMCell

import keras_rnn

CONFIGS = {  # batch, time, features, units
    "A": (64, 30, 256, 256),
    "B": (64, 30, 512, 512),
    "C": (128, 50, 512, 512),
    "D": (32, 100, 1024, 1024),
}
SLOW = 1.35

Run = Callable[[], Any]


def train_step(layer: Any, shape: tuple[int, ...], jit: bool = False) -> Run:
    """Return a run of forward and backward pass, with the gradients of inputs and weights."""
    batch, length, features, _ = shape
    inputs = tf.constant(np.random.default_rng(0).normal(size=(batch, length, features)), "float32")
    layer(inputs)

    @tf.function(jit_compile=jit)
    def step(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs, training=True)))
        gradients = tape.gradient(loss, [inputs, *layer.trainable_weights])
        return [tf.reduce_sum(gradient) for gradient in gradients]

    return lambda: [value.numpy() for value in step(inputs)]


def inference(layer: Any, shape: tuple[int, ...], jit: bool = False) -> Run:
    """Return a run of the forward pass."""
    batch, length, features, _ = shape
    inputs = tf.constant(np.random.default_rng(0).normal(size=(batch, length, features)), "float32")
    layer(inputs)
    run = tf.function(lambda inputs: tf.reduce_sum(layer(inputs)), jit_compile=jit)
    return lambda: run(inputs).numpy()


def torch_train_step(name: str, shape: tuple[int, ...]) -> Run | None:
    """Return the same of a PyTorch layer, or `None` without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(os.cpu_count() or 1)
    batch, length, features, units = shape
    layer = getattr(torch.nn, name)(features, units, batch_first=True)
    inputs = torch.randn(batch, length, features, requires_grad=True)

    def run() -> float:
        layer.zero_grad()
        inputs.grad = None
        loss = layer(inputs)[0].square().sum()
        loss.backward()
        return float(loss)

    return run


def named(library: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Return a layer of either library."""
    return getattr(library, name)(shape[-1], return_sequences=True)


def layer_norm(library: Any, shape: tuple[int, ...]) -> Any:
    """Return the same cell in the `RNN` of either library."""
    return library.RNN(LayerNormLSTMCell(shape[-1]), return_sequences=True)


def two_layers(library: Any, shape: tuple[int, ...]) -> Any:
    """Return two bidirectional LSTM layers of either library."""
    layers = [library.LSTM(shape[-1], return_sequences=True) for _ in range(2)]
    return keras.Sequential([library.Bidirectional(layer) for layer in layers])


def rows(groups: list[str], configs: list[str]) -> Iterator[tuple[str, dict[str, Run | None]]]:
    """Yield name and runs of each row."""
    ours, theirs = keras_rnn, keras.layers
    for group, config in itertools.product(groups, configs):
        shape = CONFIGS[config]
        match group:
            case "lstm" | "gru" | "simple":
                name = {"lstm": "LSTM", "gru": "GRU", "simple": "SimpleRNN"}[group]
                yield (
                    f"{name} train {config}",
                    {
                        "ours": train_step(named(ours, name, shape), shape),
                        "keras": train_step(named(theirs, name, shape), shape),
                        "torch": torch_train_step({"SimpleRNN": "RNN"}.get(name, name), shape),
                    },
                )
            case "jit":
                yield (
                    f"LSTM train, ours by XLA {config}",
                    {
                        "ours": train_step(named(ours, "LSTM", shape), shape, jit=True),
                        "keras": train_step(named(theirs, "LSTM", shape), shape),
                    },
                )
            case "layernorm" | "layernorm-jit":
                jit = group.endswith("jit")
                yield (
                    f"LayerNorm LSTM train{', XLA' if jit else ''} {config}",
                    {
                        "ours": train_step(layer_norm(ours, shape), shape, jit),
                        "keras": train_step(layer_norm(theirs, shape), shape, jit),
                    },
                )
            case "bidirectional":
                yield (
                    f"2-layer bidirectional LSTM train {config}",
                    {
                        "ours": train_step(two_layers(ours, shape), shape),
                        "keras": train_step(two_layers(theirs, shape), shape),
                    },
                )
            case "inference" | "inference-jit":
                jit = group.endswith("jit")
                yield (
                    f"LSTM inference{', XLA' if jit else ''} {config}",
                    {
                        "ours": inference(named(ours, "LSTM", shape), shape, jit),
                        "keras": inference(named(theirs, "LSTM", shape), shape, jit),
                    },
                )


def calibrate(matrix: Any) -> float:
    """Return the seconds that the square of the matrix takes."""
    began = time.perf_counter()
    (matrix @ matrix).numpy()
    return time.perf_counter() - began


def measure(runs: dict[str, Run], samples: int) -> tuple[dict[str, float], int]:
    """Return the median seconds of each, and how many samples were kept."""
    matrix = tf.random.stateless_normal((2048, 2048), seed=(1, 2))
    taken: list[tuple[float, dict[str, float]]] = []
    best = min(calibrate(matrix) for _ in range(5))
    for run in runs.values():
        run(), run()
    kept: list[dict[str, float]] = []
    order = list(runs.items())
    for _ in range(4 * samples):
        before, sample = calibrate(matrix), {}
        order.reverse()  # So that none is always the first.
        for name, run in order:
            began = time.perf_counter()
            run()
            sample[name] = time.perf_counter() - began
        speed = max(before, calibrate(matrix))
        best = min(best, before, speed)
        taken.append((speed, sample))
        kept = [sample for speed, sample in taken if speed <= SLOW * best]
        if len(kept) >= samples:
            break
    return {name: statistics.median(s[name] for s in kept) for name in runs}, len(kept)


def main() -> None:
    """Measure the rows asked for and print a table."""
    groups = [
        "lstm",
        "gru",
        "simple",
        "jit",
        "layernorm",
        "layernorm-jit",
        "bidirectional",
        "inference",
    ]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", default=groups, choices=[*groups, "inference-jit"])
    parser.add_argument("--configs", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--samples", type=int, default=9)
    args = parser.parse_args()
    for name, runs in rows(args.groups, args.configs):
        present = {key: run for key, run in runs.items() if run is not None}
        medians, kept = measure(present, args.samples)
        times = "  ".join(f"{key} {1e3 * value:7.1f} ms" for key, value in medians.items())
        ratios = "  ".join(
            f"{key}/ours {value / medians['ours']:.2f}"
            for key, value in medians.items()
            if key != "ours"
        )
        print(f"{name:40} {times}   {ratios}   ({kept} samples)", flush=True)


if __name__ == "__main__":
    main()
