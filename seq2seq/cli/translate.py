"""Translate standard input to standard output, line by line.

seq2seq translate runs/my < in.txt > out.txt
echo "A dog runs." | seq2seq translate runs/my --beam 1 --attention map.png
"""

import argparse
import itertools
import sys
from pathlib import Path

from seq2seq.cli.start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the run folder")
    parser.add_argument("--beam", type=int, help="hypotheses to keep; 1 is greedy search")
    parser.add_argument("--length-penalty", type=float, help="larger is longer; 0 is none")
    parser.add_argument("--scores", action="store_true", help="write TAB and the score after each")
    parser.add_argument(
        "--attention", metavar="PICTURE", type=Path, help="draw where the first line looked"
    )


def run(args: argparse.Namespace) -> int:
    """Translate."""
    start_tensorflow()
    from seq2seq.data.corpus import decode_lines
    from seq2seq.evaluation import check_picture, plot_alignment
    from seq2seq.inference import Translator

    if args.attention is not None:
        check_picture(args.attention)
    options = {"beam": args.beam, "length_penalty": args.length_penalty}
    given = {name: value for name, value in options.items() if value is not None}
    translator = Translator.load(args.run_folder, **given)
    lines = decode_lines(sys.stdin.buffer)
    if args.attention is not None:
        first = list(itertools.islice(lines, 1))
        plot_alignment(translator.align("".join(first)), args.attention)
        lines = itertools.chain(first, lines)
    lines_ahead = 1 if sys.stdin.isatty() else None
    for translation, score in translator.translate_with_scores(lines, lines_ahead):
        text = f"{translation}\t{score:.4f}" if args.scores else translation
        sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.buffer.flush()
    if translator.cut_lines:
        cut = f"{translator.cut_lines} lines were too long; only their beginning was translated"
        print(f"seq2seq: {cut} (decoding.maximum_bytes, maximum_source_tokens)", file=sys.stderr)
    return 0
