"""Zoneout: states that now and then stay as they were."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import tree

from keras_rnn._cell_checks import check_rates
from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.noise import EachStep, draw_kept
from keras_rnn.cells.wrapper import NO_NOISE, CellWrapper, WrapperNoise

__all__ = ["ZoneoutCell"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class ZoneoutCell(CellWrapper):
    """Zoneout around a cell: in training, each unit of a state at times keeps its previous value.

        y_t, s~_t = cell(x_t, s_{t-1})
        s_t = d_t * s_{t-1} + (1 - d_t) * s~_t          in training, d_t = 1 at the given rate
        s_t = rate * s_{t-1} + (1 - rate) * s~_t        at inference, the expectation

    The masks d are drawn anew at each step, for each state its own. As in the paper, the cell has
    computed h~_t from a c~_t that was not yet zoned out.

    If the cell's output is one of the states it returns, that very tensor, then the output is this
    state zoned out: h of an LSTM. Otherwise it is the cell's: a `ResidualCell` inside adds the
    input to what is not zoned out, one outside to what is.

    Args:
        cell: The cell to wrap, or another wrapper.
        rates: The rate for all states, or a list with one for each, such as `[rate_h, rate_c]`; of
            a stack one for each state of each cell. States of no fixed size, such as alignments,
            states of integers, and states that belong together, such as c, n and m of
            `SLSTMCell`, are never zoned out.
        seed: Seed of the masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states of the cell.
        training: Whether to draw masks, or else to take the expectation.

    Returns:
        `(output, states)`, of the shapes that the cell returns.

    Raises:
        ValueError: If `cell` is no cell, a rate is not in [0, 1], or there are not as many rates
            as states.

    Reference: Krueger et al., 2016, https://arxiv.org/abs/1606.01305

    >>> from keras_rnn import RNN, LSTMCell
    >>> layer = RNN(ZoneoutCell(LSTMCell(4), rates=[0.05, 0.5]))
    >>> tuple(layer(keras.ops.ones((2, 5, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(
        self, cell: Any, rates: float | Sequence[float], seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cell, **kwargs)
        self.rates = rates
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._rates = check_rates("ZoneoutCell", "rates", rates, _sizes(cell))

    def draw_own_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None
    ) -> tuple[EachStep | None, ...] | None:
        """Draw, for each state and each step, which units take their new value."""
        pairs = zip(tree.flatten(self.state_size), self._rates, strict=True)
        drawn = tuple(
            draw_kept(batch_size, length, size, rate, self.seed_generator) if rate else None
            for size, rate in pairs
        )
        return drawn if any(self._rates) else None

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: WrapperNoise = NO_NOISE,
        **constants: Any,
    ) -> Step:
        """Step the cell, and take of its states what is not zoned out."""
        output, after = super().step(projected, states, training, noise, **constants)
        taken = noise.own or [None] * len(self._rates)
        new = tree.flatten(after)
        parts = zip(tree.flatten(states), new, self._rates, taken, strict=True)
        zoned = [_zoned(*part) for part in parts]
        output = next((z for z, state in zip(zoned, new, strict=True) if state is output), output)
        return output, tree.pack_sequence_as(after, zoned)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "rates": self.rates, "seed": self.seed}


def _sizes(cell: Any) -> list[int | None]:
    """Return the size of each state, `None` for what is never zoned out."""

    def of_own(cell: Any, count: int) -> list[int | None]:
        sizes = tree.flatten(cell.state_size)
        scaled = getattr(cell, "scaled_states", ())
        own = [None if i in scaled else size for i, size in enumerate(sizes)]
        return own[len(sizes) - count :]

    return contract.of_states(cell, of_own)


def _zoned(before: Tensor, after: Tensor, rate: float, taken: EachStep | None) -> Tensor:
    """Return a state zoned out: by the mask of what is taken anew, or in expectation."""
    if not rate or not keras.backend.is_float_dtype(after.dtype):
        return after
    if taken is None:
        return rate * before + (1 - rate) * after
    return keras.ops.where(taken.values, after, before)
