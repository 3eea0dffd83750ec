"""Train, score, export and serve on the built-in language pair, in a few minutes.

seq2seq demo
"""

import argparse
import os
import time
from pathlib import Path

from seq2seq.cli.start import INTERRUPTED, start_tensorflow

NEXT = """
Now your own text: two files, line by line parallel, and a config that names them:

    [data]
    source = "train.en"
    target = "train.de"

    seq2seq train my.toml --run my-run
    seq2seq translate my-run < in.txt > out.txt
    seq2seq evaluate my-run --source test.en --reference test.de
    seq2seq export my-run my-model

{config} is such a config with more keys; `seq2seq train --help` says more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("--dir", type=Path, default=Path("demo"), help="where all of it goes")


def run(args: argparse.Namespace) -> int:
    """Run the demo."""
    began = time.monotonic()
    start_tensorflow()
    from seq2seq.demo import run_demo
    from seq2seq.training import RichDisplay, keep_freed_memory, share_cores

    keep_freed_memory()
    share_cores()
    result = run_demo(args.dir, RichDisplay(), say=lambda text: print(text, flush=True))
    if result.training.is_interrupted:
        print(f"Interrupted; `seq2seq demo --dir {args.dir}` goes on.")
        return INTERRUPTED
    for source, translation, reference in result.examples:
        print(f"\n  {source}\n  {translation}")
        if translation != reference:
            print(f"  reference: {reference}")
    print(f"\n{result.evaluation.bleu}\n{result.evaluation.chrf}")
    print(f"perplexity = {result.evaluation.perplexity:.3f}")
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"All of this took {minutes}:{seconds:02} on {os.cpu_count()} cores.")
    print(f"SavedModel: {result.model}\nPictures: {', '.join(map(str, result.pictures))}")
    print(NEXT.format(config=args.dir / "demo.toml"))
    return 0
