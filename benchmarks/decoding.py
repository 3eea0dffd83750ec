"""Decode with one model in the graph and in PyTorch's loops, and print the time of each.

    python benchmarks/decoding.py [--steps 30] [--samples 9]

The model is that of translator.toml with random weights, the same in both, which never says
the end, so that all decode `--steps` tokens of sources as long. Both must find the same tokens.
Ours is the function that is exported, on tokens: as it is, and with `decoding.jit_compile`, once
XLA has compiled it. Runs are interleaved, and dropped where the machine was slow; see layers.py.
Needs `pip install torch==2.13.0`.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import torch
from layers import Run, measure
from torch_decoding import beam, greedy, with_weights_of

from seq2seq.config import Config, load_config
from seq2seq.inference.strategy import Phrases
from seq2seq.inference.token_search import TokenSearch
from seq2seq.marks import END
from seq2seq.model import build_model

ROWS = {"greedy, batch 1": (1, 1), "greedy, batch 32": (32, 1)} | {
    "beam 4, batch 1": (1, 4),
    "beam 4, batch 32": (32, 4),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("steps", 30), ("samples", 9)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    settings = [f"decoding.maximum_tokens={args.steps}"]
    config = load_config(Path(__file__).with_name("translator.toml"), settings)
    model = build_model(config)
    model.decoder.output_layer.bias.assign(
        np.where(np.arange(config.data.vocabulary_size) == END, -100.0, 0.0)
    )
    copy, random = with_weights_of(model, config), np.random.default_rng(0)
    for name, (batch, width) in ROWS.items():
        source = random.integers(5, config.data.vocabulary_size, (batch, args.steps), "int32")
        runs = runs_of(config, model, copy, source, width)
        found = {key: run() for key, run in runs.items()}
        same = np.mean([found["ours"] == tokens for tokens in found.values()])
        medians, kept = measure(runs, args.samples)
        times = "  ".join(f"{key} {1e3 * value:.1f} ms" for key, value in medians.items())
        ratios = "  ".join(f"{medians[key] / medians['torch']:.2f}" for key in ("ours", "compiled"))
        print(f"{name:17} {times}  over torch {ratios}  same {same:.3f}  ({kept} samples)")


def runs_of(
    config: Config, model: object, copy: torch.nn.Module, source: np.ndarray, width: int
) -> dict[str, Run]:
    """Return what decodes, by name; each returns the best tokens, `(batch, time)`."""
    config = config.replace({"decoding.beam": width})
    weight, steps = config.decoding.length_penalty, config.decoding.maximum_tokens
    tensors = tf.constant(source), torch.from_numpy(source.astype("int64"))

    def ours(jit_compile: bool) -> Run:
        decoding = config.replace({"decoding.jit_compile": jit_compile}).decoding
        tokens = TokenSearch([model], decoding, Phrases())
        search = tf.function(lambda source: tokens.search(source).tokens[:, 0], autograph=False)
        return lambda: search(tensors[0]).numpy()

    def in_torch() -> np.ndarray:
        if width == 1:
            return greedy(copy, tensors[1], steps).numpy()
        return beam(copy, tensors[1], steps, width, weight).numpy()

    return {"ours": ours(False), "compiled": ours(True), "torch": in_torch}


if __name__ == "__main__":
    main()
