"""Cells around cells in any order: what holds for one cell holds for all of them together."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained,
    trained_in_graph,
)
from reference.twins import MASKS

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    Bidirectional,
    DeepTransitionCell,
    DropoutCell,
    GRUCell,
    HighwayCell,
    LSTMCell,
    Memory,
    ResidualCell,
    SimpleRNNCell,
    StackedRNNCells,
    WeightDropCell,
    ZoneoutCell,
)

UNITS = 3
SHAPE = (3, 5, UNITS)
FLOAT64 = {"dtype": "float64"}
CELLS = {
    "simple": lambda: SimpleRNNCell(UNITS, dropout=0.3, recurrent_dropout=0.3, seed=1, **FLOAT64),
    "gru": lambda: GRUCell(UNITS, reset_after=False, **FLOAT64),
    "lstm": lambda: LSTMCell(UNITS, candidate_dropout=0.3, seed=2, **FLOAT64),
    "stack": lambda: StackedRNNCells([SimpleRNNCell(2, **FLOAT64), GRUCell(UNITS, **FLOAT64)]),
    "deep": lambda: DeepTransitionCell([SimpleRNNCell(UNITS, **FLOAT64) for _ in range(2)]),
    "keras": lambda: keras.layers.LSTMCell(UNITS, **FLOAT64),
}
AROUND = {
    "dropout": lambda cell: DropoutCell(cell, 0.3, 0.3, 0.3, seed=3),
    "dropout_per_step": lambda cell: DropoutCell(cell, 0.3, 0.3, 0.3, per_step=True, seed=4),
    "zoneout": lambda cell: ZoneoutCell(cell, 0.3, seed=5),
    "residual": ResidualCell,
    "highway": HighwayCell,
    "weight_drop": lambda cell: WeightDropCell(cell, 0.3, seed=6),
    "stack": lambda cell: StackedRNNCells([SimpleRNNCell(UNITS, **FLOAT64), cell]),
}
ALL_CELLS, ALL_AROUND = st.sampled_from(list(CELLS)), st.sampled_from(list(AROUND))


@st.composite
def nestings(draw):
    """A function that makes a cell inside one to three others."""
    name = draw(ALL_CELLS)
    around = draw(st.lists(ALL_AROUND, min_size=1, max_size=3))
    around = [other for other in around if (name, other) != ("keras", "weight_drop")]

    def make():
        cell = CELLS[name]()
        for other in around:
            cell = AROUND[other](cell)
        return cell

    return make


def built(layer, seed=0):
    layer.build(SHAPE)
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


def parts_of(cell):
    return [type(part) for part in cell._flatten_layers()]


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(
    make=nestings(),
    mask=st.sampled_from(list(MASKS)),
    options=st.sampled_from([{}, {"recompute": 2}, {"truncation": (5, 5)}]),
    reverse=st.booleans(),
)
def test_the_written_out_gradient_of_a_nesting_is_that_of_autodiff(make, mask, options, reverse):
    layer = built(RNN(make(), return_sequences=True, go_backwards=reverse, **options))
    x = tf.constant(np.random.default_rng(1).normal(size=SHAPE))
    wanted = automatically_trained(layer, x, mask=MASKS[mask])
    with pytest.MonkeyPatch.context() as patch:
        taken = spy_on_written_out(patch)
        assert_close(trained_in_graph(layer, x, mask=MASKS[mask]), wanted)
    assert len(taken) == 1 or type(make()).__module__.startswith("keras.")


@settings(max_examples=3, deadline=None)
@given(make=nestings())
def test_a_nesting_in_two_directions_ignores_padding_and_draws_anew_in_training(make):
    x, mask = np.random.default_rng(1).normal(size=SHAPE), MASKS["right"]
    layer = built(Bidirectional(RNN(make(), return_sequences=True)))
    padded = np.where(mask[:, :, None], x, 1e3)
    whole = layer(x, mask=mask)
    np.testing.assert_array_equal(layer(padded, mask=mask), whole)
    for row, length in enumerate(mask.sum(axis=1)):
        alone = layer(x[row : row + 1, :length])
        assert_close([whole[row : row + 1, :length]], [alone])
    drawn = layer.forward_layer.cell.draw_noise if hasattr(make(), "draw_noise") else None
    first, second = (layer(x, mask=mask, training=True) for _ in range(2))
    if drawn is None or drawn(3, UNITS, 5) is None:
        assert_close([first], [second])
    else:
        assert np.abs(first - second).max() > 1e-6


@settings(max_examples=6, deadline=None)
@given(make=nestings())
def test_the_config_of_a_nesting_makes_an_equal_one(make):
    cell = make()
    again = type(cell).from_config(cell.get_config())
    assert parts_of(again) == parts_of(cell)
    assert again.get_config() == cell.get_config()
    layers = [RNN(one) for one in (cell, again)]
    for layer in layers:
        layer.build(SHAPE)
    layers[1].set_weights(layers[0].get_weights())
    x = np.random.default_rng(1).normal(size=SHAPE)
    first, second = (layer(x, training=True) for layer in layers)
    np.testing.assert_array_equal(first, second)


IDLE = {
    "dropout": DropoutCell,
    "zoneout": lambda cell: ZoneoutCell(cell, 0.0),
    "residual": ResidualCell,
    "highway": HighwayCell,
    "weight_drop": lambda cell: WeightDropCell(cell, 0.0),
    "stack": lambda cell: StackedRNNCells([cell]),
    "deep": lambda cell: DeepTransitionCell([cell]),
}


@pytest.mark.parametrize("name", IDLE)
def test_what_a_cell_inside_draws_is_what_it_would_draw_alone(name, rng):
    x, rates = rng.normal(size=SHAPE), {"dropout": 0.3, "recurrent_dropout": 0.3, "seed": 1}
    states = []
    for around in (lambda cell: cell, IDLE[name]):
        cell = GRUCell(UNITS, **rates, **FLOAT64)
        layer = RNN(around(cell), return_state=True)
        layer.build(SHAPE)
        cell.set_weights([np.sin(np.arange(w.size)).reshape(w.shape) for w in cell.get_weights()])
        states += layer(x, training=True)[1:]
    np.testing.assert_array_equal(states[0], tf.nest.flatten(states[1])[0])


def test_the_memory_passes_through_to_an_attention_cell(rng, monkeypatch):
    attention = BahdanauAttention(4, **FLOAT64)
    inner = AttentionCell(SimpleRNNCell(UNITS, **FLOAT64), attention, UNITS)
    inner.build((3, UNITS), (3, 4, 6))
    cell = inner
    for around in ("highway", "weight_drop", "zoneout", "dropout", "residual"):
        cell = AROUND[around](cell)
    layer = built(RNN(cell, return_sequences=True))
    values, keys = tf.constant(rng.normal(size=(3, 4, 6))), tf.constant(rng.normal(size=(3, 4, 4)))
    memory, x = Memory(values, keys, None), tf.constant(rng.normal(size=SHAPE))
    call = {"constants": {"memory": memory}, "mask": MASKS["left"]}
    output, _ = cell(x[:, 0], cell.get_initial_state(3, memory=memory), memory=memory)
    assert_close([layer(x, constants={"memory": memory})[:, 0]], [output])
    wanted = automatically_trained(layer, x, **call)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, **call), wanted)
    assert len(taken) == 1


def test_an_attention_cell_may_stand_around_them(rng):
    cell = DropoutCell(ZoneoutCell(GRUCell(UNITS), 0.5, seed=1), 0.5, per_step=True, seed=2)
    cell = AttentionCell(cell, BahdanauAttention(4), UNITS)
    cell.build((3, UNITS), (3, 4, 6))
    memory = cell.attention.memory(tf.constant(rng.normal(size=(3, 4, 6)), "float32"))
    x, layer = rng.normal(size=SHAPE), RNN(cell, return_sequences=True)
    first, second = (layer(x, constants={"memory": memory}, training=True) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dropout", "zoneout", "highway"])
def test_a_dropping_cell_of_keras_inside_draws_anew_each_call(name, rng):
    theirs = keras.layers.GRUCell(UNITS, dropout=0.5, recurrent_dropout=0.5, seed=1, **FLOAT64)
    plain = keras.layers.GRUCell(UNITS, **FLOAT64)
    layer, bare = (built(RNN(AROUND[name](one), return_sequences=True)) for one in (theirs, plain))
    x = tf.constant(rng.normal(size=SHAPE))
    first, second = (trained(layer, x) for _ in range(2))
    assert np.abs(first[0] - second[0]).max() > 1e-3
    assert_close([layer(x)], [bare(x)])
    trained_in_graph(layer, x)
    assert_close([layer(x)], [bare(x)])


@pytest.mark.slow
def test_xla_trains_a_nesting(rng):
    cell = ResidualCell(ZoneoutCell(WeightDropCell(SimpleRNNCell(UNITS), 0.3), 0.3))
    layer = RNN(cell, return_sequences=True)
    x = tf.constant(rng.normal(size=SHAPE), "float32")
    layer(x)
    outputs, *gradients = tf.function(trained, jit_compile=True)(layer, x)
    assert outputs.shape == SHAPE
    assert all(np.any(gradient) and np.all(np.isfinite(gradient)) for gradient in gradients)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", ["zoneout", "highway", "weight_drop"])
def test_mixed_precision_keeps_the_type(name, policy, rng):
    cell = AROUND[name](LSTMCell(UNITS, dtype=policy))
    layer = RNN(DropoutCell(cell, 0.3, per_step=True), return_sequences=True, return_state=True)
    for training in (False, True):
        tensors = tf.nest.flatten(layer(rng.normal(size=SHAPE), training=training))
        assert {tensor.dtype.name for tensor in tensors} == {policy.removeprefix("mixed_")}
        assert all(np.all(np.isfinite(tf.cast(tensor, "float32"))) for tensor in tensors)
    assert all(weight.dtype == "float32" for weight in layer.trainable_weights)


@pytest.mark.parametrize("around", [DropoutCell, ResidualCell, HighwayCell])
@pytest.mark.parametrize("no_cell", [3, "lstm", keras.layers.Dense(3), object()])
def test_what_is_no_cell_is_refused(around, no_cell):
    with pytest.raises(ValueError, match=rf"`{around.__name__}` needs a cell with .*`state_size`"):
        around(no_cell)


@pytest.mark.parametrize("around", [ZoneoutCell, WeightDropCell])
def test_what_is_no_cell_is_refused_beside_a_rate(around):
    for no_cell, message in ((3, "a cell with"), (keras.layers.LSTM(3), "a cell, one step")):
        with pytest.raises(ValueError, match=f"`{around.__name__}` needs {message}"):
            around(no_cell, 0.5)
