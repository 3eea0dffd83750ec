"""Promises on what is saved: the config, a `.keras` file, a SavedModel."""

import inspect
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import tensorflow as tf
from keras import tree

from keras_rnn.testing.case import CellCase
from keras_rnn.testing.served import inputs_of, model_of, served
from keras_rnn.testing.verdict import expect, expect_near, promise

__all__ = ["config", "keras_file", "saved_model"]

TOLERANCE = 1e-5  # In float32.
PLAIN = bool | int | float | str | None
SETTINGS = keras.Initializer | keras.Regularizer | keras.constraints.Constraint


@promise
def config(case: CellCase) -> None:
    """`from_config(get_config())` makes the same cell again."""
    cell, again = case.cell, case.copy(dtype=None)
    for title, read in (("config", type(cell).get_config), ("cell", _settings)):
        wanted, found = read(cell), read(again)
        for name in sorted(wanted.keys() & found.keys()):
            one, other = (f"{name}={settings[name]!r}" for settings in (wanted, found))
            expect(wanted[name] == found[name], f"a {title} with {one}, as the first", other)


def _settings(cell: keras.layers.Layer) -> dict[str, Any]:
    """Return by name what a constructor may have set: plain values, functions, initializers."""
    settings: dict[str, Any] = {}
    for name in vars(cell).keys() - vars(keras.layers.Layer()).keys():
        for path, value in tree.flatten_with_path(getattr(cell, name)):
            place = name + "".join(f"[{key!r}]" for key in path)
            if isinstance(value, keras.layers.Layer):
                inner = _settings(value).items()
                settings |= {f"{place}.{key}": setting for key, setting in inner}
            elif isinstance(value, PLAIN) or inspect.isfunction(value):
                settings[place] = value
            elif isinstance(value, SETTINGS):
                settings[place] = type(value), value.get_config()
    return settings


@promise
def keras_file(case: CellCase) -> None:
    """A model saved to a `.keras` file and loaded again gives the same outputs."""
    _check_registered(type(case.cell))
    model = case.once(model_of)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
    found, wanted = ({"output": one(inputs_of(case))} for one in (loaded, model))
    expect_near(found, wanted, "the model that was saved", TOLERANCE)


def _check_registered(cls: type) -> None:
    is_of_keras = cls.__module__.partition(".")[0] == "keras"
    name = keras.saving.get_registered_name(cls)
    expect(
        is_of_keras or keras.saving.get_registered_object(name) is cls,
        f"`@keras.saving.register_keras_serializable()` on the class `{cls.__name__}`",
        "a class that a file cannot name",
    )


@promise
def saved_model(case: CellCase) -> None:
    """A SavedModel gives the same outputs in a process that imports TensorFlow alone."""
    found = case.once(served)
    expect(not isinstance(found, str), "a SavedModel that runs there", str(found))
    with tf.device("CPU"):  # As there: accelerators multiply in other precisions.
        wanted = case.once(model_of)(inputs_of(case))
    expect_near({"output": found}, {"output": wanted}, "the model that was saved", TOLERANCE)
