"""Every cell keeps every promise. One row in the table adds a cell."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import pytest
from reference.cells import gru_step, lstm_step, simple_step
from reference.conformance_cells import (
    HoldsCell,
    WithMemory,
    attention_gru_step,
    by_weights,
    stack_step,
)

import keras_rnn
from keras_rnn import (
    AdditiveAttention,
    AttentionCell,
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
    StackedRNNCells,
)
from keras_rnn.testing import PROMISES, CellCase, learns_to_remember, serve


class Row(NamedTuple):
    """A cell of the table.

    Attributes:
        make: Makes the cell, from its number of units.
        reference: One step in NumPy, `(inputs, states, weights) -> (output, states)`.
        remembers: Whether it learns the adding task; not where inputs are dropped, nor where the
            paper says that it cannot.
    """

    make: Callable[[int], Any]
    reference: Callable[..., Any]
    remembers: bool = True


DROPOUT = {"dropout": 0.5, "recurrent_dropout": 0.5}
ROWS = {
    "simple": Row(SimpleRNNCell, by_weights(simple_step)),
    "gru": Row(GRUCell, by_weights(gru_step)),
    "gru_before": Row(
        lambda units: GRUCell(units, reset_after=False), by_weights(gru_step, reset_after=False)
    ),
    "lstm": Row(LSTMCell, by_weights(lstm_step)),
    "lstm_dropout": Row(
        lambda units: LSTMCell(units, **DROPOUT), by_weights(lstm_step), remembers=False
    ),
    "keras": Row(keras.layers.LSTMCell, by_weights(lstm_step)),
    "stack": Row(
        lambda units: StackedRNNCells([GRUCell(units), LSTMCell(units, recurrent_dropout=0.5)]),
        stack_step,
    ),
    "each_step": Row(lambda units: HoldsCell(GRUCell(units)), by_weights(gru_step)),
    "attention": Row(
        lambda units: WithMemory(AttentionCell(GRUCell(units), AdditiveAttention(2), units)),
        attention_gru_step,
    ),
}
UNITS = 3
UNITS_TO_LEARN = 16


@functools.cache
def case_of(name):
    return CellCase(ROWS[name].make(UNITS), reference=ROWS[name].reference)


@pytest.fixture(scope="module")
def served(request):
    """All SavedModels that are asked for, run in one process of their own."""
    tests = (item for item in request.session.items if hasattr(item, "callspec"))
    asked = [test.callspec.params for test in tests if "promise" in test.fixturenames]
    names = {params["name"] for params in asked if params["promise"] == "saved_model"}
    serve([case_of(name) for name in sorted(names & ROWS.keys())])


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("name", ROWS)
def test_a_cell_keeps_a_promise(name, promise, request):
    if promise == "saved_model":
        request.getfixturevalue("served")
    PROMISES[promise](case_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.remembers])
def test_a_cell_learns_to_remember(name):
    learns_to_remember(ROWS[name].make(UNITS_TO_LEARN))


def test_each_public_cell_has_a_row():
    public = {name: getattr(keras_rnn, name) for name in keras_rnn.__all__}
    cells = {
        cls for cls in public.values() if inspect.isclass(cls) and issubclass(cls, RecurrentCell)
    }
    made = [row.make(UNITS) for row in ROWS.values()]
    tested = {type(cell.cell if isinstance(cell, WithMemory) else cell) for cell in made}
    assert cells - {RecurrentCell} <= tested
