"""Score given translations, a line each: what a search gives to a hypothesis of their tokens.

seq2seq score runs/my --source in.txt --target out.txt > scores.txt
seq2seq score runs/my --source in.txt --target out.txt --set decoding.length_penalty=0
"""

import argparse
from pathlib import Path

from seq2seq.cli.settings import add_run_arguments, decoding_settings, report_cut_lines
from seq2seq.cli.start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_run_arguments(parser)
    parser.add_argument("--source", type=Path, required=True, help="text in the source language")
    parser.add_argument("--target", type=Path, required=True, help="its translation to be scored")


def run(args: argparse.Namespace) -> int:
    """Score."""
    start_tensorflow()
    from seq2seq.data.corpus import read_line_pairs
    from seq2seq.inference import Translator

    pairs = read_line_pairs(args.source, args.target)
    translator = Translator.load(args.run_folder, **decoding_settings(args))
    for score in translator.score(pairs):
        print(f"{score:.4f}")
    report_cut_lines(translator, "scored")
    return 0
