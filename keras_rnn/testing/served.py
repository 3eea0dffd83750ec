"""SavedModels run in a process of their own, which imports TensorFlow and nothing of ours."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from keras_rnn.layers import RNN
from keras_rnn.testing.case import CellCase

__all__ = ["inputs_of", "model_of", "serve", "served"]

SERVER = """
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

for folder in map(Path, sys.argv[1:]):
    try:
        model = tf.saved_model.load(folder / "model")
        np.save(folder / "output.npy", model.serve(tf.constant(np.load(folder / "inputs.npy"))))
    except Exception as error:
        (folder / "error.txt").write_text(f"{type(error).__name__}: {error}", "utf-8")
"""


def model_of(case: CellCase) -> keras.Model:
    """Return a model in float32: zeros in the input are masked, then the cell runs."""
    layer = RNN(case.built("float32"), return_sequences=True)
    return keras.Sequential([keras.Input((None, case.features)), keras.layers.Masking(), layer])


def inputs_of(case: CellCase) -> np.ndarray:
    """Return the inputs for such a model, with zeros where the mask of the case is false."""
    return np.where(case.mask[..., None], case.inputs, 0).astype("float32")


def serve(cases: Sequence[CellCase]) -> None:
    """Export a model with the cell of each case, and run all of them in one other process.

    The promise `saved_model` does this for its own case. For many cases it is quicker to do it
    once before, since the process takes seconds to start.

    Args:
        cases: The cases; they keep what came, outputs or an error.
    """
    with TemporaryDirectory() as root:
        folders = [Path(root) / str(index) for index in range(len(cases))]
        for case, folder in zip(cases, folders, strict=True):
            folder.mkdir()
            _export(case, folder)
        _run(folders)
        for case, folder in zip(cases, folders, strict=True):
            case.keep(served, _answer(folder))


def served(case: CellCase) -> np.ndarray | str:
    """Return what the other process gave for the model of this case, or the error."""
    serve([case])
    return case.once(served)


def _export(case: CellCase, folder: Path) -> None:
    """Write a SavedModel and its inputs, or the error."""
    np.save(folder / "inputs.npy", inputs_of(case))
    try:
        case.once(model_of).export(folder / "model", verbose=False)
    except Exception as error:
        (folder / "error.txt").write_text(f"{type(error).__name__}: {error}", "utf-8")


def _run(folders: list[Path]) -> None:
    exported = [folder for folder in folders if not (folder / "error.txt").exists()]
    if exported:
        command = [sys.executable, "-c", SERVER, *map(str, exported)]
        # The memory of an accelerator may be this process's own.
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
        # What runs is this Python and the text above.
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])


def _answer(folder: Path) -> Any:
    error = folder / "error.txt"
    return error.read_text("utf-8") if error.exists() else np.load(folder / "output.npy")
