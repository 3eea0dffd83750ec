"""Checks of how a layer is to run its steps.

Every message says who needs what, what came, and what to do.
"""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import keras

from keras_rnn._checks import check_choice, check_positive_integer

__all__ = [
    "check_linear",
    "check_own_backward",
    "check_recompute",
    "check_state_dtype",
    "check_static_length",
    "check_steps_are_seen",
    "check_truncation",
]


def check_linear(owner: str, parallel: bool | str, reason: str | None) -> None:
    """Raise `ValueError` if steps are to run in parallel and there is a reason why they cannot."""
    if parallel is True and reason is not None:
        raise ValueError(
            f"`{owner}` needs steps that depend on the state by a product alone, and no other way "
            f"of running them, for `parallel=True`. Received: {reason}. "
            "Leave that out, or pass `parallel='auto'`."
        )


def check_own_backward(owner: str, cell: Any, is_asked: bool, follows_contract: bool) -> None:
    """Raise `ValueError` if something is asked for that only the contract gives a cell."""
    if is_asked and not follows_contract:
        raise ValueError(
            f"`{owner}` needs a cell with `project` and `step` for `recompute` or `truncation`. "
            f"Received: {cell!r}, which has only `call`. Write it on `RecurrentCell`, or leave "
            "both out."
        )


def check_recompute(owner: str, stretch: Any, unroll: bool, truncation: Any) -> int | None:
    """Return `stretch` if it is `None` or a number of steps that stands alone."""
    if stretch is None:
        return None
    stretch = check_positive_integer(owner, "recompute", stretch, f"{owner}(..., recompute=32)")
    if unroll or truncation is not None:
        raise ValueError(
            f"`{owner}` needs `recompute` alone. Received: recompute={stretch}, "
            f"unroll={unroll}, truncation={truncation}. Leave the others out."
        )
    return stretch


def check_state_dtype(
    owner: str, state_dtype: Any, cell: Any, follows_contract: Callable[[Any], bool]
) -> str | None:
    """Return `state_dtype` if it is `None`, or a floating type and the cell can have it."""
    types = (None, "float16", "bfloat16", "float32", "float64")
    check_choice(owner, "state_dtype", state_dtype, types)
    if state_dtype is not None:
        check_steps_are_seen(owner, cell, follows_contract)
    return state_dtype


def check_static_length(owner: str, length: Any) -> int:
    """Return `length` if it is known and positive, else raise `ValueError`."""
    if length is None:
        raise ValueError(
            f"`{owner}` needs a known number of time steps for `unroll=True`. "
            "Received: an input of unknown length. Fix the length in the input, "
            "or pass `unroll=False`."
        )
    return length


def check_steps_are_seen(owner: str, cell: Any, follows_contract: Callable[[Any], bool]) -> None:
    """Raise `ValueError` if the cell, or one inside it, has only `call`."""
    for part in _cells_in(cell):
        if not follows_contract(part):
            raise ValueError(
                f"`{owner}` needs a cell with `project` and `step`, and such cells in it. "
                f"Received: {part!r}, which has only `call`. Pass one of `keras_rnn`, for example "
                "`LSTMCell(64)`."
            )


def check_truncation(owner: str, truncation: Any, unroll: bool) -> tuple[int, int] | None:
    """Return `truncation` if it is `None` or two numbers of steps, the second as large."""
    if truncation is None:
        return None
    pair = truncation if isinstance(truncation, list | tuple) and len(truncation) == 2 else (0, 0)
    is_whole = all(isinstance(steps, Integral) and not isinstance(steps, bool) for steps in pair)
    if not is_whole or not 0 < pair[0] <= pair[1] or unroll:
        raise ValueError(
            f"`{owner}` needs `truncation` as (k1, k2), steps forward and steps back, with "
            f"0 < k1 <= k2, and `unroll=False`. Received: truncation={truncation!r}, "
            f"unroll={unroll}. Pass for example `truncation=(20, 40)`."
        )
    return int(pair[0]), int(pair[1])


def _cells_in(cell: Any) -> list[Any]:
    """Return a cell and all cells inside it."""
    parts = cell._flatten_layers() if isinstance(cell, keras.layers.Layer) else [cell]
    return [part for part in parts if hasattr(part, "state_size")]
