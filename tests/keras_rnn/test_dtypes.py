"""Layers under each dtype policy, and cells of another type than their layer."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.addons_configs import CONFIGS, of_tensorflow_2_11, of_tensorflow_2_13
from reference.twins import (
    MASKS,
    assert_equal,
    give_random_weights,
    outputs_and_gradients,
    twins,
)

from keras_rnn import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    MinGRU,
    RecurrentCell,
    ResidualCell,
    SimpleRNN,
    StackedRNN,
)

SHAPE = (3, 5, 4)
NAMED = [SimpleRNN, GRU, LSTM]


@pytest.mark.slow
@pytest.mark.parametrize("layer_class", NAMED)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_each_dtype_policy_computes_what_float32_does(layer_class, policy, rng):
    layer = layer_class(3, dtype=policy, return_sequences=True, return_state=True, dropout=0.5)
    usual = layer_class(3, return_sequences=True, return_state=True)
    twins(layer, usual, SHAPE, rng)
    x, mask = rng.normal(size=SHAPE), MASKS["holes"]
    outputs = layer(x, mask=mask)
    tolerance = {"float64": 1e-5}.get(policy, 0.05 if policy == "mixed_bfloat16" else 0.01)
    for output, wanted in zip(outputs, usual(x, mask=mask), strict=True):
        assert output.dtype == layer.compute_dtype
        np.testing.assert_allclose(tf.cast(output, "float32"), wanted, atol=tolerance)
    assert layer(x, mask=mask, training=True)[0].dtype == layer.compute_dtype


def test_a_layer_takes_the_dtype_of_what_it_is_made_of(rng):
    x = rng.normal(size=SHAPE)
    for policy in ("float64", "mixed_float16"):
        cells = [LSTMCell(3, dtype=policy), GRUCell(2, dtype=policy)]
        lstm = LSTM(3, dtype=policy, return_sequences=True)
        layers = [RNN(cells[0]), RNN(cells), Bidirectional(lstm), StackedRNN([lstm])]
        for layer in layers:
            assert layer(x).dtype == layer.compute_dtype == lstm.compute_dtype


@pytest.mark.parametrize(
    ("cell_class", "dtype"),
    [
        (LSTMCell, "mixed_float16"),
        (keras.layers.LSTMCell, "float64"),
        pytest.param(LSTMCell, "float64", marks=pytest.mark.slow),
        pytest.param(keras.layers.LSTMCell, "mixed_float16", marks=pytest.mark.slow),
    ],
)
def test_a_cell_computes_in_its_own_dtype_and_the_layer_casts(cell_class, dtype, rng):
    options = {"return_sequences": True, "return_state": True}
    layer, usual = (RNN(cell_class(3), **own, **options) for own in ({"dtype": dtype}, {}))
    twins(layer, usual, SHAPE, rng)
    x = np.float16(rng.normal(size=SHAPE))
    train = tf.function(lambda: outputs_and_gradients(layer, x, training=True))
    for outputs, gradients in (train(), outputs_and_gradients(layer, x)):
        assert {tensor.dtype for tensor in outputs} == {tf.as_dtype(layer.compute_dtype)}
        wanted, of_usual = outputs_and_gradients(usual, x)
        assert_equal(outputs, wanted, atol=1e-3)
        assert_equal(gradients, of_usual, rtol=1e-2, atol=1e-2)


class AddingCell(RecurrentCell):
    state_size = output_size = 1

    def step(self, projected, states, training=False):
        total = states[0] + projected
        return total, [total]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_small_changes_add_up_in_states_of_single_precision(dtype, training):
    x = np.full((1, 4000, 1), 2.0**-10, "float32")

    def run(**options):
        layer = RNN(AddingCell(dtype=dtype), return_state=True, **options)
        return tf.function(lambda x: layer(x, training=training))(x)

    total, state = run(state_dtype="float32")
    assert (total.dtype.name, state.dtype.name) == (dtype.removeprefix("mixed_"), "float32")
    assert float(state[0, 0]) == 4000 / 1024
    assert float(run()[0][0, 0]) <= 2


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_products_stay_in_half_precision_where_states_are_in_single(make, rng):
    x = rng.normal(size=(3, 5, 4)).astype("float32")
    half = make(6, dtype="mixed_float16", state_dtype="float32", return_sequences=True)
    single = make(6, return_sequences=True)
    half(x), single(x)
    half.set_weights(give_random_weights(single, rng).get_weights())

    @tf.function
    def train(layer):
        with tf.GradientTape() as tape:
            outputs = tf.cast(layer(x, training=True), "float32")
            loss = tf.reduce_sum(outputs**2)
        return outputs, *tape.gradient(loss, layer.trainable_weights)

    graph = train.get_concrete_function(half).graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    types = {node.attr["T"].type for node in nodes if node.op == "MatMul"}
    assert types == {tf.float16.as_datatype_enum}
    for one, other in zip(train(half), train.python_function(single), strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02 * np.abs(other).max())


def test_all_steps_at_once_keep_states_in_their_type_as_the_loop_does(rng):
    x = rng.normal(size=(2, 64, 3)).astype("float32")
    options = {"dtype": "mixed_bfloat16", "state_dtype": "float32", "return_state": True}
    at_once, loop = (MinGRU(4, **options, parallel=parallel) for parallel in (True, False))
    at_once(x), loop(x)
    loop.set_weights(at_once.get_weights())
    (_, state), (_, wanted) = at_once(x), loop(x)
    np.testing.assert_allclose(state, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_states_that_are_kept_or_symbolic_have_their_type(dtype, rng):
    layer = LSTM(4, dtype=dtype, state_dtype="float32", stateful=True, return_state=True)
    inputs = keras.Input(batch_shape=(2, 5, 3))
    symbolic = layer(inputs)
    assert [tensor.dtype for tensor in symbolic[1:]] == ["float32"] * 2
    assert symbolic[0].dtype == layer.compute_dtype
    _, h, c = layer(rng.normal(size=(2, 5, 3)))
    np.testing.assert_array_equal(layer.states[0], h)
    np.testing.assert_array_equal(layer.states[1], c)
    assert layer.states[0].dtype == h.dtype == "float32"


def test_a_type_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"needs `state_dtype` to be one of .*\n?.*'float8'"):
        LSTM(3, state_dtype="float8")
    for cell in (keras.layers.LSTMCell(3), ResidualCell(keras.layers.LSTMCell(3))):
        with pytest.raises(ValueError, match=r"needs a cell with `project` and `step`, and such"):
            RNN(cell, state_dtype="float32")
    config = LSTM(3, state_dtype="float32").get_config()
    assert LSTM.from_config(config).state_dtype == "float32"
    assert "state_dtype" not in LSTM(3).get_config()


@pytest.mark.parametrize(
    ("own", "usual"), [("mixed_float16", "float32"), ("float32", "mixed_bfloat16")]
)
def test_a_layer_that_is_entered_by_call_computes_in_its_own_type(own, usual, rng):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(usual)
    try:
        layer = LSTM(3, dtype=own)
        x = rng.integers(-2, 3, size=(2, 3, 5, 4)).astype("float32")  # the same in any type
        found = keras.layers.TimeDistributed(layer)(x)
    finally:
        keras.config.set_dtype_policy(before)
    expected = [layer(x[:, index]) for index in range(3)]
    np.testing.assert_array_equal(found, np.stack(expected, axis=1))


def test_cells_of_unlike_types_in_one_stack_are_refused():
    with pytest.raises(ValueError, match=r"same `compute_dtype` in both of its parts. .*float16"):
        RNN([GRUCell(4, dtype="mixed_float16"), LSTMCell(3)])


def test_a_kept_state_is_not_rounded_on_its_way_to_the_next_call():
    layer = GRU(3, dtype="mixed_float16", state_dtype="float32", stateful=True)
    layer.build((2, 5, 4))
    given = np.full((2, 3), 1.0001, "float32")  # In half precision this is one.
    layer.reset_state([given])
    layer(tf.zeros((2, 5, 4)), mask=tf.zeros((2, 5), bool))
    np.testing.assert_array_equal(layer.states[0], given)


@pytest.mark.parametrize("further", [{}, {"module": "keras.mixed_precision"}])
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("form", [of_tensorflow_2_11, of_tensorflow_2_13])
def test_a_config_with_a_policy_of_keras_2_makes_the_cell(name, form, further):
    written = form(name)
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}, **further}
    written["config"] = {**written["config"], "dtype": policy}
    cell = keras.saving.deserialize_keras_object(json.loads(json.dumps(written)))
    assert (cell.compute_dtype, cell.variable_dtype) == ("float16", "float32")
