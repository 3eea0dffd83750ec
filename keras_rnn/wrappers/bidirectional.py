"""`Bidirectional`: one layer reads the sequence forwards, another backwards."""

from typing import Any

import keras
from keras import ops, tree

from keras_rnn._checks import check_choice, check_equal_settings
from keras_rnn._types import Shape, State, Tensor
from keras_rnn.cells import contract
from keras_rnn.layers import SequenceLayer
from keras_rnn.layers.base import mask_of_output
from keras_rnn.layers.states import flat_states

__all__ = ["Bidirectional"]

MERGE_MODES = ("concat", "sum", "ave", "mul", None)


@keras.saving.register_keras_serializable(package="keras_rnn")
class Bidirectional(SequenceLayer):
    """Read a sequence in both directions, and merge what the two readers say at each step.

        hf_t = forward(x_t, hf_{t-1})
        hb_t = backward(x_t, hb_{t+1})
        y_t  = g(U [hf_t; hb_t] + c)        with `output_layer = Dense(size, activation=g)`
        y_t  = [hf_t; hb_t]                 without (merge mode "concat")

    Args:
        layer: The forward layer. As in Keras the wrapper makes its own layer from its config, and
            from the same config the backward layer; where there are seeds of dropout, that one has
            others, so that the two drop different inputs.
        merge_mode: `"concat"`, `"sum"`, `"ave"`, `"mul"`, or `None`: both outputs, not merged.
        weights: Initial weights, a list of arrays: those of the forward layer, then the others.
        backward_layer: A layer of one's own for the way back, with `go_backwards=True`.
        output_layer: A layer to apply to the merged output, the `g(U . + c)` above.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: States of the forward layer, then those of the backward layer.
        mask: Boolean `(batch, time)`, handed to both.
        training: Whether dropout applies.

    Returns:
        The merged output; with `return_state` a tuple of this, the last states of the forward
        layer and those of the backward layer. Where the mask is false, sequences hold zeros
        (before `output_layer`).

    Raises:
        ValueError: If a layer is no RNN layer, the merge mode is unknown (or `None` with an
            `output_layer`), or the two layers differ in `return_sequences`, `return_state`,
            `stateful` or a size that has to agree, or read in the same direction.

    Reference: Schuster and Paliwal, 1997, https://doi.org/10.1109/78.650093

    >>> from keras_rnn import LSTM
    >>> tuple(Bidirectional(LSTM(4, return_sequences=True))(ops.zeros((2, 5, 3))).shape)
    (2, 5, 8)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: list[Any] | None = None,
        backward_layer: Any = None,
        output_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", getattr(layer, "dtype_policy", None))
        super().__init__(**kwargs)
        owner = type(self).__name__
        modes = MERGE_MODES if output_layer is None else MERGE_MODES[:-1]
        self.merge_mode = check_choice(owner, "merge_mode", merge_mode, modes)
        for given in (layer, *([] if backward_layer is None else [backward_layer])):
            _check_layer(owner, given)
        self.forward_layer = _forward_copy(layer)
        self.backward_layer = backward_layer or _backward_copy(layer)
        _check_pair(owner, self.forward_layer, self.backward_layer, merge_mode)
        for one in (self.forward_layer, self.backward_layer):
            one.zero_output_for_mask = one.return_sequences
        self.output_layer = output_layer
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.stateful = layer.stateful
        self._weights_to_set = weights

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build both layers and the output layer."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self.output_layer is not None and not self.output_layer.built:
            self.output_layer.build(self._merged_shape(sequences_shape))
        self.built = True
        if self._weights_to_set is not None:
            self.set_weights(self._weights_to_set)

    def call(
        self,
        sequences: Tensor,
        initial_state: State | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Run both layers over the sequences and merge their outputs."""
        forward_state, backward_state = None, None
        if initial_state is not None:
            count = _state_count(self.forward_layer)
            states = flat_states(self.name, "initial_state", initial_state)
            forward_state, backward_state = states[:count], states[count:]
        forward = self.forward_layer(
            sequences, initial_state=forward_state, mask=mask, training=training
        )
        backward = self.backward_layer(
            sequences, initial_state=backward_state, mask=mask, training=training
        )
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        forward, backward = (ops.cast(y, self.compute_dtype) for y in (forward, backward))
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = self._merge(forward, backward)
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def _merge(self, forward: Tensor, backward: Tensor) -> Any:
        merge = {
            "concat": lambda: ops.concatenate([forward, backward], axis=-1),
            "sum": lambda: forward + backward,
            "ave": lambda: (forward + backward) / 2,
            "mul": lambda: forward * backward,
            None: lambda: (forward, backward),
        }
        output = merge[self.merge_mode]()
        return output if self.output_layer is None else self.output_layer(output)

    def _merged_shape(self, sequences_shape: Shape) -> Any:
        forward, backward = (
            layer.compute_output_shape(sequences_shape)
            for layer in (self.forward_layer, self.backward_layer)
        )
        if self.return_state:
            forward, backward = forward[0], backward[0]
        if self.merge_mode is None:
            return forward, backward
        width = backward[-1] if self.merge_mode == "concat" else 0
        return (*forward[:-1], forward[-1] + width)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return the shapes of what the layer returns."""
        output = self._merged_shape(sequences_shape)
        if self.output_layer is not None:
            output = self.output_layer.compute_output_shape(output)
        if not self.return_state:
            return output
        layers = (self.forward_layer, self.backward_layer)
        states = [
            shape for layer in layers for shape in layer.compute_output_shape(sequences_shape)[1:]
        ]
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> Any:
        """Return the mask of the output, in its order, if sequences are returned."""
        output_mask = mask_of_output(self.forward_layer, mask)
        masks = [output_mask] * (2 if self.merge_mode is None else 1)
        if self.return_state:
            masks += [None] * (_state_count(self.forward_layer) + _state_count(self.backward_layer))
        return masks if len(masks) > 1 else masks[0]

    @property
    def states(self) -> tuple[Any, ...] | None:
        """The states that stateful layers keep, forward and then backward, or `None`."""
        kept = self.forward_layer.states, self.backward_layer.states
        return None if None in kept else (*kept[0], *kept[1])

    def reset_state(self, states: State | None = None) -> None:
        """Set the states of stateful layers.

        Args:
            states: Those of the forward layer, then those of the backward layer; zeros by default.
        """
        if states is None:
            self.forward_layer.reset_state()
            self.backward_layer.reset_state()
            return
        states = flat_states(self.name, "states", states)
        count = _state_count(self.forward_layer)
        self.forward_layer.reset_state(states[:count])
        self.backward_layer.reset_state(states[count:])

    reset_states = reset_state

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; `output_layer`, which Keras lacks, only where set."""
        serialize = keras.saving.serialize_keras_object
        config = {
            "merge_mode": self.merge_mode,
            "layer": serialize(self.forward_layer),
            "backward_layer": serialize(self.backward_layer),
        }
        if self.output_layer is not None:
            config["output_layer"] = serialize(self.output_layer)
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Bidirectional":
        """Build the layer from what `get_config` returned."""
        config = dict(config)
        for name in ("layer", "backward_layer", "output_layer"):
            if config.get(name) is not None:
                config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        return cls(**config)


def _forward_copy(layer: Any) -> Any:
    config = keras.saving.serialize_keras_object(layer)
    config["config"]["name"] = f"forward_{layer.name.removeprefix('forward_')}"
    return keras.saving.deserialize_keras_object(config)


def _backward_copy(layer: Any) -> Any:
    config = _with_other_seeds(keras.saving.serialize_keras_object(layer))
    name = f"backward_{layer.name.removeprefix('forward_').removeprefix('backward_')}"
    config["config"] |= {"name": name, "go_backwards": not layer.go_backwards}
    return keras.saving.deserialize_keras_object(config)


def _with_other_seeds(config: Any) -> Any:
    """Return a config in which cells have other seeds; those of initial weights stay."""
    if isinstance(config, list | tuple):
        return type(config)(_with_other_seeds(entry) for entry in config)
    if not isinstance(config, dict):
        return config
    other = {
        name: value if name.endswith("_initializer") else _with_other_seeds(value)
        for name, value in config.items()
    }
    if isinstance(config.get("seed"), int):
        other["seed"] = (config["seed"] + 2**31) % 2**32
    return other


def _state_count(layer: Any) -> int:
    return len(tree.flatten(layer.cell.state_size))


def _check_layer(owner: str, layer: Any) -> None:
    needed = ("go_backwards", "return_sequences", "return_state", "stateful", "cell")
    missing = [name for name in needed if not hasattr(layer, name)]
    if missing:
        raise ValueError(
            f"`{owner}` needs a recurrent layer. Received: {layer!r}, which has no "
            f"{' and no '.join(f'`{name}`' for name in missing)}. "
            "Pass one, for example `LSTM(64)` or `RNN(cell)`."
        )


def _check_pair(owner: str, forward: Any, backward: Any, merge_mode: str | None) -> None:
    for name in ("return_sequences", "return_state", "stateful"):
        check_equal_settings(owner, name, getattr(forward, name), getattr(backward, name))
    if merge_mode in {"sum", "ave", "mul"}:
        sizes = (contract.output_size(layer.cell) for layer in (forward, backward))
        check_equal_settings(owner, "output size", *sizes)
    if forward.go_backwards == backward.go_backwards:
        raise ValueError(
            f"`{owner}` needs two layers that read in opposite directions. "
            f"Received: go_backwards={forward.go_backwards} in both. "
            "Pass `go_backwards=True` to one of them."
        )
