"""Translate standard input to standard output, line by line.

seq2seq translate runs/my < in.txt > out.txt
echo "A dog runs." | seq2seq translate runs/my --beam 1 --attention map.png
seq2seq translate runs/my --set decoding.no_repeat_ngram_size=3 --sample 7 < in.txt
"""

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from seq2seq.cli.settings import add_run_arguments, decoding_settings, report_cut_lines
from seq2seq.cli.start import start_tensorflow
from seq2seq.errors import UserError

DECODING = ("beam", "length_penalty", "coverage_penalty", "jit_compile")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_run_arguments(parser)
    parser.add_argument("--beam", type=int, help="hypotheses to keep; 1 is greedy search")
    parser.add_argument("--length-penalty", type=float, help="larger is longer; 0 is none")
    parser.add_argument("--coverage-penalty", type=float, help="larger leaves less out; 0 is none")
    compile_help = "compile the search by XLA: faster for many lines, after some seconds"
    flag = argparse.BooleanOptionalAction
    parser.add_argument("--jit-compile", action=flag, default=None, help=compile_help)
    many = {"metavar": "PHRASE", "action": "append", "default": []}
    ban = "must stand in no translation, in the subwords that it is cut into; may be repeated"
    parser.add_argument("--ban", **many, help=ban)
    parser.add_argument("--require", **many, help="must stand in each translation; likewise")
    parser.add_argument(
        "--n-best", metavar="N", type=int, default=1, help="write the best N, a line each"
    )
    draw = "draw each translation at random; the same lines, as many ahead, and SEED give the same"
    parser.add_argument("--sample", metavar="SEED", type=int, help=draw)
    parser.add_argument("--temperature", type=float, help="of --sample; lower is likelier")
    ahead = "read N lines before the first is translated: 1 to answer each at once through a pipe"
    parser.add_argument("--lines-ahead", metavar="N", type=int, help=ahead)
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
    _check_sampling(args)
    if args.lines_ahead is not None and args.lines_ahead < 1:
        raise UserError(f"--lines-ahead needs to be at least 1. Received: {args.lines_ahead}.")
    options = {name: getattr(args, name) for name in DECODING}
    given = {name: value for name, value in options.items() if value is not None}
    given = decoding_settings(args) | given
    translator = Translator.load(args.run_folder, banned=args.ban, required=args.require, **given)
    lines = decode_lines(sys.stdin.buffer)
    if args.attention is not None:
        first = list(itertools.islice(lines, 1))
        plot_alignment(translator.align("".join(first)), args.attention)
        lines = itertools.chain(first, lines)
    for candidates in _translations(translator, lines, args):
        # So many lines for each, whatever there is.
        missing = [("", float("nan"))] * (args.n_best - len(candidates))
        for translation, score in [*candidates, *missing]:
            text = f"{translation}\t{score:.4f}" if args.scores else translation
            sys.stdout.buffer.write(text.encode() + b"\n")
        sys.stdout.buffer.flush()
    report_cut_lines(translator, "translated")
    return 0


def _translations(translator: Any, lines: Iterable[str], args: argparse.Namespace) -> Iterator[Any]:
    """Return an iterator of the candidates of each line."""
    lines_ahead = args.lines_ahead or (1 if sys.stdin.isatty() else None)
    if args.sample is not None:
        temperature = 1.0 if args.temperature is None else args.temperature
        return ([one] for one in translator.sample(lines, args.sample, temperature, lines_ahead))
    return translator.translate_n_best(lines, args.n_best, lines_ahead)


def _check_sampling(args: argparse.Namespace) -> None:
    if args.sample is None:
        if args.temperature is not None:
            raise UserError("--temperature needs --sample SEED. Received: none. Add it.")
        return
    for is_given, words in (
        (args.n_best != 1, f"--n-best {args.n_best}"),
        (args.beam is not None, f"--beam {args.beam}"),
        (args.attention is not None, f"--attention {args.attention}"),
    ):
        if is_given:
            raise UserError(
                "--sample draws one translation of each line, without a beam or a picture. "
                f"Received: {words}. Leave one of the two out."
            )
