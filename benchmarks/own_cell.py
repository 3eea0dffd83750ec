"""Time the cell of docs/write-your-own-cell.md: a train step in our `RNN` and in that of Keras.

    python benchmarks/own_cell.py [--configs A B C D] [--samples 9]

Prints the median milliseconds of both and their ratio, measured as in benchmarks/layers.py.
"""

import argparse
import re
from pathlib import Path
from typing import Any

import keras
from layers import CONFIGS, measure, train_step

import keras_rnn

GUIDE = Path(__file__).parents[1] / "docs" / "write-your-own-cell.md"


def cell_of_the_guide() -> Any:
    """Return the class that the first block of the guide writes."""
    block = re.search(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(compile(block.group(1), GUIDE.name, "exec"), names)  # noqa: S102 - the guide is ours.
    return names["AntisymmetricCell"]


def main() -> None:
    """Measure the configurations asked for and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--samples", type=int, default=9)
    args = parser.parse_args()
    cell_class = cell_of_the_guide()
    for config in args.configs:
        shape = CONFIGS[config]
        libraries = {"ours": keras_rnn, "keras": keras.layers}
        runs = {
            name: train_step(library.RNN(cell_class(shape[-1]), return_sequences=True), shape)
            for name, library in libraries.items()
        }
        seconds, kept = measure(runs, args.samples)
        ours, theirs = (1e3 * seconds[name] for name in libraries)
        print(
            f"{config} {shape}: ours {ours:.1f} ms, keras {theirs:.1f} ms, "
            f"{theirs / ours:.2f} times as fast ({kept} samples)",
            flush=True,
        )


if __name__ == "__main__":
    main()
