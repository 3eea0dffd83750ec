"""What commands that load a run have in common: which run, how to search, what was cut."""

import argparse
import sys
from typing import Any

from seq2seq.errors import UserError


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which run, or runs, and how to search."""
    runs = "the run folder; several of one vocabulary count as one"
    parser.add_argument("run_folder", metavar="RUN", nargs="+", help=runs)
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="decoding.KEY=VALUE",
        action="append",
        default=[],
        help="change how the run's config searches (may be given again)",
    )


def decoding_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return what is to be changed in the section `[decoding]` of a run's config.

    Raises:
        UserError: If it is not of that section; its values are checked when a run is loaded.
    """
    from seq2seq.config import parse_settings

    changes = parse_settings(args.settings)
    for key in changes:
        if not key.startswith("decoding."):
            raise UserError(
                "--set needs decoding.KEY=VALUE here: of a run that has been trained only the "
                f"search can change. Received: {key!r}. Leave it out."
            )
    return {key.removeprefix("decoding."): value for key, value in changes.items()}


def report_cut_lines(translator: Any, done: str) -> None:
    """Say on the terminal how many lines were too long, and that their beginning alone was done."""
    if translator.cut_lines:
        cut = f"{translator.cut_lines} lines were too long; only their beginning was {done}"
        print(f"seq2seq: {cut} (decoding.maximum_bytes, maximum_source_tokens)", file=sys.stderr)
