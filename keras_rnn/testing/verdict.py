"""How a promise is checked and how its breach is told: one error, which names the promise."""

import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_rnn.testing.case import CellCase

__all__ = ["BrokenError", "Promise", "expect", "expect_near", "promise"]

Promise = Callable[[CellCase], None]
"""What checks one promise: returns if the cell keeps it, else raises `AssertionError`."""


class BrokenError(Exception):
    """Raised within a promise: what was expected, and what came."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"Expected: {expected}. Received: {received}.")


def promise(check: Promise) -> Promise:
    """Return `check` with an `AssertionError` that names the promise, whatever it raises.

    Args:
        check: A function; its name is that of the promise, and the first line of its docstring
            says what is promised.
    """
    name, text = check.__name__, inspect.getdoc(check).partition("\n")[0].rstrip(".")

    @functools.wraps(check)
    def checked(case: CellCase) -> None:
        told = f"`{type(case.cell).__name__}` breaks the promise `{name}`: {text}. "
        try:
            check(case)
        except BrokenError as broken:
            raise AssertionError(f"{told}{broken}") from None
        except Exception as error:
            came = f"{type(error).__name__}: {_shortened(str(error))}"
            raise AssertionError(f"{told}Expected: no error. Received: {came}") from error

    return checked


def _shortened(message: str) -> str:
    """Return the message in one paragraph, without codes of a terminal; the cause has it all."""
    return textwrap.shorten(re.sub(r"\x1b\[\d+m", "", message), 400)


def expect(is_kept: bool, expected: str, received: str) -> None:
    """Raise `BrokenError` unless `is_kept`."""
    if not is_kept:
        raise BrokenError(expected, received)


def expect_near(
    found: Mapping[str, Any], wanted: Mapping[str, Any], of: str, tolerance: float
) -> None:
    """Raise `BrokenError` unless both hold the same tensors.

    Args:
        found: Tensors by name.
        wanted: What they should be, by the same names.
        of: Whose they should be, for the message.
        tolerance: How far apart they may be, as a share of the largest entry, or of one.
    """
    for name in wanted:
        one, other = (np.asarray(tensors[name], "float64") for tensors in (found, wanted))
        expected = f"{name} as that of {of}"
        expect(one.shape == other.shape, f"{expected}, {other.shape}", f"shape {one.shape}")
        allowed = tolerance * max(1.0, np.abs(other).max(initial=0))
        difference = np.abs(one - other)
        wrong = ~(difference <= allowed)  # So written, what is no number is wrong.
        if wrong.any():
            place = np.unravel_index(np.argmax(np.where(wrong, difference, -1)), one.shape)
            where = f"at {tuple(map(int, place))}" if place else ""
            raise BrokenError(
                f"{expected}, {other[place]:.6g} {where} (within {allowed:.1g})",
                f"{one[place]:.6g}",
            )
