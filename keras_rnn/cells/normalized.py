"""What the layer-normalised cells with gates share."""

from typing import Any, ClassVar

import keras

from keras_rnn._cell_checks import check_above_zero
from keras_rnn._types import Shape, Tensor
from keras_rnn.cells.kernels import KernelCell
from keras_rnn.cells.normalization import layer_norm

__all__ = ["NormalizedCell"]


class NormalizedCell(KernelCell):
    """A cell with layer normalisations, each with a gain and a shift of its own.

    A subclass sets `norms`: the name of each normalisation and over how many blocks of `units` it
    runs. It stands under that name as a layer, which has the weights `gamma` and `beta`.

    Args:
        units: Size of a block.
        norm_gamma_initializer: Initial gain of all normalisations.
        norm_beta_initializer: Initial shift of all normalisations.
        norm_epsilon: What keeps the divisor of a normalisation from zero.
        **kwargs: Those of `KernelCell`.

    Raises:
        ValueError: If `norm_epsilon` is not above zero.
    """

    norms: ClassVar[dict[str, int]] = {}

    def __init__(
        self,
        units: int,
        *,
        norm_gamma_initializer: Any = "ones",
        norm_beta_initializer: Any = "zeros",
        norm_epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        self.norm_gamma_initializer = keras.initializers.get(norm_gamma_initializer)
        self.norm_beta_initializer = keras.initializers.get(norm_beta_initializer)
        self.norm_epsilon = check_above_zero(type(self).__name__, "norm_epsilon", norm_epsilon)
        for name in self.norms:
            norm = keras.layers.LayerNormalization(
                epsilon=self.norm_epsilon,
                beta_initializer=self.norm_beta_initializer,
                gamma_initializer=self.norm_gamma_initializer,
                dtype=self.dtype_policy,
                name=name,
            )
            setattr(self, name, norm)

    def build(self, input_shape: Shape) -> None:
        """Create the kernels and the bias, then gain and shift of each normalisation."""
        super().build(input_shape)
        for name, blocks in self.norms.items():
            getattr(self, name).build((None, blocks * self.units))

    def normalize(self, x: Tensor, norm: keras.layers.LayerNormalization) -> Tensor:
        """Return `x`, normalised with the weights of `norm`."""
        return layer_norm(x, norm.gamma, norm.beta, self.norm_epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        serialize = keras.initializers.serialize
        return {
            **super().get_config(),
            "norm_gamma_initializer": serialize(self.norm_gamma_initializer),
            "norm_beta_initializer": serialize(self.norm_beta_initializer),
            "norm_epsilon": self.norm_epsilon,
        }
