"""The scan against a loop in Python, and gradients through it against finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.cells import gru_step, lstm_step, run, simple_step, with_weights
from reference.twins import MASKS, assert_equal

from keras_rnn import GRU, LSTM, SimpleRNN
from keras_rnn.scan import scan

SIZE = 3


def numpy_step(x, states):
    """Mix two states of two sizes, of which neither is the output."""
    a, b = states
    output = np.tanh(x + 2 * a - b[:, :1])
    return output, [a * 0.5 + output * x, b + x[:, :2]]


def tensor_step(inputs, states):
    """Do the same with states in a structure, and the input in two parts."""
    left, right = inputs["parts"]
    a, b = states["a"], states["others"][0]
    output = tf.tanh(left + right + 2 * a - b[:, :1])
    x = left + right
    return output, {"a": a * 0.5 + output * x, "others": [b + x[:, :2]]}


def scan_both(x, states, mask, **options):
    a, b = (tf.constant(state) for state in states)
    result = scan(
        tensor_step,
        {"parts": (tf.constant(x * 0.25), tf.constant(x * 0.75))},
        {"a": a, "others": [b]},
        tf.zeros((x.shape[0], SIZE), "float64"),
        mask=mask,
        **options,
    )
    return result, [result.last_output, result.states["a"], result.states["others"][0]]


flags = st.booleans()


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    time=st.integers(1, 5),
    masked=flags,
    reverse=flags,
    unroll=flags,
    zero_output=flags,
    keep_outputs=flags,
    seed=st.integers(0, 999),
)
def test_a_scan_is_a_loop(batch, time, masked, reverse, unroll, zero_output, keep_outputs, seed):
    rng = np.random.default_rng(seed)
    x, states = rng.normal(size=(batch, time, SIZE)), [rng.normal(size=(batch, s)) for s in (3, 2)]
    mask = rng.random(size=(batch, time)) < 0.6 if masked else None
    result, last = scan_both(
        x,
        states,
        mask,
        reverse=reverse,
        unroll=unroll,
        zero_output_for_mask=zero_output,
        keep_outputs=keep_outputs,
    )
    outputs, last_output, last_states = run(numpy_step, x, states, mask, reverse, zero_output)
    assert_equal(last, [last_output, *last_states])
    if keep_outputs:
        assert_equal([result.outputs], [outputs])
    else:
        assert result.outputs is None


def test_a_mask_of_numbers_counts_as_true_where_not_zero(rng):
    x, states = rng.normal(size=(3, 5, SIZE)), [rng.normal(size=(3, s)) for s in (3, 2)]
    mask = MASKS["holes"]
    assert_equal(scan_both(x, states, mask)[1], scan_both(x, states, 1.0 * mask)[1])


def test_the_type_of_the_states_is_kept_apart_from_that_of_the_outputs():
    def count(inputs, states):
        return inputs, [states[0] + 1]

    x = tf.ones((2, 4, 1))
    result = scan(count, x, [tf.zeros((2,), "int32")], x[:, 0], mask=[[True] * 4, [False] * 4])
    assert result.states[0].numpy().tolist() == [4, 0]


def test_what_is_not_a_number_at_padding_stays_there(rng):
    x, mask = rng.normal(size=(3, 5, SIZE)), MASKS["right"]
    states = [rng.normal(size=(3, s)) for s in (3, 2)]
    spoilt = np.where(mask[..., None], x, np.nan)
    assert_equal(scan_both(spoilt, states, mask)[1], scan_both(x, states, mask)[1])


CELLS = {
    "simple": (SimpleRNN, simple_step, {}),
    "gru_after": (GRU, gru_step, {"reset_after": True}),
    "gru_before": (GRU, gru_step, {"reset_after": False}),
    "lstm": (LSTM, lstm_step, {}),
}


def slope(function, tensors, index, direction, step=1e-5):
    """Return the central difference of `function` in one direction of one of its arguments."""
    ahead, behind = list(tensors), list(tensors)
    ahead[index] = tensors[index] + step * direction
    behind[index] = tensors[index] - step * direction
    return (function(*ahead) - function(*behind)) / (2 * step)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_equals_finite_differences_of_numpy(name, go_backwards, rng):
    layer_class, step, options = CELLS[name]
    settings_of_layer = {"return_sequences": True, "return_state": True, "dtype": "float64"}
    layer = layer_class(4, go_backwards=go_backwards, **settings_of_layer, **options)
    x, mask = rng.normal(size=(3, 5, 2)), MASKS["holes"]
    layer.build(x.shape)
    weights = [rng.normal(size=weight.shape) for weight in layer.weights]
    layer.set_weights(weights)
    states = [rng.normal(size=(3, 4)) for _ in layer.get_initial_state(3)]
    weighting = [rng.normal(size=(3, 5, 4)), *(rng.normal(size=(3, 4)) for _ in states)]

    def loss(x, *rest):
        given_states, given_weights = rest[: len(states)], rest[len(states) :]
        oracle = with_weights(step, given_weights, **options)
        outputs, _, last = run(oracle, x, given_states, mask, reverse=go_backwards)
        return sum(np.sum(w * o) for w, o in zip(weighting, [outputs, *last], strict=True))

    variables = [tf.constant(value) for value in (x, *states)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        results = layer(variables[0], initial_state=variables[1:], mask=mask)
        total = tf.add_n([tf.reduce_sum(w * r) for w, r in zip(weighting, results, strict=True)])
    gradients = tape.gradient(total, [*variables, *layer.trainable_weights])
    tensors = [x, *states, *weights]
    np.testing.assert_allclose(total, loss(*tensors), rtol=1e-9)
    for index, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        expected = slope(loss, tensors, index, direction)
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-5, atol=1e-7)


def test_no_gradient_reaches_masked_steps(rng):
    layer, mask = LSTM(4, return_sequences=True), MASKS["holes"]
    x = keras.ops.convert_to_tensor(rng.normal(size=(3, 5, 2)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, mask=mask) ** 2)
    gradient = tape.gradient(loss, x).numpy()
    np.testing.assert_array_equal(gradient[~mask], 0)
    assert np.all(np.abs(gradient[mask]).max(axis=-1) > 0)
