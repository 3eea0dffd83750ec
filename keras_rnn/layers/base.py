"""What all sequence layers share: a mask is never lost on the way in."""

from typing import Any

import keras
from keras import ops, tree

from keras_rnn._types import Tensor

__all__ = ["SequenceLayer", "mask_of_output"]


class SequenceLayer(keras.layers.Layer):
    """A layer over sequences that takes the mask its input carries when none is passed.

    Keras fills in a mask only where the call has one tensor argument, so it drops the mask of an
    `Embedding(mask_zero=True)` as soon as `initial_state` is given.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def __call__(
        self, sequences: Tensor, *args: Any, mask: Tensor | None = None, **kwargs: Any
    ) -> Any:
        """Run the layer, with the mask that `sequences` carries if none is given."""
        if mask is None and len(args) < 2:
            mask = getattr(sequences, "_keras_mask", None)
        if mask is not None:
            kwargs["mask"] = mask
        return super().__call__(sequences, *args, **kwargs)


def mask_of_output(layer: Any, mask: Any) -> Tensor | None:
    """Return the mask of the sequences that a layer returns, `None` if it returns none.

    Args:
        layer: A layer that has `return_sequences` and `go_backwards`; backwards its outputs come
            from the end, and so does their mask, where Keras leaves it as it was.
        mask: That of the layer's input, or a list of it and others.
    """
    if mask is None or not layer.return_sequences:
        return None
    mask = tree.flatten(mask)[0]
    return ops.flip(mask, axis=1) if layer.go_backwards else mask
