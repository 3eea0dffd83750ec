"""The states that a layer has of its own: kept from one call to the next, or learned."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops, tree

from keras_rnn._checks import check_keeps_states, check_states
from keras_rnn._types import State
from keras_rnn.layers.precision import floats_to

__all__ = [
    "KeptStates",
    "assign_states",
    "fitted",
    "flat_states",
    "learned_states",
    "reset",
    "spread",
]


class KeptStates(tf.Module):
    """The variables in which a stateful layer keeps its states.

    As in Keras they are no weights and stand in no file of weights. A module hides them from
    Keras, but not from a SavedModel, which has to have them.

    Args:
        make_states: Returns the states that the variables hold at first.
        dtype: Their type.
    """

    def __init__(self, make_states: Callable[[], State], dtype: str) -> None:
        super().__init__()

        def variable(state: Any) -> keras.Variable:
            value = ops.convert_to_numpy(ops.cast(state, dtype))

            def initializer(shape: Any, dtype: str) -> Any:
                return ops.convert_to_tensor(value, dtype)

            # By a function: Keras may make the variable later. It is read in its own type.
            return keras.Variable(
                initializer, value.shape, dtype, False, autocast=False, name="rnn_state"
            )

        with tf.init_scope():  # A layer may be built while a graph is traced.
            variables = tree.map_structure(variable, make_states())
        object.__setattr__(self, "states", variables)
        self._values = [variable.value for variable in tree.flatten(variables)]


def assign_states(variables: State, states: State | None = None) -> None:
    """Assign states to the variables that keep them, zeros by default."""
    variables = tree.flatten(variables)
    if states is None:
        states = [ops.zeros_like(variable) for variable in variables]
    for variable, state in zip(variables, tree.flatten(states), strict=True):
        variable.assign(state)


def flat_states(owner: str, name: str, states: State) -> list[Any]:
    """Return states that were given in a flat list.

    Args:
        owner: Name of the layer.
        name: Name of the argument.
        states: Any structure of them.

    Raises:
        ValueError: If it is a dictionary, which would be sorted by its keys.
    """
    if isinstance(states, dict):
        raise ValueError(
            f"`{owner}` needs `{name}` as a list, in the order of the layer's states. "
            f"Received: a dictionary of {sorted(states)}. Pass a list of its values."
        )
    return tree.flatten(states)


def reset(owner: str, kept: State | None, states: State | None) -> None:
    """Set the states that a layer keeps, if it does, to those given, or to zeros.

    Args:
        owner: Name of the layer.
        kept: The variables, or `None`.
        states: One tensor a state, or `None`.

    Raises:
        ValueError: If states are given that do not fit, or the layer keeps none.
    """
    if states is not None:
        variables = tree.flatten(check_keeps_states(owner, kept))
        check_states(owner, "states", flat_states(owner, "states", states), variables)
    if kept is not None:
        assign_states(kept, states)


def fitted(
    owner: str, given: State, wanted: State, dtype: str | None, first: int | None = None
) -> State:
    """Return states that were given, of the structure and the types of those that are wanted.

    Args:
        owner: Name of the layer.
        given: Any structure of as many states.
        wanted: The layer's initial states for the same batch.
        dtype: Another type for those of a floating type, or `None`.
        first: So many, the first, may be given alone, if it is not 0; the others are then those
            that are wanted.

    Raises:
        ValueError: If there are not as many, or one is not of the wanted shape.
    """
    leaves = tree.flatten(wanted)
    given = flat_states(owner, "initial_state", given)
    if first and len(given) == first:
        given += leaves[first:]
    states = [ops.convert_to_tensor(state) for state in given]
    check_states(owner, "initial_state", states, leaves)
    typed = leaves if dtype is None else floats_to(dtype, leaves)
    states = [ops.cast(state, zeros.dtype) for state, zeros in zip(states, typed, strict=True)]
    return tree.pack_sequence_as(wanted, states)


def learned_states(layer: keras.layers.Layer, zeros: State) -> list[keras.Variable]:
    """Add a weight to a layer for each of its states: that of one sequence, zeros at first.

    Args:
        layer: The layer.
        zeros: Its initial states for a batch of any size.

    Raises:
        ValueError: If the size of a state is not known before the call.
    """
    shapes = [tuple(state.shape[1:]) for state in tree.flatten(zeros)]
    if not all(size for shape in shapes for size in shape):
        raise ValueError(
            f"`{layer.name}` needs states of known sizes for `learn_initial_state=True`. "
            f"Received: a cell with states of the sizes {shapes}. "
            "Pass `learn_initial_state=False`, and the states as `initial_state`."
        )
    return [layer.add_weight(shape, "zeros", name="initial_state") for shape in shapes]


def spread(learned: list[keras.Variable], zeros: State) -> State:
    """Return learned states for a batch: each repeated for all sequences.

    Args:
        learned: One weight a state.
        zeros: States of zeros for the batch; the result has their structure and types.
    """
    leaves = tree.flatten(zeros)
    states = [
        state + ops.cast(weight, state.dtype) for state, weight in zip(leaves, learned, strict=True)
    ]
    return tree.pack_sequence_as(zeros, states)
