"""Checks of the arguments of cells; those that layers share are in `_checks.py`.

Every message says who needs what, what came, and what to do.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import keras

from keras_rnn._checks import check_cell, check_positive_integer, check_rate

__all__ = [
    "check_above_zero",
    "check_between",
    "check_built",
    "check_cells",
    "check_equal_outputs",
    "check_equal_states",
    "check_heads",
    "check_limit",
    "check_mechanism",
    "check_mechanisms",
    "check_no_probability",
    "check_no_recurrent_kernel",
    "check_not_negative",
    "check_number",
    "check_rates",
    "check_same_features",
    "check_same_size",
    "check_seed",
    "check_some_kernel",
    "check_step",
]


def check_between(owner: str, name: str, value: Any, low: float, high: float) -> float:
    """Return `value` as a float if it is from `low` to `high`, else raise `ValueError`."""
    if not _is_number(value) or not low <= value <= high:
        wanted, middle = f"a number from {low:g} to {high:g}", (low + high) / 2
        raise ValueError(_message(owner, name, wanted, value, middle))
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


def check_number(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float if it is finite, else raise `ValueError`."""
    if not _is_number(value) or not math.isfinite(value):
        raise ValueError(_message(owner, name, "a finite number", value, 0.0))
    return float(value)


def check_seed(owner: str, value: Any, name: str = "seed") -> int | None:
    """Return `value` if it is `None` or an integer not below zero, else raise `ValueError`."""
    if value is None:
        return None
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise ValueError(_message(owner, name, "`None` or an integer of at least 0", value, 1))
    return int(value)


def check_rates(owner: str, name: str, rates: Any, sizes: Sequence[int | None]) -> list[float]:
    """Return one rate for each state, or raise `ValueError` if there are not as many.

    Args:
        owner: Who needs them.
        name: Name of the argument.
        rates: One rate for all states that have a size, or one rate for each state.
        sizes: The sizes of the states, `None` for one that has to have the rate 0.
    """
    if not isinstance(rates, list | tuple):
        rate = check_rate(owner, name, rates)
        return [0.0 if size is None else rate for size in sizes]
    checked = [check_rate(owner, name, rate) for rate in rates]
    has_none = any(rate and size is None for rate, size in zip(checked, sizes, strict=False))
    if len(checked) != len(sizes) or has_none:
        raise ValueError(
            f"`{owner}` needs as many `{name}` as the cell has states, and 0 for a state of no "
            "fixed size, or that belongs to another (`None` here). "
            f"Received: {name}={rates!r}, for states of the sizes {list(sizes)}. "
            "Pass one number for all states, or one for each."
        )
    return checked


def check_same_size(owner: str, inputs: int | None, output: int) -> None:
    """Raise `ValueError` unless the input of a cell is of the size of its output."""
    if inputs != output:
        raise ValueError(
            f"`{owner}` needs an input of the size of the cell's output, {output}. "
            f"Received: an input of size {inputs}. Give the cell as many units as its input has "
            "features, or put a layer of that size, such as `Dense`, before it."
        )


def check_cells(owner: str, cells: Any, at_least: int = 1) -> None:
    """Raise `ValueError` unless `cells` is a list of cells, each with states of fixed sizes."""
    if not isinstance(cells, list | tuple) or len(cells) < at_least:
        wanted = "one cell" if at_least == 1 else f"{at_least} cells"
        raise ValueError(
            f"`{owner}` needs a list of at least {wanted}. Received: cells={cells!r}. "
            "Pass cells, for example `[GRUCell(64), GRUCell(64)]`."
        )
    for cell in cells:
        if None in keras.tree.flatten(check_cell(owner, cell).state_size):
            raise ValueError(
                f"`{owner}` needs cells whose states have fixed sizes. Received: {cell!r}, with "
                f"states of the sizes {cell.state_size}. Put an attention cell around the "
                f"`{owner}`, not into it."
            )


def check_built(owner: str, is_built: bool) -> None:
    """Raise `ValueError` unless a mechanism has been built."""
    if not is_built:
        raise ValueError(
            f"`{owner}` needs its weights before it can prepare a memory. Received: values, but it "
            "has not been built. Build the cell around it, or call "
            "`build(query_shape, values.shape)`."
        )


def check_step(cell: Any, stepped: Any, size: int | None) -> Sequence[Any]:
    """Return output and states of a step, or raise `ValueError` if they are not as the cell says.

    Args:
        cell: The cell.
        stepped: What its `step` returned.
        size: The size of its output.
    """
    owner = type(cell).__name__
    if not isinstance(stepped, list | tuple) or len(stepped) != 2:
        raise ValueError(
            f"`{owner}.step` needs to return output and states. Received: "
            f"{type(stepped).__name__}. End it with `return output, states`."
        )
    found = stepped[0].shape[-1]
    if None not in (found, size) and found != size:
        raise ValueError(
            f"`{owner}.step` needs to return an output of size {size}, its `output_size`, which is "
            f"by default that of its first state. Received: {found}. Set "
            f"`output_size = {found}` on the cell."
        )
    return stepped


def check_mechanism(owner: str, attention: Any) -> Any:
    """Return `attention` if it is a mechanism, else raise `ValueError`."""
    is_class = isinstance(attention, type)
    if is_class or not hasattr(attention, "memory") or not hasattr(attention, "state_count"):
        raise ValueError(
            f"`{owner}` needs `attention` to be a mechanism. Received: {attention!r}. "
            "Pass one, for example `BahdanauAttention(64)`."
        )
    return attention


def check_mechanisms(owner: str, mechanisms: Any) -> list[Any]:
    """Return a list of the mechanisms if there is at least one, else raise `ValueError`."""
    if not isinstance(mechanisms, list | tuple) or not mechanisms:
        raise ValueError(
            f"`{owner}` needs a list of at least one mechanism. Received: {mechanisms!r}. "
            f"Pass for example `{owner}([BahdanauAttention(64), CoverageAttention(64)])`."
        )
    return [check_mechanism(owner, mechanism) for mechanism in mechanisms]


def check_same_features(owner: str, query: int | None, keys: int, has_units: bool) -> None:
    """Raise `ValueError` unless the queries of a mechanism are of the size of its keys."""
    if query != keys:
        what = "`units`" if has_units else "the memory's features, as it has no `units`"
        raise ValueError(
            f"`{owner}` needs queries of the size of its keys. Received: queries of size {query}, "
            f"keys of size {keys}, which is {what}. Pass `{owner}(units={query})`."
        )


def check_equal_outputs(owner: str, sizes: Sequence[int]) -> None:
    """Raise `ValueError` unless the outputs that are added to each other are of equal sizes."""
    if len(set(sizes)) > 1:
        raise ValueError(
            f"`{owner}` needs outputs of equal sizes where it adds them. Received: sizes "
            f"{list(sizes)}. Pass cells of as many units, or `residual=False`."
        )


def check_equal_states(owner: str, cells: Sequence[Any]) -> None:
    """Raise `ValueError` unless all cells have states of equal sizes."""
    listed = [cell.state_size for cell in cells]
    sizes = [list(size) if isinstance(size, list | tuple) else [size] for size in listed]
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"`{owner}` needs cells with states of equal sizes, since each goes on from the "
            f"states of the one before it. Received: state sizes {listed}. "
            "Pass cells of one kind with as many units."
        )


def check_some_kernel(owner: str, cell: Any, count: int) -> None:
    """Raise `ValueError` if a step of the cell asked for no recurrent kernel."""
    if not count:
        raise ValueError(
            f"`{owner}` needs a cell with a recurrent kernel, asked for by `self.recur`. "
            f"Received: {cell!r}, whose step asks for none. Leave `{owner}` out."
        )


def check_heads(owner: str, heads: Any, units: int) -> int:
    """Return `heads` if it is a positive integer that divides `units`, else raise `ValueError`."""
    heads = check_positive_integer(owner, "heads", heads, f"{owner}(units=64, heads=4)")
    if units % heads:
        raise ValueError(
            f"`{owner}` needs `heads` to divide `units`. Received: heads={heads}, units={units}. "
            f"Pass for example `{owner}(units={heads * max(1, units // heads)}, heads={heads})`."
        )
    return heads


def check_limit(owner: str, limit: Any) -> float:
    """Return `limit` as a float if it is a positive number, else raise `ValueError`."""
    if not _is_number(limit) or not limit > 0:
        raise ValueError(
            f"`{owner}` needs `limit` to be a positive number. "
            f"Received: limit={limit!r} ({type(limit).__name__}). "
            f"Pass the largest absolute value to allow, for example `{owner}(2 ** (1 / 100))`."
        )
    return float(limit)


def check_no_recurrent_kernel(
    owner: str, given: Mapping[str, Any], allowed: Collection[str] = ()
) -> None:
    """Raise `ValueError` if an argument asks something of a recurrent kernel that is not there."""
    names = [name for name, value in given.items() if name.startswith("recurrent_") and value]
    refused = [f"{name}={given[name]!r}" for name in sorted(names) if name not in allowed]
    if refused:
        raise ValueError(
            f"`{owner}` needs no argument about a recurrent matrix: it has none. "
            f"Received: {', '.join(refused)}. Leave it out; `dropout` drops inputs."
        )


def check_no_probability(owner: str, given: Mapping[str, Any]) -> None:
    """Raise `ValueError` if a monotonic mechanism is to have another way to its alignments."""
    if "probability_fn" in given:
        raise ValueError(
            f"`{owner}` needs no `probability_fn`: its alignments are monotonic. "
            f"Received: probability_fn={given['probability_fn']!r}. Leave it out; see `mode`."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _message(owner: str, name: str, wanted: str, value: Any, example: float) -> str:
    return (
        f"`{owner}` needs `{name}` to be {wanted}. "
        f"Received: {name}={value!r} ({type(value).__name__}). "
        f"Pass one, for example `{name}={example}`."
    )
