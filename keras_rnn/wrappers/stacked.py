"""`StackedRNN`: layer on layer over the whole sequence, such as a deep bidirectional encoder."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import tree

from keras_rnn._checks import check_count, check_rate
from keras_rnn._types import Shape, State, Tensor
from keras_rnn.layers import SequenceLayer
from keras_rnn.layers.states import flat_states

__all__ = ["StackedRNN"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class StackedRNN(SequenceLayer):
    """A stack of recurrent layers: layer i reads the whole output of layer i - 1.

        h^0 = x
        h^i = layer^i(drop(h^{i-1}))                        or, if `residual` and the sizes agree,
        h^i = layer^i(drop(h^{i-1})) + h^{i-1}              (i > 1)

    Of `Bidirectional` layers this is the deep bidirectional network, in which both directions of
    layer i read both directions of layer i - 1.

    Args:
        layers: The layers from the bottom to the top; all but the top one return sequences.
        dropout: Rate at which what passes from layer to layer is dropped in training.
        residual: Whether to add the input of a layer above the first to its output.
        seed: Seed of the dropout.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: The states of all layers in one flat list, or `None`.
        mask: Boolean `(batch, time)`, handed from layer to layer in the order of what they return.
        training: Whether dropout applies.

    Returns:
        The output of the top layer; if the layers have `return_state`, a tuple of this and the
        last states of all layers, from the bottom to the top.

    Raises:
        ValueError: If there is no layer, one is no recurrent layer, one below the top does not
            return sequences, or the layers differ in `return_state`.

    Reference: Graves et al., 2013, "Speech recognition with deep recurrent neural networks",
    https://arxiv.org/abs/1303.5778; residual connections: Wu et al., 2016,
    https://arxiv.org/abs/1609.08144

    >>> from keras_rnn import GRU, Bidirectional
    >>> layers = [Bidirectional(GRU(4, return_sequences=True)) for _ in range(2)]
    >>> tuple(StackedRNN(layers, residual=True)(keras.ops.zeros((2, 5, 3))).shape)
    (2, 5, 8)
    """

    def __init__(
        self,
        layers: Sequence[Any],
        dropout: float = 0.0,
        residual: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        _check_layers(layers)
        kwargs.setdefault("dtype", layers[0].dtype_policy)
        super().__init__(**kwargs)
        self.layers = list(layers)
        self.dropout = check_rate("StackedRNN", "dropout", dropout)
        self.residual = residual
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed) if dropout else None
        self.return_sequences = self.layers[-1].return_sequences
        self.return_state = self.layers[-1].return_state

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build each layer on the output of the one below."""
        shape = sequences_shape
        for layer in self.layers:
            if not layer.built:
                layer.build(shape)
            shape = layer.compute_output_shape(shape)
            shape = shape[0] if self.return_state else shape
        self.built = True

    def call(
        self,
        sequences: Tensor,
        initial_state: State | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Run layer after layer over the whole sequence."""
        given = self._flat("initial_state", initial_state)
        output, last_states = sequences, []
        for index, layer in enumerate(self.layers):
            states, given = (None, None) if given is None else _take(given, layer)
            inputs = output if index == 0 else self._drop(output, training)
            result = layer(inputs, initial_state=states, mask=mask, training=training)
            mask = _mask_of_output(layer, mask)
            result, *states = result if self.return_state else (result,)
            last_states += states
            if self.residual and index > 0 and result.shape == output.shape:
                result = result + output
            output = result
        return (output, *last_states) if self.return_state else output

    def _drop(self, sequences: Tensor, training: bool) -> Tensor:
        if not (training and self.dropout):
            return sequences
        return keras.random.dropout(sequences, self.dropout, seed=self.seed_generator)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return the shapes of what the stack returns."""
        shape, states = sequences_shape, []
        for layer in self.layers:
            shape = layer.compute_output_shape(shape)
            if self.return_state:
                shape, *layer_states = shape
                states += layer_states
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> Any:
        """Return the mask of the output, in its order, if sequences are returned."""
        for layer in self.layers:
            mask = _mask_of_output(layer, mask)
        if not self.return_state:
            return mask
        return [mask] + [None] * sum(_state_count(layer) for layer in self.layers)

    def reset_state(self, states: State | None = None) -> None:
        """Set the states of stateful layers.

        Args:
            states: Those of all layers in one flat list; zeros by default.
        """
        given = self._flat("states", states)
        for layer in self.layers:
            own, given = (None, None) if given is None else _take(given, layer)
            layer.reset_state() if own is None else layer.reset_state(own)

    reset_states = reset_state

    def _flat(self, name: str, states: State | None) -> list[Tensor] | None:
        if states is None:
            return None
        flat = flat_states(self.name, name, states)
        check_count(self.name, name, flat, sum(_state_count(layer) for layer in self.layers))
        return flat

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        config = {"dropout": self.dropout, "residual": self.residual, "seed": self.seed}
        return {**super().get_config(), **config, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "StackedRNN":
        """Build the stack from what `get_config` returned."""
        config = dict(config)
        deserialize = keras.saving.deserialize_keras_object
        layers = [deserialize(layer, custom_objects) for layer in config.pop("layers")]
        return cls(layers, **config)


def _mask_of_output(layer: Any, mask: Tensor | None) -> Tensor | None:
    """Return the mask of the sequences that a layer returns."""
    masks = layer.compute_mask(None, mask)
    return masks[0] if isinstance(masks, list) else masks


def _state_count(layer: Any) -> int:
    if hasattr(layer, "forward_layer"):
        return _state_count(layer.forward_layer) + _state_count(layer.backward_layer)
    return len(tree.flatten(layer.cell.state_size))


def _take(states: list[Tensor], layer: Any) -> tuple[list[Tensor], list[Tensor]]:
    count = _state_count(layer)
    return states[:count], states[count:]


def _check_layers(layers: Sequence[Any]) -> None:
    if not isinstance(layers, list | tuple) or not layers:
        raise ValueError(
            f"`StackedRNN` needs a list of at least one layer. Received: layers={layers!r}. "
            "Pass layers, for example `[LSTM(64, return_sequences=True), LSTM(64)]`."
        )
    for index, layer in enumerate(layers):
        if not hasattr(layer, "return_sequences") or getattr(layer, "merge_mode", "") is None:
            raise ValueError(
                "`StackedRNN` needs recurrent layers that return one sequence each. "
                f"Received: layer {index}, {layer!r}. "
                "Pass RNN layers, or `Bidirectional` layers with a `merge_mode`."
            )
        if layer is not layers[-1] and not layer.return_sequences:
            raise ValueError(
                "`StackedRNN` needs all layers but the top one to return sequences. "
                f"Received: layer {index} ({layer.name}) with return_sequences=False. "
                "Pass `return_sequences=True` to it."
            )
    if len({layer.return_state for layer in layers}) > 1:
        raise ValueError(
            "`StackedRNN` needs all layers to have the same `return_state`. "
            f"Received: {[layer.return_state for layer in layers]}. Give all the same value."
        )
