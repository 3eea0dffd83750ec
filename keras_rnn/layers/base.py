"""What all sequence layers share: a mask is never lost on the way in."""

from typing import Any

import keras

from keras_rnn._types import Tensor

__all__ = ["SequenceLayer"]


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
