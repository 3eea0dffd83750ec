"""Search for a better configuration; the best is written as a config for `seq2seq train`.

    seq2seq tune my.toml

The config's [tuning] section says how long, and its [tuning.space] what to vary:

    [tuning.space]
    "model.dropout" = {minimum = 0.1, maximum = 0.5}
    "training.learning_rate" = {minimum = 1e-4, maximum = 1e-2, sampling = "log"}
    "model.cell" = {choices = ["gru", "lstm"]}
"""

import argparse
from pathlib import Path

from seq2seq.cli.start import start_tensorflow
from seq2seq.cli.train import add_config_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_config_arguments(parser)
    parser.add_argument("--dir", type=Path, help="the folder (default: runs/NAME-OF-CONFIG-tuning)")


def run(args: argparse.Namespace) -> int:
    """Tune."""
    start_tensorflow()
    from seq2seq.config import load_config
    from seq2seq.training import RichDisplay, keep_freed_memory, share_cores
    from seq2seq.tuning import tune

    folder = args.dir or Path("runs") / f"{args.config.stem}-tuning"
    config = load_config(args.config, args.settings)
    keep_freed_memory()
    share_cores(config.training.parallel_parts)
    result = tune(config, folder, RichDisplay())
    measure = {"bleu": "BLEU", "loss": "loss per token"}[result.best_config.tuning.objective]
    print(f"Best of {len(result.trials)} trials: {measure} {result.best_score:.4f}, {result.path}")
    print(f"Next: seq2seq train {result.path}")
    return 0
