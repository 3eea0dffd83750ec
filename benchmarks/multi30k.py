"""Train on Multi30k from scratch, and score the 2016 test set.

    python benchmarks/multi30k.py DATA [--config FILE] [--pair en-de] [--tok] [--run RUN]
                                  [--set training.epochs=5 ...]

DATA holds train, val and test_2016_flickr, each as .en, .de and so on, raw; and with `--tok` as
.tok.en and so on, normalised, lower-cased and tokenised, as published scores use them
(github.com/multi30k/dataset). Raw text is scored by sacreBLEU's 13a, cased; tokens as they are.
`--val` scores the validation set instead: what choices are made by.

Prints the wall-clock time from reading text to the last checkpoint, and sacreBLEU with its
signature, next to how fast the machine was: a matrix product tells whether other work ran beside
it. A run that was interrupted goes on, but its time is then not that of one run.
"""

import argparse
import importlib.resources
import os
import statistics
import time
from pathlib import Path

import numpy as np

from seq2seq.cli.start import start_tensorflow
from seq2seq.config import Config, load_config

SHIPPED = importlib.resources.files("seq2seq") / "configs" / "multi30k.toml"


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--config", default=str(SHIPPED))
    parser.add_argument("--pair", default="en-de")
    parser.add_argument("--tok", action="store_true")
    parser.add_argument("--val", action="store_true")
    parser.add_argument("--run", type=Path, default=Path("runs/multi30k"))
    parser.add_argument("--set", dest="settings", action="append", default=[])
    args = parser.parse_args()
    start_tensorflow()
    from seq2seq.data.corpus import read_parallel
    from seq2seq.evaluation import ValidationScores, evaluate
    from seq2seq.training import RichDisplay, keep_freed_memory, share_cores, train

    ends = [f"tok.{end}" if args.tok else end for end in args.pair.split("-")]
    config = benchmark_config(args.config, args.data, ends, args.settings)
    keep_freed_memory()
    share_cores(config.training.parallel_parts)
    speed, began = gigaflops(), time.monotonic()
    result = train(config, args.run, ValidationScores(), RichDisplay())
    minutes = (time.monotonic() - began) / 60
    if result.is_interrupted:
        raise SystemExit(f"Interrupted at step {result.step}; the same command goes on.")
    name = "val" if args.val else "test_2016_flickr"
    corpus = read_parallel(*(args.data / f"{name}.{end}" for end in ends))
    scores = evaluate(args.run, corpus, tokenize="none" if args.tok else "13a")
    print(f"{result.step} updates in {minutes:.1f} minutes, best validation BLEU {result.best:.2f}")
    print(f"{name}, {args.pair}, beam {config.decoding.beam}:\n{scores.bleu}\n{scores.chrf}")
    print(f"perplexity = {scores.perplexity:.3f}")
    print_machine(speed)


def print_machine(speed: float) -> None:
    """Print how fast the machine was before, and is now."""
    print(f"machine: {os.cpu_count()} cores, load {os.getloadavg()}")
    print(f"matrix product: {speed:.0f} GFLOP/s before, {gigaflops():.0f} GFLOP/s after")


def benchmark_config(path: str, data: Path, ends: list[str], settings: list[str]) -> Config:
    """Return the config of a file, with the files in `data` and the settings given."""
    files = {}
    for side, end in zip(("source", "target"), ends, strict=True):
        files |= {f"data.{side}": f"train.{end}", f"data.validation_{side}": f"val.{end}"}
    config = load_config(path, settings)
    return config.replace({key: str((data / name).resolve()) for key, name in files.items()})


def gigaflops(size: int = 2048, times: int = 9) -> float:
    """Return the median speed of a product of two square float32 matrices, in 1e9 operations/s.

    NumPy multiplies them, on all cores, whatever threads TensorFlow has.
    """
    matrix = np.random.default_rng(1).normal(size=(size, size)).astype("float32")
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        matrix @ matrix
        samples.append(time.perf_counter() - began)
    return 2e-9 * size**3 / statistics.median(samples)


if __name__ == "__main__":
    main()
