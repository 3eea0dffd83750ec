"""Compare the layers of keras_rnn with each other: parameters, time of a train step.

    python benchmarks/cells.py [NAME ...] [--config A] [--samples 7]

Prints a row of a Markdown table for each layer that has a cell of its own, and for `RNN` around
each cell around cells: its parameters, the median milliseconds of a train step, and these over
those of LSTM. All are interleaved in one process; see layers.py for the configurations and for
what is timed. A cell with attention looks at its own input as at a memory.
"""

import argparse
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from layers import CONFIGS, Shape, measure, train_step

import keras_rnn
from keras_rnn import RNN, GRUCell, LSTMCell
from keras_rnn.layers.named import NamedRNN
from keras_rnn.layers.named_composite import CompositeRNN

WRAPPED: dict[str, Callable[[int], Any]] = {
    "DropoutCell": lambda units: keras_rnn.DropoutCell(LSTMCell(units), 0.2, 0.2, 0.2),
    "ZoneoutCell": lambda units: keras_rnn.ZoneoutCell(LSTMCell(units), 0.1),
    "WeightDropCell": lambda units: keras_rnn.WeightDropCell(LSTMCell(units), 0.2),
    "ResidualCell": lambda units: keras_rnn.ResidualCell(LSTMCell(units)),
    "HighwayCell": lambda units: keras_rnn.HighwayCell(LSTMCell(units)),
    "StackedRNNCells": lambda units: keras_rnn.StackedRNNCells([LSTMCell(units) for _ in range(2)]),
    "DeepTransitionCell": lambda units: keras_rnn.DeepTransitionCell(
        [LSTMCell(units) for _ in range(2)]
    ),
}


class Attending(keras.layers.Layer):
    """`RNN` around a cell with attention, which looks at its own input as at a memory."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.layer = RNN(cell, return_sequences=True)

    def build(self, inputs_shape: Any) -> None:
        """Build the cell, whose memory is of the shape of the input."""
        self.layer.cell.build((None, inputs_shape[-1]), memory_shape=inputs_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs of all steps."""
        memory = self.layer.cell.attention.memory(inputs)
        return self.layer(inputs, training=training, constants={"memory": memory})


def attending(units: int) -> dict[str, Attending]:
    """Return a layer for each cell with attention, around one LSTM or two GRUs or LSTMs."""
    mechanisms = [keras_rnn.BahdanauAttention(units) for _ in range(3)]
    cells = {
        "AttentionCell": keras_rnn.AttentionCell(LSTMCell(units), mechanisms[0], units),
        "ConditionalGRUCell": keras_rnn.ConditionalGRUCell(
            GRUCell(units), mechanisms[1], GRUCell(units)
        ),
        "GNMTCell": keras_rnn.GNMTCell([LSTMCell(units), LSTMCell(units)], mechanisms[2]),
    }
    return {name: Attending(cell) for name, cell in cells.items()}


def layers(shape: Shape) -> dict[str, Any]:
    """Return all layers, by the name of the layer or of the cell around cells."""
    units, public = shape[-1], {name: getattr(keras_rnn, name) for name in keras_rnn.__all__}
    sizes = {"ProjectedLSTM": {"projection": units // 2}}
    made = {
        name: part(units, return_sequences=True, **sizes.get(name, {}))
        for name, part in public.items()
        if isinstance(part, type)
        and issubclass(part, NamedRNN)
        and not issubclass(part, CompositeRNN)
    }
    wrapped = {n: RNN(make(units), return_sequences=True) for n, make in WRAPPED.items()}
    return made | wrapped | attending(units)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help="these and LSTM; else all")
    parser.add_argument("--config", default="A", choices=CONFIGS)
    parser.add_argument("--samples", type=int, default=7)
    args = parser.parse_args()
    shape = CONFIGS[args.config]
    chosen = {"LSTM", *args.names}
    made = {n: layer for n, layer in layers(shape).items() if not args.names or n in chosen}
    runs = {name: train_step(layer, shape) for name, layer in made.items()}
    medians, kept = measure(runs, args.samples)
    for name, seconds in sorted(medians.items(), key=lambda pair: pair[1]):
        sizes = [tf.size(weight).numpy() for weight in made[name].weights]
        times = f"{1e3 * seconds:.0f} | {seconds / medians['LSTM']:.2f}"
        print(f"| `{name}` | {sum(sizes):,} | {times} |")
    print(f"{kept} samples kept")


if __name__ == "__main__":
    main()
