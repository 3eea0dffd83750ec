"""Export the best model of a run as a SavedModel that takes strings and returns strings.

seq2seq export runs/my exported        writes exported/1, and exported/2 the next time
seq2seq export runs/1 runs/2 exported --set decoding.beam=4
"""

import argparse
from pathlib import Path

from seq2seq.cli.settings import add_run_arguments, decoding_settings
from seq2seq.cli.start import start_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_run_arguments(parser)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the versions go")
    jit_compile = "compile the search by XLA (for a server with --xla_cpu_compilation_enabled)"
    parser.add_argument("--jit-compile", action="store_true", help=jit_compile)


def run(args: argparse.Namespace) -> int:
    """Export."""
    start_tensorflow()
    from seq2seq.export import export

    options = decoding_settings(args)
    if args.jit_compile:
        options["jit_compile"] = True
    print(f"SavedModel: {export(args.run_folder, args.folder, **options)}")
    return 0
