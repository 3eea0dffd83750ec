"""Compare the layers of keras_rnn with each other: parameters, time of a train step.

    python benchmarks/cells.py [--config A] [--samples 7]

Prints a row of a Markdown table for each layer that has a cell of its own: its parameters, the
median milliseconds of a train step, and these over those of LSTM. All are interleaved in one
process; see layers.py for the configurations and for what is timed.
"""

import argparse

import tensorflow as tf
from layers import CONFIGS, Shape, measure, train_step

import keras_rnn
from keras_rnn.layers.named import NamedRNN


def layer_of(name: str, shape: Shape) -> NamedRNN:
    """Return the layer of that name."""
    units = shape[-1]
    sizes = {"projection": units // 2} if name == "ProjectedLSTM" else {}
    return getattr(keras_rnn, name)(units, return_sequences=True, **sizes)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="A", choices=CONFIGS)
    parser.add_argument("--samples", type=int, default=7)
    args = parser.parse_args()
    shape = CONFIGS[args.config]
    public = {name: getattr(keras_rnn, name) for name in keras_rnn.__all__}
    names = [n for n, c in public.items() if isinstance(c, type) and issubclass(c, NamedRNN)]
    made = {name: layer_of(name, shape) for name in names}
    runs = {name: train_step(layer, shape) for name, layer in made.items()}
    medians, kept = measure(runs, args.samples)
    for name, seconds in sorted(medians.items(), key=lambda pair: pair[1]):
        sizes = [tf.size(weight).numpy() for weight in made[name].weights]
        times = f"{1e3 * seconds:.0f} | {seconds / medians['LSTM']:.2f}"
        print(f"| `{name}` | {sum(sizes):,} | {times} |")
    print(f"{kept} samples kept")


if __name__ == "__main__":
    main()
