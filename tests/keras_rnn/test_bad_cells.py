"""Cells that cannot be made of what they are given: who needs what, what came, what to do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    ConditionalGRUCell,
    DeepTransitionCell,
    GRUCell,
    HighwayCell,
    LSTMCell,
    RecurrentCell,
    ResidualCell,
    SRUCell,
    StackedRNNCells,
    ZoneoutCell,
)


def attention_cell():
    return AttentionCell(GRUCell(4), BahdanauAttention(3), units=4)


@pytest.mark.parametrize("wrap", [ResidualCell, HighwayCell, lambda cell: ZoneoutCell(cell, 0.1)])
@pytest.mark.parametrize("cell", [3, keras.layers.Dense(4), keras.layers.LSTM(4)])
def test_what_is_no_cell_is_not_wrapped(wrap, cell):
    with pytest.raises(ValueError, match=r"needs a cell(,| with).* Received: .*Pass "):
        wrap(cell)


@pytest.mark.parametrize("wrap", [RNN, ResidualCell, lambda cell: StackedRNNCells([cell])])
@pytest.mark.parametrize("cell_class", [LSTMCell, ZoneoutCell, ConditionalGRUCell])
def test_a_class_is_no_cell(wrap, cell_class):
    message = rf"made by its class. Received: the class `{cell_class.__name__}`. .*`LSTMCell\(64\)`"
    with pytest.raises(ValueError, match=message):
        wrap(cell_class)


@pytest.mark.parametrize("states", [[["h"], "g"], [["h", "c", "d"], "g"], [["h", "c"], ["g", "g"]]])
def test_a_stack_wants_the_states_of_each_of_its_cells(states):
    cell, tensor = StackedRNNCells([LSTMCell(2), GRUCell(2)]), keras.ops.zeros((3, 2))
    with pytest.raises(ValueError, match=r"`(LSTM|GRU)Cell` needs \d tensors in `states`. Rec"):
        cell(tensor, keras.tree.map_structure(lambda _: tensor, states))


def test_the_cells_of_a_conditional_gru_compute_in_one_type():
    half = GRUCell(4, dtype="mixed_float16")
    with pytest.raises(ValueError, match=r"the same `compute_dtype` in both .*'float16' and 'fl"):
        ConditionalGRUCell(half, BahdanauAttention(3), GRUCell(4))
    both = half, BahdanauAttention(3), GRUCell(4, dtype="mixed_float16")
    assert ConditionalGRUCell(*both).compute_dtype == "float16"
    with pytest.raises(ValueError, match=r"the same `compute_dtype` in both .*'float32' and 'fl"):
        ConditionalGRUCell(*both, dtype="float32")


class WideCell(RecurrentCell):
    """A cell whose output is not of its state's size, and that does not say so."""

    state_size = 3

    def step(self, projected, states, training=False):
        return keras.ops.concatenate([projected, states[0]], axis=-1), states


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}])
@pytest.mark.parametrize("in_graph", [False, True])
def test_a_cell_says_how_wide_its_output_is(in_graph, options):
    def run(cell):
        layer = RNN(cell, **options)
        layer.build((2, 5, 4))
        call = tf.function(layer) if in_graph else layer
        return call(tf.ones((2, 5, 4)))

    with pytest.raises(ValueError, match=r"of size 3, .*Received: 7. Set `output_size = 7` on"):
        run(WideCell())
    cell = WideCell()
    cell.output_size = 7
    assert run(cell).shape[-1] == 7


@pytest.mark.parametrize("stepped", [keras.ops.ones((2, 3)), None, (1, 2, 3)])
def test_a_cell_returns_output_and_states(stepped):
    cell = WideCell()
    cell.step = lambda *_, **__: stepped
    with pytest.raises(ValueError, match=r"`WideCell.step` needs to return output and states. Rec"):
        RNN(cell)(tf.ones((2, 5, 4)))


@pytest.mark.parametrize("make", [StackedRNNCells, DeepTransitionCell])
@pytest.mark.parametrize("cells", [[], None, 3, GRUCell(4)])
def test_what_is_no_list_of_cells_is_refused(make, cells):
    with pytest.raises(ValueError, match=r"needs a list of at least one cell. Received: cells="):
        make(cells)


@pytest.mark.parametrize("make", [StackedRNNCells, DeepTransitionCell])
def test_an_attention_cell_stands_around_a_stack_and_not_in_it(make):
    with pytest.raises(ValueError, match=r"states have fixed sizes.*\[4, 4, None\].*around the"):
        make([GRUCell(4), attention_cell()])
    AttentionCell(make([GRUCell(4), GRUCell(4)]), BahdanauAttention(3), units=4)


@pytest.mark.parametrize("attention", [None, GRUCell(4)])
def test_a_cell_with_attention_needs_a_mechanism(attention):
    with pytest.raises(ValueError, match=r"`AttentionCell` needs `attention` to be a mechanism"):
        AttentionCell(GRUCell(4), attention, units=4)
    with pytest.raises(ValueError, match=r"needs `attention` to be a mechanism. Received: .*Bahd"):
        ConditionalGRUCell(GRUCell(4), attention, GRUCell(4))


@pytest.mark.parametrize("bias", ["a", None, 1000.0, float("nan")])
def test_a_highway_bias_is_a_number_whose_exponential_is_one(bias):
    with pytest.raises(ValueError, match=r"`highway_bias` to be a number from -100 to 100. Rec"):
        SRUCell(4, highway_bias=bias)


def test_a_wrapper_computes_in_the_type_of_its_cell():
    half = LSTMCell(4, dtype="mixed_float16")
    assert ZoneoutCell(half, 0.1).compute_dtype == "float16"
    with pytest.raises(ValueError, match=r"the same `dtype` in both .*'float32' and 'float16'"):
        ZoneoutCell(half, 0.1, dtype="float32")
    RNN(ZoneoutCell(half, 0.1), dtype="float32")


def test_several_states_may_not_be_a_bare_tensor():
    cell, rows = LSTMCell(4), np.ones((2, 4), "float32")  # As many rows as states.
    for states in (rows, tf.constant(rows), None):
        with pytest.raises(ValueError, match=r"needs 2 tensors in `states`. Received: no list of"):
            cell(np.ones((2, 3), "float32"), states)
