"""Dropout around any cell: of its input, its output and its states."""

from typing import Any, NamedTuple

import keras
from keras import ops, tree

from keras_rnn._checks import check_rate
from keras_rnn._types import State, Step, Tensor
from keras_rnn.cells import contract
from keras_rnn.cells.noise import EachStep, draw_kept, drop
from keras_rnn.cells.wrapper import NO_NOISE, CellWrapper, WrapperNoise

__all__ = ["DropoutCell", "KeptEntries"]

RATES = ("input_dropout", "output_dropout", "state_dropout")


class KeptEntries(NamedTuple):
    """Which entries a call keeps: boolean, `(batch, size)` or an `EachStep`; `None` for all.

    Attributes:
        inputs: Of the input.
        output: Of the output.
        states: Of each state, in flat order.
    """

    inputs: Tensor | EachStep | None = None
    output: Tensor | EachStep | None = None
    states: tuple[Tensor | EachStep | None, ...] | None = None


ALL_KEPT = KeptEntries()


@keras.saving.register_keras_serializable(package="keras_rnn")
class DropoutCell(CellWrapper):
    """Dropout around a cell, in training.

        y_t, s_t = cell(x_t * m_x / (1 - input_dropout), [h_{t-1} * m_h / (1 - state_dropout), ...])
        output_t = y_t * m_y / (1 - output_dropout)

    The masks m are drawn once a call and are the same at all steps (Gal and Ghahramani), or anew at
    each step (Zaremba et al., who drop inputs and outputs only).

    Of the states, only the one that a cell's gates read is dropped, the h of an LSTM: that at the
    place `state_of_gates` of the cell, by default the first. What a cell has besides, such as c, is
    its memory, and dropping that at each step would soon leave nothing. The h of a GRU is both;
    `candidate_dropout` of `GRUCell` and `LSTMCell` loses no memory, and their `recurrent_dropout`
    drops h only where it meets a kernel.

    Args:
        cell: The cell to wrap, or another wrapper.
        input_dropout: Rate at which entries of the input are dropped.
        output_dropout: Rate at which entries of the output are dropped; the states stay whole.
        state_dropout: Rate at which entries of that state are dropped as it enters the step.
        per_step: Whether each step has masks of its own.
        seed: Seed of the masks.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states of the cell.
        training: Whether dropout applies.

    Returns:
        `(output, states)`, of the shapes that the cell returns.

    Raises:
        ValueError: If `cell` is no cell or a rate is not in [0, 1].

    Reference: Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287; Zaremba et al., 2014,
    https://arxiv.org/abs/1409.2329

    >>> from keras_rnn import RNN, LSTMCell
    >>> layer = RNN(DropoutCell(LSTMCell(4), input_dropout=0.2, state_dropout=0.3))
    >>> tuple(layer(ops.ones((2, 5, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(
        self,
        cell: Any,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        state_dropout: float = 0.0,
        per_step: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cell, **kwargs)
        self.input_dropout = check_rate("DropoutCell", "input_dropout", input_dropout)
        self.output_dropout = check_rate("DropoutCell", "output_dropout", output_dropout)
        self.state_dropout = check_rate("DropoutCell", "state_dropout", state_dropout)
        self.per_step = per_step
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw_own_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None
    ) -> KeptEntries | None:
        """Draw which entries are kept."""

        def draw(size: int, rate: float) -> Tensor | EachStep | None:
            if not rate:
                return None
            steps = length if self.per_step else None
            kept = draw_kept(batch_size, steps, size, rate, self.seed_generator)
            return kept if self.per_step else kept.values

        if not any(getattr(self, name) for name in RATES):
            return None
        pairs = zip(tree.flatten(self.state_size), _are_read(self.cell), strict=True)
        states = tuple(
            draw(size, self.state_dropout) if is_read else None for size, is_read in pairs
        )
        return KeptEntries(
            draw(features, self.input_dropout),
            draw(self.output_size, self.output_dropout),
            states if self.state_dropout else None,
        )

    def project(self, inputs: Tensor, noise: WrapperNoise = NO_NOISE) -> Tensor:
        """Return what the cell's `project` returns for the inputs that are kept."""
        kept = (noise.own or ALL_KEPT).inputs
        if kept is not None:
            is_for_all_steps = not self.per_step and len(inputs.shape) == 3
            kept = kept[:, None] if is_for_all_steps else _of_step(kept)
            inputs = drop(inputs, kept, self.input_dropout)
        return super().project(inputs, noise)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: WrapperNoise = NO_NOISE,
        **constants: Any,
    ) -> Step:
        """Step the cell on the states that are kept, and drop of its output."""
        own = noise.own or ALL_KEPT
        if own.states is not None:
            pairs = zip(tree.flatten(states), own.states, strict=True)
            dropped = [
                state if kept is None else drop(state, _of_step(kept), self.state_dropout)
                for state, kept in pairs
            ]
            states = tree.pack_sequence_as(states, dropped)
        output, states = super().step(projected, states, training, noise, **constants)
        if own.output is not None:
            output = drop(output, _of_step(own.output), self.output_dropout)
        elif self.output_dropout:
            output = ops.copy(output)  # As in training, the output is none of the states.
        return output, states

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = (*RATES, "per_step", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _of_step(kept: Tensor | EachStep) -> Tensor:
    return kept.values if isinstance(kept, EachStep) else kept


def _are_read(cell: Any) -> list[bool]:
    """Return for each state whether it is the one that a cell's gates read, also inside `cell`."""

    def of_own(cell: Any, count: int) -> list[bool]:
        is_around = count < len(tree.flatten(cell.state_size))
        place = None if is_around else getattr(cell, "state_of_gates", 0)
        return [i == place for i in range(count)]

    return contract.of_states(cell, of_own)
