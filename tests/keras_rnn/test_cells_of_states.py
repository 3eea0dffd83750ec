"""Cells around cells: which of the states of those inside are dropped or zoned out."""

import keras
import pytest

from keras_rnn import (
    BahdanauAttention,
    ConditionalGRUCell,
    DeepTransitionCell,
    DropoutCell,
    GNMTCell,
    GRUCell,
    LSTMCell,
    NASCell,
    RecurrentCell,
    ResidualCell,
    SLSTMCell,
    StackedRNNCells,
    ZoneoutCell,
)


def nas():
    return NASCell(4)


READ = {
    "transition": (lambda: DeepTransitionCell([nas(), nas()]), [1]),
    "transition_of_stacks": (
        lambda: DeepTransitionCell([StackedRNNCells([LSTMCell(3), GRUCell(4)]) for _ in range(2)]),
        [0, 2],
    ),
    "conditional": (lambda: ConditionalGRUCell(nas(), BahdanauAttention(3), nas()), [1]),
    "gnmt": (lambda: GNMTCell([LSTMCell(4), nas()], BahdanauAttention(3)), [0, 3]),
    "keras_stack": (
        lambda: keras.layers.StackedRNNCells([keras.layers.LSTMCell(4), nas()]),
        [0, 3],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_of_the_states_of_several_cells_those_that_gates_read_are_dropped(name):
    make, read = READ[name]
    cell = DropoutCell(make(), state_dropout=0.5)
    if name == "gnmt":  # Its sizes follow from a memory.
        cell.cell.build((None, 2), (None, None, 5))
    states = cell.draw_noise(3, 2).own.states
    assert [place for place, kept in enumerate(states) if kept is not None] == read


@pytest.mark.parametrize("wrap", [lambda cell: cell, ResidualCell])
def test_of_states_that_belong_together_none_is_zoned_out_alone(wrap):
    states = ZoneoutCell(wrap(SLSTMCell(4)), 0.5).draw_noise(3, 4).own
    assert [taken is not None for taken in states] == [True, False, False, False]
    ZoneoutCell(wrap(SLSTMCell(4)), [0.5, 0, 0, 0])
    with pytest.raises(ValueError, match=r"belongs to another.*Received: rates=\[0.5, 0.5, 0, 0\]"):
        ZoneoutCell(wrap(SLSTMCell(4)), [0.5, 0.5, 0, 0])


class AroundCell(RecurrentCell):
    """A cell around a cell that is no `CellWrapper`."""

    def __init__(self, cell):
        super().__init__()
        self.cell, self.state_size, self.output_size = cell, cell.state_size, cell.output_size


def test_a_cell_of_ones_own_around_a_cell_passes_its_states_on():
    states = DropoutCell(AroundCell(nas()), state_dropout=0.5).draw_noise(3, 2).own.states
    assert [kept is not None for kept in states] == [False, True]
