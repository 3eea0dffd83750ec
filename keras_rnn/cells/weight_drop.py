"""DropConnect on the recurrent kernels of any cell."""

from typing import Any

import keras

from keras_rnn._cell_checks import check_some_kernel
from keras_rnn._checks import check_rate
from keras_rnn._scan_checks import check_steps_are_seen
from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.noise import draw_seed, drop, kept_by
from keras_rnn.cells.wrapper import NO_NOISE, CellWrapper, WrapperNoise
from keras_rnn.products import altered

__all__ = ["WeightDropCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class WeightDropCell(CellWrapper):
    """DropConnect around a cell: in training, entries of its recurrent kernels are dropped.

        W <- W * m / (1 - rate)

    for each kernel W that the cell's step hands to `recur`, also that of a projection such as P of
    `ProjectedLSTMCell`, with a mask m of the shape of W, drawn
    once a call: the same at all steps, and for all sequences. Kernels that meet only the input, and
    biases, stay whole.

    A call draws a seed, from which a step makes the masks. So the kernels can be of any number and
    of any shape, also such as depend on the call's constants.

    Args:
        cell: The cell to wrap, or another wrapper; one that follows the contract, and so do all
            cells inside it.
        rate: Rate at which entries of the recurrent kernels are dropped.
        seed: Seed of the masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states of the cell.
        training: Whether to drop.

    Returns:
        `(output, states)`, as the cell returns them.

    Raises:
        ValueError: If `cell` is no cell, or a plain Keras cell, or asks for no recurrent kernel; or
            if `rate` is not in [0, 1].

    Reference: Merity et al., 2017, https://arxiv.org/abs/1708.02182; DropConnect: Wan et al., 2013,
    https://proceedings.mlr.press/v28/wan13.html

    >>> from keras_rnn import RNN, LSTMCell
    >>> layer = RNN(WeightDropCell(LSTMCell(4), rate=0.5))
    >>> tuple(layer(keras.ops.ones((2, 5, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(self, cell: Any, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        check_steps_are_seen("WeightDropCell", cell, contract.follows_contract)
        self.rate = check_rate("WeightDropCell", "rate", rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw_own_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None
    ) -> Tensor | None:
        """Draw the seed of the masks."""
        return draw_seed(self.seed_generator) if self.rate else None

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: WrapperNoise = NO_NOISE,
        **constants: Any,
    ) -> Step:
        """Step the cell with the kernels that are left."""
        if noise.own is None:
            return super().step(projected, states, training, noise, **constants)
        found: list[tuple[Tensor, Tensor]] = []

        def drop_entries(kernel: Tensor) -> Tensor:
            """Return what is left of a kernel, the same if the step asks for it twice."""
            for known, left in found:
                if known is kernel:
                    return left
            kept = kept_by(noise.own, len(found), keras.ops.shape(kernel), self.rate)
            found.append((kernel, drop(kernel, kept, self.rate)))
            return found[-1][1]

        with altered(by=drop_entries):
            stepped = super().step(projected, states, training, noise, **constants)
        check_some_kernel("WeightDropCell", self.cell, len(found))
        return stepped

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
