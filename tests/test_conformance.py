"""Every cell keeps every promise. One row in the table adds a cell."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import pytest
from reference import addons_oracles as addons
from reference import further_oracles as further
from reference.cells import gru_step, lstm_step, simple_step
from reference.conformance_cells import (
    WithMemory,
    attention_of,
    attention_simple_step,
    by_names,
    by_weights,
    conditional_of,
    conditional_simple_step,
    gnmt_of,
    gnmt_simple_step,
    highway_simple_step,
    residual_step,
    stabilised_slstm_step,
    stack_step,
    transitions_of,
    two_transitions_step,
    zoneout_lstm_step,
)

import keras_rnn
from keras_rnn import (
    AttentionCell,
    BahdanauMonotonicAttention,
    CellWrapper,
    CoverageAttention,
    DropoutCell,
    ESNCell,
    GRUCell,
    HighwayCell,
    IndRNNCell,
    LayerNormGRUCell,
    LayerNormLSTMCell,
    LayerNormSimpleRNNCell,
    LocationAwareAttention,
    LSTMCell,
    LuongAttention,
    MGUCell,
    MinGRUCell,
    MinLSTMCell,
    MultiHeadDotAttention,
    MultiplicativeLSTMCell,
    NASCell,
    PeepholeLSTMCell,
    ProjectedLSTMCell,
    RecurrentCell,
    ResidualCell,
    SeveralAttentions,
    SimpleRNNCell,
    SLSTMCell,
    SRUCell,
    SSRUCell,
    StackedRNNCells,
    WeightDropCell,
    ZoneoutCell,
)
from keras_rnn.testing import PROMISES, CellCase, learns_to_remember, serve


class Row(NamedTuple):
    """A cell of the table.

    Attributes:
        make: Makes the cell, from its number of units.
        reference: One step in NumPy, `(inputs, states, weights) -> (output, states)`; `None`:
            another test compares with NumPy.
        learner: Makes a cell that learns the adding task, if that is not `make`; `None`: there is
            none, as inputs are dropped, their size is fixed, or the paper says that it cannot.
    """

    make: Callable[[int], Any]
    reference: Callable[..., Any] | None
    learner: Callable[[int], Any] | str | None = "make"


DROPOUT = {"dropout": 0.5, "recurrent_dropout": 0.5}
FEATURES = 4
KERNELS = ("kernel", "recurrent_kernel")
NORMS = {
    name: (f"{name}/gamma", f"{name}/beta")
    for name in (
        *("kernel_norm", "recurrent_norm", "state_norm", "kernel_gates_norm"),
        *("kernel_candidate_norm", "recurrent_gates_norm", "recurrent_candidate_norm"),
    )
}
PEEPHOLES = tuple(f"{gate}_gate_peephole_weights" for gate in ("input", "forget", "output"))

ROWS = {
    "simple": Row(SimpleRNNCell, by_weights(simple_step)),
    "gru": Row(GRUCell, by_weights(gru_step)),
    "gru_before": Row(
        lambda units: GRUCell(units, reset_after=False), by_weights(gru_step, reset_after=False)
    ),
    "lstm": Row(LSTMCell, by_weights(lstm_step)),
    "lstm_dropout": Row(
        lambda units: LSTMCell(units, **DROPOUT, candidate_dropout=0.2),
        by_weights(lstm_step),
        learner=None,
    ),
    "keras": Row(keras.layers.LSTMCell, by_weights(lstm_step)),
    "layer_norm_simple": Row(
        LayerNormSimpleRNNCell,
        by_names(addons.layer_norm_simple_step, *KERNELS, "bias", "layernorm/gamma"),
    ),
    "layer_norm_gru": Row(
        LayerNormGRUCell,
        by_names(
            addons.layer_norm_gru_step,
            *(*KERNELS, "bias", *NORMS["kernel_gates_norm"], *NORMS["kernel_candidate_norm"]),
            *(*NORMS["recurrent_gates_norm"], *NORMS["recurrent_candidate_norm"]),
        ),
    ),
    "layer_norm_lstm": Row(
        LayerNormLSTMCell,
        by_names(
            addons.layer_norm_lstm_step,
            *(*KERNELS, "bias", *NORMS["kernel_norm"]),
            *(*NORMS["recurrent_norm"], *NORMS["state_norm"]),
        ),
    ),
    "peephole": Row(
        PeepholeLSTMCell, by_names(addons.peephole_lstm_step, *KERNELS, "bias", *PEEPHOLES)
    ),
    "nas": Row(
        lambda units: NASCell(units, projection=units - 1, use_bias=True),
        by_names(addons.nas_step, *reversed(KERNELS), "bias", "projection_weights"),
    ),
    "esn": Row(
        lambda units: ESNCell(units, connectivity=0.9, leaky=0.5, seed=1),
        by_names(addons.esn_step, *reversed(KERNELS), "bias", leaky=0.5),
        learner=None,
    ),
    "ind": Row(
        IndRNNCell,
        by_weights(further.ind_rnn_step),
        learner=lambda units: StackedRNNCells([IndRNNCell(units), IndRNNCell(units)]),
    ),
    "mgu": Row(MGUCell, by_weights(further.mgu_step)),
    "multiplicative": Row(MultiplicativeLSTMCell, by_weights(further.multiplicative_lstm_step)),
    "projected": Row(
        lambda units: ProjectedLSTMCell(units, projection=units - 1),
        by_weights(further.projected_lstm_step),
    ),
    "slstm": Row(SLSTMCell, stabilised_slstm_step),
    "slstm_heads": Row(
        lambda _: SLSTMCell(4, heads=2, forget_gate="exponential"),
        functools.partial(stabilised_slstm_step, forget_gate="exponential"),
        learner=lambda units: SLSTMCell(units, heads=2, forget_gate="exponential"),
    ),
    "sru": Row(SRUCell, by_weights(further.sru_step)),
    "sru_first": Row(
        lambda units: SRUCell(units, gates_read_state=False), by_weights(further.sru_step)
    ),
    "sru_square": Row(
        lambda _: SRUCell(FEATURES, highway_bias=-1.0),
        by_weights(further.sru_step, scale=(1 + 2 * math.exp(-1)) ** 0.5),
        learner=None,
    ),
    "ssru": Row(SSRUCell, by_weights(further.ssru_step)),
    "min_gru": Row(MinGRUCell, by_weights(further.min_gru_step)),
    "min_lstm": Row(MinLSTMCell, by_weights(further.min_lstm_step)),
    "dropout": Row(
        lambda units: DropoutCell(SimpleRNNCell(units), 0.5, 0.5, 0.5, per_step=True),
        by_weights(simple_step),
        learner=None,
    ),
    "zoneout": Row(
        lambda units: ZoneoutCell(LSTMCell(units), rates=[0.05, 0.2]),
        functools.partial(zoneout_lstm_step, rates=[0.05, 0.2]),
    ),
    "weight_drop": Row(lambda units: WeightDropCell(LSTMCell(units), 0.2), by_weights(lstm_step)),
    "residual": Row(lambda _: ResidualCell(SimpleRNNCell(FEATURES)), residual_step, learner=None),
    "highway": Row(
        lambda _: HighwayCell(SimpleRNNCell(FEATURES)), highway_simple_step, learner=None
    ),
    "stack": Row(
        lambda units: StackedRNNCells(
            [SimpleRNNCell(units), LSTMCell(units, recurrent_dropout=0.5)]
        ),
        stack_step,
    ),
    "deep_transition": Row(
        transitions_of(SimpleRNNCell), two_transitions_step, transitions_of(GRUCell)
    ),
    "attention": Row(attention_of(SimpleRNNCell), attention_simple_step, attention_of(GRUCell)),
    "conditional": Row(
        conditional_of(SimpleRNNCell), conditional_simple_step, conditional_of(GRUCell)
    ),
    "gnmt": Row(gnmt_of(SimpleRNNCell), gnmt_simple_step, gnmt_of(GRUCell)),
}
MECHANISMS = {
    "luong": lambda units: LuongAttention(units, scale=True),
    "monotonic": lambda units: BahdanauMonotonicAttention(2, sigmoid_noise=0.5),
    "location": lambda units: LocationAwareAttention(2, filters=2, kernel_size=3),
    "coverage": lambda units: CoverageAttention(2, normalize=True),
    "heads": lambda units: MultiHeadDotAttention(4, heads=2),
    "several": lambda units: SeveralAttentions([CoverageAttention(2), LuongAttention(units)]),
}
ROWS |= {
    f"attention_{name}": Row(
        lambda units, make=make: WithMemory(AttentionCell(GRUCell(units), make(units), units)),
        reference=None,
        learner=None,
    )
    for name, make in MECHANISMS.items()
}
# Of a cell that has another row: not in the default run.
VARIANTS = {"gru_before", "lstm_dropout", "keras", "slstm_heads", "sru_first", "sru_square"}
VARIANTS |= {f"attention_{name}" for name in MECHANISMS}
# What takes a second or more; in the default run, a cell of each kind of step is held to it, and of
# fewer kinds to what takes several seconds. The others are held to what is quicker and tells most
# of it: the gradient along one direction by `finite_differences`, single steps and whole sequences
# by `keras_layer`, and one of the two short types. To go on from given states is the layer's part.
KINDS = {"simple", "lstm", "layer_norm_lstm", "min_lstm", "stack", "attention"}
COSTLY = dict.fromkeys(
    ("padding", "mixed_float16", "scan_gradient", "deep_bidirectional", "steps"), KINDS
)
COSTLY["mixed_bfloat16"] = ROWS.keys() - KINDS
COSTLY["compiled"] = {"min_lstm", "stack", "attention"}
COSTLY["saved_model"] = {"min_lstm", "gru"}
UNITS = 3
UNITS_TO_LEARN = 16


@functools.cache
def case_of(name):
    return CellCase(ROWS[name].make(UNITS), FEATURES, ROWS[name].reference)


@pytest.fixture(scope="module")
def served(request):
    """All SavedModels that are asked for, run in one process of their own."""
    tests = (item for item in request.session.items if hasattr(item, "callspec"))
    asked = [test.callspec.params for test in tests if "promise" in test.fixturenames]
    names = {params["name"] for params in asked if params["promise"] == "saved_model"}
    serve([case_of(name) for name in sorted(names & ROWS.keys())])


def is_slow(name, promise):
    return name in VARIANTS or name not in COSTLY.get(promise, ROWS)


PAIRS = [
    pytest.param(name, promise, marks=pytest.mark.slow if is_slow(name, promise) else ())
    for name in ROWS
    for promise in PROMISES
]


@pytest.mark.parametrize(("name", "promise"), PAIRS)
def test_a_cell_keeps_a_promise(name, promise, request):
    if promise == "saved_model":
        request.getfixturevalue("served")
    PROMISES[promise](case_of(name))


LEARNERS = {
    name: row.make if row.learner == "make" else row.learner
    for name, row in ROWS.items()
    if row.learner is not None
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_a_cell_learns_to_remember(name):
    learns_to_remember(LEARNERS[name](UNITS_TO_LEARN))


def test_each_public_cell_has_a_row():
    public = {name: getattr(keras_rnn, name) for name in keras_rnn.__all__}
    cells = {
        cls for cls in public.values() if inspect.isclass(cls) and issubclass(cls, RecurrentCell)
    }
    made = [row.make(UNITS) for row in ROWS.values()]
    tested = {type(cell.cell if isinstance(cell, WithMemory) else cell) for cell in made}
    assert cells - {RecurrentCell, CellWrapper} == tested & cells
