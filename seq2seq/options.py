"""The options of a config: a field with bounds or choices, and the check that holds it to them."""

import dataclasses
import difflib
import math
import sys
import typing
from collections.abc import Iterable
from dataclasses import field
from typing import Any

from seq2seq.errors import UserError

__all__ = ["check_names", "check_value", "option"]


def option(
    default: Any,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a field with the bounds or the choices that `check_value` holds it to."""
    metadata = {"at_least": at_least, "at_most": at_most, "choices": choices}
    return field(default=default, metadata=metadata)


def check_names(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise `UserError` if a name is not known, with the nearest that is."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It knows: {', '.join(known)}."
            raise UserError(f"The {where} has no key {name!r}. {hint}")


# TensorFlow counts in int32.
_NUMBERS = {int: (2**31, "an integer below 2**31"), float: (math.inf, "a finite number")}


def check_value(key: str, item: "dataclasses.Field[Any]", value: Any) -> Any:
    """Return a value, of the option's type, if it is within its bounds, else raise `UserError`."""
    wanted = typing.get_origin(item.type) or item.type
    if wanted is float and type(value) is int:
        value = float(value) if abs(value) <= sys.float_info.max else math.inf
    if type(value) is not wanted:
        raise UserError(
            f"The config needs {key} to be of type {_type_name(wanted)}. "
            f"Received: {value!r} ({type(value).__name__})."
        )
    least, most = item.metadata.get("at_least"), item.metadata.get("at_most")
    choices = item.metadata.get("choices")
    limit, number = _NUMBERS.get(wanted, (None, ""))
    if limit is not None and not abs(value) < limit:
        raise UserError(f"The config needs {key} to be {number}. Received: {value!r}.")
    if (least is not None and value < least) or (most is not None and value > most):
        bounds = f"at least {least}" + ("" if most is None else f" and at most {most}")
        raise UserError(f"The config needs {key} to be {bounds}. Received: {value!r}.")
    if choices and value not in choices:
        near = difflib.get_close_matches(value, choices, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UserError(
            f"The config needs {key} to be one of {', '.join(choices)}. Received: {value!r}.{hint}"
        )
    return value


def _type_name(wanted: type) -> str:
    return {bool: "true or false", int: "integer", float: "number", str: "string"}.get(
        wanted, wanted.__name__
    )
