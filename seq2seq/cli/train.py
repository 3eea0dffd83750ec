"""Train a model on parallel text, or go on training it.

    seq2seq train my.toml
    seq2seq train my.toml --run runs/small --set model.encoder_units=128 --set training.epochs=5

Ctrl-C saves and ends; the same command goes on from there, as it does after a crash.
"""

import argparse
import math
from pathlib import Path

from seq2seq.cli.start import INTERRUPTED, start_tensorflow
from seq2seq.errors import UserError


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which configuration."""
    parser.add_argument("config", metavar="CONFIG", type=Path, help="a TOML file")
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        help="change a key of the config (may be given again); paths start at the config's folder",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_config_arguments(parser)
    parser.add_argument("--run", type=Path, help="the run folder (default: runs/NAME-OF-CONFIG)")


def run(args: argparse.Namespace) -> int:
    """Train."""
    start_tensorflow()
    from seq2seq.config import load_config
    from seq2seq.evaluation import ValidationScores, plot_history
    from seq2seq.training import RichDisplay, keep_freed_memory, share_cores, train
    from seq2seq.training.history import read_history

    folder = args.run or Path("runs") / args.config.stem
    config = load_config(args.config, args.settings)
    keep_freed_memory()
    share_cores(config.training.parallel_parts)
    result = train(config, folder, ValidationScores(), RichDisplay())
    if result.is_interrupted:
        print(f"Stopped at step {result.step}, saved in {folder}; the same command goes on.")
        return INTERRUPTED
    if read_history(folder):  # none if somebody removed it
        plot_history(folder, folder / "loss.png")
    if not math.isfinite(result.validation_loss):
        raise UserError(
            f"Training diverged: the last validation loss is {result.validation_loss}. What is "
            f"left in {folder} is the best model before, of BLEU {result.best:.2f}. Lower "
            "training.learning_rate, or clip more (training.clip_norm; 0 is not at all), and train "
            "into another folder."
        )
    print(f"Trained {result.step:,} updates; best validation BLEU {result.best:.2f}.")
    curve = folder / "loss.png"
    print(f"Run folder: {folder}{f'; loss curve: {curve}' * curve.exists()}")
    print(f"Next: seq2seq translate {folder} < in.txt > out.txt")
    return 0
