"""Checks of the arguments of cells; those that layers share are in `_checks.py`.

Every message says who needs what, what came, and what to do.
"""

import math
from numbers import Integral, Real
from typing import Any

__all__ = ["check_above_zero", "check_fraction", "check_not_negative", "check_seed"]


def check_fraction(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float if it is in [0, 1], else raise `ValueError`."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(_message(owner, name, "a number from 0 to 1", value, 0.5))
    return float(value)


def check_above_zero(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float if it is finite and above zero, else raise `ValueError`."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(_message(owner, name, "a finite number above 0", value, 0.001))
    return float(value)


def check_not_negative(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float if it is finite and not below zero, else raise `ValueError`."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError(_message(owner, name, "a finite number of at least 0", value, 0.9))
    return float(value)


def check_seed(owner: str, value: Any) -> int | None:
    """Return `value` if it is `None` or an integer not below zero, else raise `ValueError`."""
    if value is None:
        return None
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise ValueError(_message(owner, "seed", "`None` or an integer of at least 0", value, 1))
    return int(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _message(owner: str, name: str, wanted: str, value: Any, example: float) -> str:
    return (
        f"`{owner}` needs `{name}` to be {wanted}. "
        f"Received: {name}={value!r} ({type(value).__name__}). "
        f"Pass one, for example `{name}={example}`."
    )
