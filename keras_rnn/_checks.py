"""Argument checks: the place that words these errors, with `_cell_checks` and `_scan_checks`.

Every message says who needs what, what came, and what to do.
"""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import keras
import tensorflow as tf

__all__ = [
    "check_activation",
    "check_batch_size",
    "check_cell",
    "check_choice",
    "check_constants",
    "check_count",
    "check_depends",
    "check_equal_settings",
    "check_keeps_states",
    "check_known_batch_size",
    "check_layer",
    "check_learnable",
    "check_mask",
    "check_no_mask",
    "check_positive_integer",
    "check_rank",
    "check_rate",
    "check_recurrent_layer",
    "check_states",
    "check_time_steps",
]

# A layer of 2**24 units has a recurrent kernel of at least 1 PiB: a slip or an attack.
LARGEST_SIZE = 2**24


def check_positive_integer(owner: str, name: str, value: Any, example: str) -> int:
    """Return `value` if it is an integer from 1 to `LARGEST_SIZE`, else raise `ValueError`."""
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or not 0 < value <= LARGEST_SIZE:
        raise ValueError(
            f"`{owner}` needs `{name}` to be a positive integer of at most {LARGEST_SIZE}. "
            f"Received: {name}={value!r} ({type(value).__name__}). "
            f"Pass a size, for example `{example}`."
        )
    return int(value)


def check_rate(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float if it is a rate in [0, 1], else raise `ValueError`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:
        raise ValueError(
            f"`{owner}` needs `{name}` to be a rate from 0 to 1. "
            f"Received: {name}={value!r} ({type(value).__name__}). "
            f"Pass the fraction to drop, for example `{name}=0.2`."
        )
    return float(value)


def check_choice(owner: str, name: str, value: Any, choices: Sequence[Any]) -> Any:
    """Return `value` if it is one of `choices`, else raise `ValueError`."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(
            f"`{owner}` needs `{name}` to be one of {listed}. "
            f"Received: {name}={value!r}. Pass one of them."
        )
    return value


def check_activation(owner: str, name: str, value: Any) -> Callable[..., Any]:
    """Return the activation that `value` is or names, else raise `ValueError`."""
    try:
        return keras.activations.get(value)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"`{owner}` needs `{name}` to be an activation: a function, or the name of one of "
            f"Keras. Received: {name}={value!r}. Pass one, for example `{name}='tanh'`."
        ) from error


def check_cell(owner: str, cell: Any) -> Any:
    """Return `cell` if it can be stepped and has a `state_size`, else raise `ValueError`."""
    if hasattr(cell, "return_sequences"):
        raise ValueError(
            f"`{owner}` needs a cell, one step in time. Received: {cell!r}, a layer. "
            "Pass its cell, for example `LSTMCell(64)` in place of `LSTM(64)`."
        )
    if isinstance(cell, type):
        raise ValueError(
            f"`{owner}` needs a cell, made by its class. Received: the class `{cell.__name__}`. "
            "Pass a cell, for example `LSTMCell(64)`."
        )
    missing = [name for name in ("call", "state_size") if not hasattr(cell, name)]
    if missing:
        raise ValueError(
            f"`{owner}` needs a cell with `call(inputs, states)` and `state_size`. "
            f"Received: {cell!r}, which has no {' and no '.join(f'`{name}`' for name in missing)}. "
            "Pass a cell, for example `LSTMCell(64)`."
        )
    return cell


def check_rank(
    owner: str, name: str, tensor: Any, rank: int, axes: str, or_more: bool = False
) -> None:
    """Raise `ValueError` unless `tensor`, or a shape, is one of a rank, if known."""
    shape = getattr(tensor, "shape", tensor)
    if getattr(shape, "rank", 0) is None:
        return
    if not all(size is None or isinstance(size, Integral) for size in shape):
        raise ValueError(
            f"`{owner}` needs one tensor as `{name}`. Received: {len(shape)} in a list. Pass it "
            "alone, and states by name: `layer(sequences, initial_state=states)`."
        )
    if len(shape) != rank and not (or_more and len(shape) > rank):
        raise ValueError(
            f"`{owner}` needs `{name}` of rank {rank}{' or more' if or_more else ''}, {axes}. "
            f"Received: shape {tuple(shape)}. Reshape it, or add the axis that is missing."
        )


def check_mask(owner: str, mask: Any, sequences: Any) -> None:
    """Raise `ValueError` unless `mask` is `(batch, time)` and fits `sequences` where known."""
    dtype = str(getattr(mask, "dtype", type(mask).__name__))
    if not any(kind in dtype for kind in ("bool", "int", "float")):
        raise ValueError(
            f"`{owner}` needs a mask of truth values, a boolean tensor. Received: {dtype}. "
            "Pass one, for example `tokens != 0`."
        )
    check_rank(owner, "mask", mask, 2, "(batch, time)")
    for axis, name in ((0, "batch"), (1, "time")):
        ours, theirs = mask.shape[axis], sequences.shape[axis]
        if ours is not None and theirs is not None and ours != theirs:
            raise ValueError(
                f"`{owner}` needs a mask of the same {name} size as its input. "
                f"Received: mask {tuple(mask.shape)}, input {tuple(sequences.shape)}. "
                "Pass one truth value for each time step of each sequence."
            )


def check_constants(owner: str, constants: Any) -> dict[str, Any]:
    """Return the constants of a call, by default none, or raise `ValueError`."""
    if constants is not None and not isinstance(constants, dict):
        raise ValueError(
            f"`{owner}` needs `constants` to be a dictionary. Received: "
            f'{type(constants).__name__}. Pass them by name, as `constants={{"memory": values}}`.'
        )
    return constants or {}


def check_count(owner: str, name: str, values: Sequence[Any], wanted: int) -> None:
    """Raise `ValueError` unless `values` is a list or a tuple of `wanted` values."""
    is_list = isinstance(values, list | tuple)
    if not is_list or len(values) != wanted:
        came = len(values) if is_list else f"no list of them, but a {type(values).__name__}"
        raise ValueError(
            f"`{owner}` needs {wanted} tensors in `{name}`. Received: {came}. "
            "Pass one for each state, in the order of `state_size`."
        )


def check_states(owner: str, name: str, states: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Raise `ValueError` unless there are as many states as wanted, each of the wanted shape."""
    check_count(owner, name, states, len(wanted))
    for index, (state, other) in enumerate(zip(states, wanted, strict=True)):
        shapes = tuple(state.shape), tuple(other.shape)
        known = [size for size in zip(*shapes, strict=False) if None not in size]
        if len(shapes[0]) != len(shapes[1]) or any(ours != theirs for ours, theirs in known):
            raise ValueError(
                f"`{owner}` needs a state of shape {shapes[1]} at place {index} of `{name}`. "
                f"Received: shape {shapes[0]}. Pass one row for each sequence, of the cell's size."
            )


def check_equal_settings(owner: str, name: str, first: Any, second: Any) -> None:
    """Raise `ValueError` unless both parts have the same value of the setting `name`."""
    if first != second:
        raise ValueError(
            f"`{owner}` needs the same `{name}` in both of its parts. "
            f"Received: {first!r} and {second!r}. Give both the same value."
        )


def check_batch_size(owner: str, sequences: Any, wanted: int) -> None:
    """Raise `ValueError` if there are known to be other than `wanted` sequences."""
    if sequences.shape[0] not in {None, wanted}:
        raise ValueError(
            f"`{owner}` needs the batch size {wanted}, for which it has states. "
            f"Received: sequences of shape {tuple(sequences.shape)}. "
            "Pass as many sequences in each call, or use a layer with `stateful=False`."
        )


def check_keeps_states(owner: str, states: Any) -> Any:
    """Return the states that a layer keeps, or raise `ValueError` if it keeps none."""
    if states is None:
        raise ValueError(
            f"`{owner}` needs `stateful=True` and to be built before it takes states to go on "
            "from. Received: states, where it keeps none. Build it, or pass `initial_state`."
        )
    return states


def check_layer(owner: str, name: str, layer: Any) -> None:
    """Raise `ValueError` unless `layer` is a layer or a model of Keras."""
    if not isinstance(layer, keras.layers.Layer):
        raise ValueError(
            f"`{owner}` needs `{name}` to be a model or a layer. Received: {layer!r} "
            f"({type(layer).__name__}). Pass for example a `keras.Model`."
        )


def check_recurrent_layer(owner: str, layer: Any, kind: type) -> None:
    """Raise `ValueError` unless `layer` is a recurrent layer, of the class `kind`."""
    if not isinstance(layer, kind):
        raise ValueError(
            f"`{owner}` needs a recurrent layer of `keras_rnn`, one cell in one direction. "
            f"Received: {layer!r}. Pass `LSTM(64)` or `RNN(cell)`, or one layer of a wrapper, "
            "such as `bidirectional.forward_layer`."
        )


def check_no_mask(owner: str, name: str, tensor: Any) -> None:
    """Raise `ValueError` if `tensor` carries a mask."""
    if getattr(tensor, "_keras_mask", None) is not None:
        raise ValueError(
            f"`{owner}` needs `{name}` without a mask. Received: a tensor with a mask, of shape "
            f"{tuple(tensor.shape)}. Pass sequences of equal length, as a tensor of their own, "
            f"for example `tf.identity({name})`."
        )


def check_depends(owner: str, name: str, gradient: Any) -> None:
    """Raise `ValueError` if there is no gradient, so that `name` did not depend on its argument."""
    if gradient is None:
        raise ValueError(
            f"`{owner}` needs a `{name}` that can be differentiated by its argument. "
            f"Received: a `{name}` without a gradient. Compute it from the argument, "
            "in TensorFlow or `keras.ops`, not in NumPy."
        )


def check_known_batch_size(owner: str, batch_size: int | None) -> int:
    """Return `batch_size` if it is known, else raise `ValueError`."""
    if batch_size is None:
        raise ValueError(
            f"`{owner}` needs a known batch size for `stateful=True`. Received: an input "
            "of unknown batch size. Fix it, for example by `keras.Input(batch_shape=...)`."
        )
    return batch_size


def check_learnable(owner: str, learn_initial_state: bool, stateful: bool) -> bool:
    """Return `learn_initial_state` if it can be had, else raise `ValueError`."""
    if learn_initial_state and stateful:
        raise ValueError(
            f"`{owner}` needs states before the first step that are either learned or kept. "
            "Received: learn_initial_state=True, stateful=True. Pass one of them."
        )
    return learn_initial_state


def check_time_steps(owner: str, sequences: Any) -> None:
    """Raise `ValueError` if the sequences have no time steps.

    In a graph that does not know the length, TensorFlow raises its `InvalidArgumentError`.
    """
    shape = getattr(sequences, "shape", sequences)
    message = (
        f"`{owner}` needs at least one time step. Received: sequences of no steps, of shape "
        f"{tuple(shape)}. Pad the sequences to one step and mask it."
    )
    if shape[1] == 0:
        raise ValueError(message)
    if shape[1] is None and tf.is_tensor(sequences):
        tf.debugging.assert_positive(tf.shape(sequences)[1], message)
