"""Configurations in TOML: read, with changes from the command line, and written back."""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w

from seq2seq.config.sections import TEXT_FILES, Config, config_from_dict
from seq2seq.errors import UserError
from seq2seq.files import write_whole

__all__ = ["load_config", "load_stored_config", "parse_settings", "save_config"]

# What was done before there was a key, where its default is another.
_BEFORE = dict.fromkeys(
    ("model.scale_embeddings", "model.attend_embeddings", "model.normalize_output"), False
)


def load_config(path: str | os.PathLike[str], settings: Iterable[str] = ()) -> Config:
    """Read a TOML config file.

    Args:
        path: The file. Relative data paths in it start at its folder.
        settings: Changes, as `parse_settings` reads them.

    Raises:
        UserError: If the file is missing or is not TOML, or a key or value is wrong.
    """
    config = config_from_dict(_read_toml(path))
    return _with_absolute_paths(config.replace(parse_settings(settings)), Path(path).parent)


def load_stored_config(path: str | os.PathLike[str]) -> Config:
    """Read a file that `save_config` wrote, maybe long ago.

    `save_config` writes every key. One that is not there came later, and has the value that means
    what was done before there was a choice.

    Raises:
        UserError: As `load_config` does.
    """
    tree = _read_toml(path)
    config = _with_absolute_paths(config_from_dict(tree), Path(path).parent)
    keys = {f"{section}.{name}" for section in tree for name in tree[section]}
    return config.replace({key: value for key, value in _BEFORE.items() if key not in keys})


def save_config(config: Config, path: str | os.PathLike[str]) -> None:
    """Write the configuration as TOML that `load_config` reads back to an equal object."""
    write_whole(Path(path), tomli_w.dumps(config.to_dict()))


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Return the values of changes of a config by their dotted keys.

    Args:
        settings: Changes of the form `"training.epochs=5"`, the value in TOML; a word that is no
            TOML value is taken as a string.

    Raises:
        UserError: If a change is not of that form.

    >>> parse_settings(["decoding.beam=4", "model.cell=lstm"])
    {'decoding.beam': 4, 'model.cell': 'lstm'}
    """
    return dict(_parse_setting(setting) for setting in settings)


def _read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"The config file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # no UTF-8, no TOML, or a number of thousands of digits
        raise UserError(f"The config file {path} is not valid TOML: {error}.") from error


def _parse_setting(setting: str) -> tuple[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or key.count(".") != 1:
        raise UserError(
            f"--set needs SECTION.KEY=VALUE, for example training.epochs=5. Received: {setting!r}."
        )
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return key.strip(), text


def _with_absolute_paths(config: Config, folder: Path) -> Config:
    changes = {}
    for name in TEXT_FILES:
        if value := getattr(config.data, name):
            try:
                path = folder / value
                path.resolve()
                # The name stays that of a link, whose ending says how to read it.
                path = str(path.parent.resolve() / path.name)
                path.encode()
            # A zero byte in it or bytes that are no UTF-8; a link that leads to itself.
            except (ValueError, RuntimeError) as error:
                raise UserError(
                    f"The config needs data.{name} to be a path in UTF-8 that leads to a file. "
                    f"Received: {value!r} in {str(folder)!r}. Rename or mend the file or folder."
                ) from error
            changes[f"data.{name}"] = path
    return config.replace(changes)
