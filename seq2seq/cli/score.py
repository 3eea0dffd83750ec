"""Score given translations, a line each: what a search gives to a hypothesis of their tokens.

seq2seq score runs/my --source in.txt --target out.txt > scores.txt
seq2seq score runs/my --source in.txt --target out.txt --set decoding.length_penalty=0
"""

import argparse
import sys
from pathlib import Path

from seq2seq.cli.settings import add_run_arguments, decoding_settings
from seq2seq.cli.start import start_tensorflow
from seq2seq.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_run_arguments(parser)
    parser.add_argument("--source", type=Path, required=True, help="text in the source language")
    parser.add_argument("--target", type=Path, required=True, help="its translation to be scored")


def run(args: argparse.Namespace) -> int:
    """Score."""
    start_tensorflow()
    from seq2seq.data.corpus import read_lines
    from seq2seq.inference import Translator

    source, target = read_lines(args.source), read_lines(args.target)
    if len(source) != len(target):
        raise UserError(
            "Scoring needs a translation of each line. Received: "
            f"{args.source} of {len(source)} lines, {args.target} of {len(target)}. "
            "Give the two files of one translation."
        )
    translator = Translator.load(args.run_folder, **decoding_settings(args))
    for score in translator.score(zip(source, target, strict=True)):
        print(f"{score:.4f}")
    if translator.cut_lines:
        cut = f"{translator.cut_lines} lines were too long; only their beginning was scored"
        print(f"seq2seq: {cut} (decoding.maximum_bytes, maximum_source_tokens)", file=sys.stderr)
    return 0
