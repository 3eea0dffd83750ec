"""Bridges: from the encoder's last states to the decoder's first."""

from typing import Any

import keras
from keras import ops

from seq2seq.errors import UserError

__all__ = ["Bridge", "CopyBridge", "DenseBridge", "ZeroBridge"]


class Bridge(keras.layers.Layer):
    """Make the decoder's initial states of the encoder's last ones.

    Args:
        sizes: The sizes of the decoder's states, flat, from the bottom layer to the top.
        states_per_layer: How many states a layer of the encoder has, both directions together.

    Call arguments:
        states: The encoder's last states, each `(batch, units)`: for each layer those of the
            forward direction, then as many of the backward direction.

    Returns:
        A list of tensors, each `(batch, size)`.
    """

    def __init__(self, *, sizes: list[int], states_per_layer: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = sizes
        self.states_per_layer = states_per_layer


class ZeroBridge(Bridge):
    """Start the decoder from zeros: all that it knows of the source comes through attention."""

    def call(self, states: list[Any]) -> list[Any]:
        """Return zeros of the decoder's sizes."""
        batch_size = ops.shape(states[0])[0]
        return [ops.zeros((batch_size, size), dtype=states[0].dtype) for size in self.sizes]


class CopyBridge(Bridge):
    """Start layer i of the decoder from both directions of the encoder's layer i, side by side.

    The topmost layers meet: a decoder of one layer starts from the top of the encoder.

    Raises:
        UserError: If the sizes do not fit.
    """

    def build(self, states_shape: Any) -> None:
        """Check that the sizes fit."""
        half = self.states_per_layer // 2
        widths = [2 * shape[-1] for shape in states_shape]
        layers = len(states_shape) // self.states_per_layer
        if len(self.sizes) > layers * half or any(size != widths[0] for size in self.sizes):
            raise UserError(
                'model.bridge = "copy" needs decoder_units = 2 * encoder_units and at most as '
                f"many decoder layers as encoder layers. Received: {len(self.sizes) // half} "
                f"decoder layers of {self.sizes[0]}, {layers} encoder layers of {widths[0] // 2} "
                'units. Change the sizes, or take model.bridge = "dense".'
            )
        self.built = True

    def call(self, states: list[Any]) -> list[Any]:
        """Return the concatenated states of the topmost layers."""
        half = self.states_per_layer // 2
        both = [
            ops.concatenate([states[start + index], states[start + half + index]], axis=-1)
            for start in range(0, len(states), self.states_per_layer)
            for index in range(half)
        ]
        return both[len(both) - len(self.sizes) :]


class DenseBridge(Bridge):
    """Start the decoder from a learnt function of all of the encoder's last states.

    s_0 = tanh([encoder states] B + b)          one B and b for each state of the decoder
    """

    def build(self, states_shape: Any) -> None:
        """Create one dense layer for each state of the decoder."""
        width = sum(shape[-1] for shape in states_shape)
        self.dense = [
            keras.layers.Dense(size, activation="tanh", dtype=self.dtype_policy)
            for size in self.sizes
        ]
        for layer in self.dense:
            layer.build((None, width))
        self.built = True

    def call(self, states: list[Any]) -> list[Any]:
        """Return one new state for each dense layer."""
        joined = ops.concatenate(states, axis=-1)
        return [layer(joined) for layer in self.dense]
