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
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import keras_rnn

CONFIGS = {  # batch, time, features, units
    "A": (64, 30, 256, 256),
    "B": (64, 30, 512, 512),
    "C": (128, 50, 512, 512),
    "D": (32, 100, 1024, 1024),
}
SLOW = 1.35

Shape = tuple[int, ...]
Run = Callable[[], Any]
Row = Callable[[Shape], dict[str, Run]]


def train_step(layer: Any, shape: Shape, jit: bool = False) -> Run:
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


def inference(layer: Any, shape: Shape, jit: bool = False) -> Run:
    """Return a run of the forward pass."""
    batch, length, features, _ = shape
    inputs = tf.constant(np.random.default_rng(0).normal(size=(batch, length, features)), "float32")
    layer(inputs)
    run = tf.function(lambda inputs: tf.reduce_sum(layer(inputs)), jit_compile=jit)
    return lambda: run(inputs).numpy()


def torch_train_step(name: str, shape: Shape) -> Run | None:
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


def named(name: str) -> Callable[[Any, Shape], Any]:
    """Return what makes the layer of that name in either library."""
    return lambda library, shape: getattr(library, name)(shape[-1], return_sequences=True)


def layer_norm(library: Any, shape: Shape) -> Any:
    """Return the same cell in the `RNN` of either library."""
    return library.RNN(keras_rnn.LayerNormLSTMCell(shape[-1]), return_sequences=True)


def two_layers(library: Any, shape: Shape) -> Any:
    """Return two bidirectional LSTM layers of either library."""
    layers = [library.LSTM(shape[-1], return_sequences=True) for _ in range(2)]
    return keras.Sequential([library.Bidirectional(layer) for layer in layers])


def compared(make: Callable[[Any, Shape], Run], torch_name: str | None = None) -> Row:
    """Return what makes the runs of a row: of our layers, of those of Keras, and of PyTorch's."""

    def runs(shape: Shape) -> dict[str, Run]:
        made = {"ours": make(keras_rnn, shape), "keras": make(keras.layers, shape)}
        if torch_name is not None:
            made["torch"] = torch_train_step(torch_name, shape)
        return {name: run for name, run in made.items() if run is not None}

    return runs


def trained(make: Callable[[Any, Shape], Any], jit: bool = False) -> Callable[[Any, Shape], Run]:
    """Return what makes the train step of a layer of either library."""
    return lambda library, shape: train_step(make(library, shape), shape, jit)


def applied(make: Callable[[Any, Shape], Any], jit: bool = False) -> Callable[[Any, Shape], Run]:
    """Return what makes the forward pass of a layer of either library."""
    return lambda library, shape: inference(make(library, shape), shape, jit)


def ours_by_xla(library: Any, shape: Shape) -> Run:
    """Return the train step of an LSTM, ours compiled by XLA."""
    return train_step(named("LSTM")(library, shape), shape, jit=library is keras_rnn)


GROUPS: dict[str, tuple[str, Row]] = {
    "lstm": ("LSTM train", compared(trained(named("LSTM")), "LSTM")),
    "gru": ("GRU train", compared(trained(named("GRU")), "GRU")),
    "simple": ("SimpleRNN train", compared(trained(named("SimpleRNN")), "RNN")),
    "jit": ("LSTM train, ours by XLA", compared(ours_by_xla)),
    "layernorm": ("LayerNorm LSTM train", compared(trained(layer_norm))),
    "layernorm-jit": ("LayerNorm LSTM train, XLA", compared(trained(layer_norm, jit=True))),
    "bidirectional": ("2-layer bidirectional LSTM train", compared(trained(two_layers))),
    "inference": ("LSTM inference", compared(applied(named("LSTM")))),
    "inference-jit": ("LSTM inference, XLA", compared(applied(named("LSTM"), jit=True))),
}


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all")
    parser.add_argument("--configs", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--samples", type=int, default=9)
    args = parser.parse_args()
    if unknown := set(args.groups) - GROUPS.keys():  # `choices` would refuse an empty list.
        parser.error(f"needs groups of {', '.join(GROUPS)}. Received: {', '.join(unknown)}.")
    for group, config in itertools.product(args.groups or GROUPS, args.configs):
        name, make = GROUPS[group]
        medians, kept = measure(make(CONFIGS[config]), args.samples)
        times = "  ".join(f"{key} {1e3 * value:7.1f} ms" for key, value in medians.items())
        ratios = "  ".join(
            f"{key}/ours {value / medians['ours']:.2f}"
            for key, value in medians.items()
            if key != "ours"
        )
        print(f"{name} {config:{38 - len(name)}} {times}   {ratios}   ({kept} samples)", flush=True)


if __name__ == "__main__":
    main()
