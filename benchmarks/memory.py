"""Compare the peak memory of one train step on a long sequence: keras_rnn, Keras, PyTorch.

    python benchmarks/memory.py [--length 2000] [--batch 16] [--units 512] [--recompute 45]

Each runs in a process of its own. Prints MiB above what the process had before the step, after a
step on a short sequence had loaded everything.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Callable

NAMES = ("keras", "ours", "ours, recomputed", "torch")


def tensorflow_step(name: str, args: argparse.Namespace) -> None:
    """Run one train step of an LSTM of ours or of Keras."""
    import keras
    import tensorflow as tf

    import keras_rnn

    library = keras.layers if name == "keras" else keras_rnn
    options = {"recompute": args.recompute} if name.endswith("recomputed") else {}
    layer = library.LSTM(args.units, return_sequences=True, **options)

    @tf.function(reduce_retracing=True)
    def step(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs, training=True)))
        return [tf.reduce_sum(g) for g in tape.gradient(loss, [inputs, *layer.trainable_weights])]

    def run(length: int) -> None:
        step(tf.random.stateless_normal((args.batch, length, args.units), seed=(1, 2)))

    report(run, args.length)


def torch_step(args: argparse.Namespace) -> None:
    """Run one train step of PyTorch's LSTM."""
    import torch

    layer = torch.nn.LSTM(args.units, args.units, batch_first=True)

    def run(length: int) -> None:
        inputs = torch.randn(args.batch, length, args.units, requires_grad=True)
        layer(inputs)[0].square().sum().backward()

    report(run, args.length)


def report(run: Callable[[int], None], length: int) -> None:
    """Print the MiB that `run(length)` needs above a short run."""
    run(2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(length)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def main() -> None:
    """Measure each in a process of its own, or one of them in this."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=NAMES, help=argparse.SUPPRESS)
    for name, value in (("length", 2000), ("batch", 16), ("units", 512), ("recompute", 45)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    if args.only == "torch":
        torch_step(args)
    elif args.only:
        tensorflow_step(args.only, args)
    else:
        compare()


def compare() -> None:
    """Print a line for each."""
    theirs = None
    for name in NAMES:
        command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if found.returncode:
            print(f"{name:20} not measured: {found.stderr.strip().splitlines()[-1]}")
            continue
        mebibytes = float(found.stdout.splitlines()[-1])
        theirs = theirs or mebibytes
        print(f"{name:20} {mebibytes:7.0f} MiB   {mebibytes / theirs:.2f} of Keras'", flush=True)


if __name__ == "__main__":
    main()
