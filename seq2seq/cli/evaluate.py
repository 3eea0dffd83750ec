"""Score a trained model: BLEU and chrF by sacreBLEU with signatures, and perplexity.

seq2seq evaluate runs/my --source test.en --reference test.de
seq2seq evaluate runs/1 runs/2 --source test.en --reference test.de --set decoding.beam=10
"""

import argparse
from pathlib import Path

from seq2seq.cli.settings import add_run_arguments, decoding_settings
from seq2seq.cli.start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_run_arguments(parser)
    parser.add_argument("--source", type=Path, required=True, help="text to translate")
    parser.add_argument("--reference", type=Path, required=True, help="its translation")
    parser.add_argument(
        "--tokenize",
        choices=("13a", "none", "intl", "char", "zh"),
        default="13a",
        help="sacreBLEU's tokenisation; none for text in tokens",
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    start_tensorflow()
    from seq2seq.data.corpus import read_parallel
    from seq2seq.evaluation import evaluate

    corpus = read_parallel(args.source, args.reference)
    result = evaluate(args.run_folder, corpus, args.tokenize, **decoding_settings(args))
    print(f"{result.bleu}\n{result.chrf}\nperplexity = {result.perplexity:.3f}")
    if result.cut_lines:
        print(f"cut: {result.cut_lines} lines, too long to be translated whole")
    for reason, count in corpus.skipped.items():
        print(f"skipped: {count} pairs {reason}")
    return 0
