"""What cells with gates share: an activation of the gates, and dropout without memory loss."""

from typing import Any

import keras

from keras_rnn._checks import check_activation, check_rate
from keras_rnn._types import Tensor
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, KernelCell

__all__ = ["GatedCell", "drop_candidate"]


def drop_candidate(candidate: Tensor, masks: DropoutMasks) -> Tensor:
    """Return the candidate, `(batch, units)`, times its mask."""
    return candidate if masks.candidate is None else candidate * masks.candidate


class GatedCell(KernelCell):
    """What the cells with gates share: an activation of the gates, and a third kind of dropout.

        g_t <- g_t * m_g / (1 - candidate_dropout)

    It drops what is written to the memory and never the memory itself. The mask `m_g` is drawn once
    a call, like the others.

    Args:
        units: Size of the states and of the output.
        recurrent_activation: The activation of the gates.
        candidate_dropout: Rate at which entries of the candidate are dropped in training.
        **kwargs: Those of `KernelCell`.

    Raises:
        ValueError: If `units` is not a positive integer or a rate is not in [0, 1].

    Reference: Semeniuta et al., 2016, https://arxiv.org/abs/1603.05118. There, values are scaled at
    inference; here, as in all dropout of Keras, in training.
    """

    def __init__(
        self,
        units: int,
        *,
        recurrent_activation: Any = "sigmoid",
        candidate_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        owner = type(self).__name__
        self.recurrent_activation = check_activation(
            owner, "recurrent_activation", recurrent_activation
        )
        self.candidate_dropout = check_rate(owner, "candidate_dropout", candidate_dropout)

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> DropoutMasks | None:
        """Draw the masks of `KernelCell`, and `m_g / (1 - candidate_dropout)`."""
        masks = super().draw_noise(batch_size, features, length)
        if not self.candidate_dropout:
            return masks
        candidate = self._draw_mask(batch_size, self.units, self.candidate_dropout)
        return (masks or NO_DROPOUT)._replace(candidate=candidate)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; `candidate_dropout`, which Keras lacks, where set."""
        activation = keras.activations.serialize(self.recurrent_activation)
        config = {**super().get_config(), "recurrent_activation": activation}
        if self.candidate_dropout:
            config["candidate_dropout"] = self.candidate_dropout
        return config
