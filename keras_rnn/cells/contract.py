"""How a cell is used: one way for our own cells and for plain Keras cells.

A cell that follows the contract has `project` and `step`; a plain Keras cell has only `call`.
Whoever steps a cell (a layer, a stack, a cell around a cell) calls these functions and need not
know which.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

from keras_rnn._cell_checks import check_step
from keras_rnn._checks import check_constants
from keras_rnn._types import Noise, Shape, State, Step, Tensor
from keras_rnn.cells.base import RecurrentCell

__all__ = [
    "build_cell",
    "draw_noise",
    "follows_contract",
    "initial_state",
    "inner_state_count",
    "of_states",
    "output_size",
    "prepare",
    "project",
    "step",
]


def follows_contract(cell: Any) -> bool:
    """Return whether the cell is to be stepped by `project` and `step`, and not by `call`.

    A subclass that writes a `call` but no `step` of its own is stepped by its `call`.
    """
    if isinstance(cell, RecurrentCell):
        methods = ({"call", "step"} & vars(base).keys() for base in type(cell).__mro__)
        return "step" in next(written for written in methods if written)
    return hasattr(cell, "project") and hasattr(cell, "step")


def build_cell(
    cell: Any, input_shape: Shape, constants_shape: dict[str, Any] | None = None
) -> None:
    """Build the cell for one time step of the shape `(batch, features)`, unless it is built.

    Args:
        cell: The cell.
        input_shape: `(batch, features)`.
        constants_shape: The shapes of the constants of its steps by name, for a `build` that asks
            for them, as `memory_shape` for that of `memory`.
    """
    shapes = check_constants(type(cell).__name__, constants_shape)
    if hasattr(cell, "build") and not getattr(cell, "built", False):
        _, *asked = inspect.signature(cell.build).parameters
        shapes = {f"{name}_shape": shape for name, shape in shapes.items()}
        cell.build(input_shape, **{name: shapes[name] for name in asked if name in shapes})
        cell.built = True


def prepare(cell: Any, constants: dict[str, Any] | None) -> dict[str, Any]:
    """Return the constants, none by default, as the cell's steps need them."""
    constants = check_constants(type(cell).__name__, constants)
    return cell.prepare(**constants) if isinstance(cell, RecurrentCell) else constants


def output_size(cell: Any) -> int:
    """Return the size of the cell's output; without `output_size`, that of its first state."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return cell.state_size[0] if isinstance(cell.state_size, list | tuple) else cell.state_size


def initial_state(cell: Any, batch_size: int | Tensor, **constants: Any) -> list[Any]:
    """Return the cell's initial states as a list, zeros if the cell does not say."""
    if hasattr(cell, "get_initial_state"):
        constants = constants if follows_contract(cell) else {}
        states = cell.get_initial_state(batch_size=batch_size, **constants)
        return list(states) if isinstance(states, list | tuple) else [states]
    sizes = cell.state_size
    sizes = sizes if isinstance(sizes, list | tuple) else [sizes]
    return [ops.zeros((batch_size, size), dtype=cell.compute_dtype) for size in sizes]


def of_states(cell: Any, of_own: Callable[[Any, int], list[Any]]) -> list[Any]:
    """Return something for each state of a cell, flat, asked of the cell inside that it is of.

    Args:
        cell: The cell, or a cell around cells.
        of_own: Maps a cell and a number of states to something for each of these, its own.
    """
    if isinstance(cell, keras.layers.StackedRNNCells):
        inner = cell.cells
    else:
        inner = cell.cells_of_states() if isinstance(cell, RecurrentCell) else []
    found = [something for part in inner for something in of_states(part, of_own)]
    count = len(tree.flatten(cell.state_size))
    return found + of_own(cell, count - len(found))


def inner_state_count(cell: Any) -> int:
    """Return how many of the cell's states, the first, are those of the cells inside it."""
    inner = cell.cells_of_states() if isinstance(cell, RecurrentCell) else []
    return sum(len(tree.flatten(part.state_size)) for part in inner)


def draw_noise(
    cell: Any,
    batch_size: int | Tensor,
    features: int,
    training: bool,
    length: int | Tensor | None = None,
) -> Noise | None:
    """Return what the cell draws once a call; `None` when not training or if it draws nothing."""
    if follows_contract(cell):
        draw = getattr(cell, "draw_noise", None)
        return draw(batch_size, features, length) if training and draw else None
    for inner in getattr(cell, "cells", ()):  # A stack of Keras draws nothing of its own.
        draw_noise(inner, batch_size, features, training, length)
        features = output_size(inner)
    if hasattr(cell, "get_dropout_mask"):
        # A Keras cell keeps its masks on itself. Draw new ones here, outside of any loop.
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
        if training:
            cell.get_dropout_mask(ops.ones((batch_size, features), cell.compute_dtype))
            cell.get_recurrent_dropout_mask(initial_state(cell, batch_size)[0])
    return None


def project(cell: Any, inputs: Tensor, noise: Noise | None = None) -> Tensor:
    """Return what of the cell's steps depends on the input alone.

    Args:
        cell: The cell.
        inputs: `(batch, features)` or `(batch, time, features)`.
        noise: What `draw_noise` returned.
    """
    if not follows_contract(cell):
        return inputs
    return cell.project(inputs) if noise is None else cell.project(inputs, noise=noise)


def step(
    cell: Any,
    projected: Tensor,
    states: State,
    training: bool = False,
    noise: Noise | None = None,
    **constants: Any,
) -> Step:
    """Run one step of the cell; the next states come as a list.

    Args:
        cell: The cell.
        projected: One time step of what `project` returned.
        states: The states before the step, a list.
        training: Whether this is a training step.
        noise: What `draw_noise` returned.
        **constants: Further arguments of the cell's `step` that are the same at every time step,
            such as an attention cell's `memory`.
    """
    if follows_contract(cell):
        constants = constants if noise is None else {"noise": noise, **constants}
        stepped = cell.step(projected, states, training=training, **constants)
        output, states = check_step(cell, stepped, output_size(cell))
    elif getattr(cell, "_call_has_training_arg", False):
        output, states = cell(projected, states, training=training, **constants)
    else:
        output, states = cell(projected, states, **constants)
    return output, list(states) if isinstance(states, list | tuple) else [states]
