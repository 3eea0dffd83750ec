"""The command `seq2seq`: finds the sub-command, and turns mistakes into one line and status 2."""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from seq2seq import __version__
from seq2seq.cli import demo, evaluate, export, score, train, translate, tune
from seq2seq.cli.start import INTERRUPTED
from seq2seq.errors import UserError

__all__ = ["main"]

COMMANDS = (demo, train, translate, score, evaluate, tune, export)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _open_streams() -> None:
    """Put one that is empty in the place of each standard stream that is closed, as of a daemon."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The words after `seq2seq`; those of the process by default.

    Returns:
        The exit status: 0, 1 if the reader of the output has gone, 2 after a user's mistake, 130
        after an interruption.
    """
    parser = _Parser(
        prog="seq2seq",
        description="Translate with recurrent networks: train, translate, evaluate, tune, export.",
    )
    parser.add_argument("--version", action="version", version=f"seq2seq {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for command in COMMANDS:
        summary = command.__doc__.splitlines()[0]
        name = command.__name__.rpartition(".")[2]
        subparser = commands.add_parser(
            name,
            help=summary,
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
        subparser.set_defaults(handle=command.run)
    _open_streams()
    parsed = parser.parse_args(arguments)
    try:
        status = parsed.handle(parsed)
        sys.stdout.flush()  # here, where an output that is full or closed is told
        return status
    except UserError as error:
        print(f"seq2seq: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("seq2seq: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:  # of the standard streams; UserError stands for all others
        # Our output is full, or its reader has gone: let nothing more be written, even at exit.
        with contextlib.suppress(io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 1
        print(f"seq2seq: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        # TensorFlow's is told by its name, so that TensorFlow need not be imported here.
        if not isinstance(error, MemoryError) and type(error).__name__ != "ResourceExhaustedError":
            raise
        print(
            "seq2seq: what was asked for needs more memory than there is. Lower data.batch_tokens "
            "to train, or take less text; decoding.batch_size, decoding.beam or "
            "decoding.maximum_tokens to translate.",
            file=sys.stderr,
        )
        return 2
