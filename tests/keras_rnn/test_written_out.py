"""The backward pass that is written out, against automatic and finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import contract_cells
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained,
    trained_in_graph,
    weighted,
)
from reference.twins import MASKS

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    GRUCell,
    LayerNormLSTMCell,
    LSTMCell,
    Memory,
    SimpleRNNCell,
    StackedRNNCells,
)

SHAPE = (3, 5, 2)
DROPOUT = {"dropout": 0.5, "recurrent_dropout": 0.5, "seed": 1}
CELLS = {
    "simple_tanh": lambda: SimpleRNNCell(3, dtype="float64"),
    "simple_sigmoid": lambda: SimpleRNNCell(3, "sigmoid", dtype="float64", **DROPOUT),
    "gru_after": lambda: GRUCell(3, dtype="float64"),
    "gru_before": lambda: GRUCell(3, reset_after=False, use_bias=False, dtype="float64"),
    "gru_dropped": lambda: GRUCell(3, reset_after=False, dtype="float64", **DROPOUT),
    "lstm": lambda: LSTMCell(3, dtype="float64"),
    "lstm_dropped": lambda: LSTMCell(3, activation="swish", dtype="float64", **DROPOUT),
    "stack": lambda: StackedRNNCells(
        [
            GRUCell(4, dtype="float64", **DROPOUT),
            contract_cells.PeepholeCell(dtype="float64"),
            LSTMCell(3, dtype="float64"),
        ]
    ),
    "layer_norm_lstm": lambda: LayerNormLSTMCell(3, dtype="float64"),
    **{
        name: lambda name=name: getattr(contract_cells, name)(dtype="float64")
        for name in (
            "PeepholeCell",
            "SeveralKernelsCell",
            "WeightNormalisedCell",
            "HyperCell",
            "NestedCell",
            "CountingCell",
            "SeededCell",
            "DropConnectCell",
            "AutonomousCell",
            "ForgetfulCell",
        )
    },
}
MASKED = [name for name in MASKS if name != "none"]


def layer_around(cell, rng, **options):
    layer = RNN(cell, **options)
    layer.build(SHAPE)
    weights = [w for w in layer.weights if w.dtype == "float64"]
    for weight in weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


def random_states(layer, rng):
    def of_zeros(zeros):
        values = rng.normal(size=zeros.shape)
        return tf.cast(tf.constant(values if zeros.dtype.is_floating else values * 3), zeros.dtype)

    return tf.nest.map_structure(of_zeros, layer.get_initial_state(SHAPE[0]))


def assert_equal_ways(layer, x, monkeypatch, **call_arguments):
    wanted = automatically_trained(layer, x, **call_arguments)
    taken = spy_on_written_out(monkeypatch)
    found = trained_in_graph(layer, x, **call_arguments)
    assert len(taken) == 1
    assert_close(found, wanted)


@pytest.mark.slow  # In the default run the next test does it under a mask.
@pytest.mark.parametrize("name", CELLS)
def test_both_ways_back_give_equal_gradients(name, rng, monkeypatch):
    layer = layer_around(CELLS[name](), rng, return_sequences=True, return_state=True)
    x = tf.constant(rng.normal(size=SHAPE))
    assert_equal_ways(layer, x, monkeypatch, initial_state=random_states(layer, rng))


@pytest.mark.parametrize(
    "number",
    # The conformance suite holds each cell to this; here options and masks are what varies.
    [n if n % 2 else pytest.param(n, marks=pytest.mark.slow) for n in range(len(CELLS))],
)
def test_both_ways_back_give_equal_gradients_under_a_mask(number, rng, monkeypatch):
    layer = layer_around(
        list(CELLS.values())[number](),
        rng,
        return_sequences=number % 3 != 0,
        return_state=number % 5 != 0,
        go_backwards=number % 2 == 0,
        zero_output_for_mask=number // 2 % 2 == 0,
    )
    x, mask = tf.constant(rng.normal(size=SHAPE)), MASKS[MASKED[number % len(MASKED)]]
    states = random_states(layer, rng)
    assert_equal_ways(layer, x, monkeypatch, initial_state=states, mask=mask)


flags = st.booleans()


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    mask=st.sampled_from(list(MASKS)),
    options=st.fixed_dictionaries(
        {
            "return_sequences": flags,
            "return_state": flags,
            "go_backwards": flags,
            "zero_output_for_mask": flags,
        }
    ),
    gives_states=flags,
    rate=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 99),
)
def test_both_ways_back_agree_whatever_the_options(mask, options, gives_states, rate, seed):
    rng = np.random.default_rng(seed)
    cell = LSTMCell(3, dtype="float64", dropout=rate, recurrent_dropout=rate, seed=seed)
    layer = layer_around(cell, rng, **options)
    call = {"mask": MASKS[mask]} | (
        {"initial_state": random_states(layer, rng)} if gives_states else {}
    )
    x = tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, **call)
    assert_close(trained_in_graph(layer, x, **call), wanted)


@pytest.mark.parametrize("input_feeding", [pytest.param(True, marks=pytest.mark.slow), False])
def test_the_gradient_of_a_memory_is_that_of_automatic_differentiation(
    input_feeding, rng, monkeypatch
):
    attention = BahdanauAttention(4, dtype="float64")
    cell = AttentionCell(LSTMCell(3, dtype="float64", **DROPOUT), attention, 3, input_feeding)
    cell.build((3, 2), (3, 4, 6))
    layer = layer_around(cell, rng, return_sequences=True)
    values, keys = tf.constant(rng.normal(size=(3, 4, 6))), tf.constant(rng.normal(size=(3, 4, 4)))
    memory = Memory(values, keys, tf.constant(MASKS["right"][:, :4]))
    states = [*cell.get_initial_state(3, memory)]
    x, mask = tf.constant(rng.normal(size=SHAPE)), MASKS["left"]
    call = {"constants": {"memory": memory}, "initial_state": states, "mask": mask}
    assert_equal_ways(layer, x, monkeypatch, **call)


def test_a_constant_may_be_a_kernel(rng, monkeypatch):
    layer = layer_around(contract_cells.MemoryCell(dtype="float64"), rng)
    rows, scale = tf.constant(rng.normal(size=(4, 3))), tf.constant(rng.normal(size=3))
    constants = {"memory": {"rows": rows, "scale": scale}}
    x = tf.constant(rng.normal(size=SHAPE))
    assert_equal_ways(layer, x, monkeypatch, constants=constants, mask=MASKS["holes"])


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("simple_tanh", "gru_before")),
        *("lstm", "SeveralKernelsCell"),
    ],
)
def test_finite_differences_confirm_the_written_out_gradient(name, rng):
    layer = layer_around(CELLS[name](), rng, return_sequences=True, return_state=True)
    states, x = random_states(layer, rng), tf.constant(rng.normal(size=SHAPE))
    mask, flat = MASKS["holes"], tf.nest.flatten(states)
    found = trained_in_graph(layer, x, initial_state=states, mask=mask)
    gradients = found[1 + len(flat) :]
    values = [x, *flat, *(tf.constant(weight.numpy()) for weight in layer.trainable_weights)]

    @tf.function(autograph=False)
    def loss(values):
        given_states = tf.nest.pack_sequence_as(states, values[1 : 1 + len(flat)])
        for weight, value in zip(layer.trainable_weights, values[1 + len(flat) :], strict=True):
            weight.assign(value)
        return weighted(layer(values[0], initial_state=given_states, mask=mask))

    for index, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        ahead, behind = list(values), list(values)
        ahead[index] = values[index] + 1e-5 * direction
        behind[index] = values[index] - 1e-5 * direction
        slope = (loss(ahead) - loss(behind)) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-8)


def test_a_layer_called_twice_in_one_tape_gets_both_gradients(rng, monkeypatch):
    layer = layer_around(CELLS["lstm"](), rng, return_sequences=True, return_state=True)
    twin = RNN(layer.cell, unroll=True, return_sequences=True, return_state=True)
    x = tf.constant(rng.normal(size=SHAPE))

    def twice(layer, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs, *states = layer(x, training=True)
            loss = weighted(layer(x[:2, ::-1] + outputs[:2, :, :2], training=True)) + weighted(
                layer(x[:, :3], initial_state=states, training=True)
            )
        return tape.gradient(loss, [x, *layer.trainable_weights])

    wanted = twice(twin, x)
    taken = spy_on_written_out(monkeypatch)
    assert_close(tf.function(twice, autograph=False)(layer, x), wanted)
    assert len(taken) == 3


def test_a_mask_of_dropout_is_one_and_the_same_on_the_way_back_and_new_each_call(rng):
    layer = RNN(LSTMCell(3, recurrent_dropout=0.5, dropout=0.5, dtype="float64", seed=1))
    layer.build(SHAPE)
    x = tf.constant(rng.normal(size=SHAPE))
    step = tf.function(lambda x: trained(layer, x))
    (first, d_first, *_), (second, d_second, *_) = step(x), step(x)
    dropped = [np.all(d == 0, axis=1) for d in (d_first, d_second)]
    assert np.abs(first - second).max() > 1e-6
    assert not np.array_equal(*dropped)
    assert all(one.any() for one in dropped)


def test_without_training_nothing_is_kept(rng, monkeypatch):
    layer = layer_around(CELLS["lstm"](), rng)
    taken = spy_on_written_out(monkeypatch)
    output = tf.function(layer)(tf.constant(rng.normal(size=SHAPE)))
    assert output.shape == (3, 3)
    assert not taken
