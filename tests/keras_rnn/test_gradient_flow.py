"""The terms of backpropagation through time: they add up, and are the textbook's."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference import textbook
from reference.twins import give_random_weights

from keras_rnn import (
    GRU,
    LSTM,
    RNN,
    AttentionCell,
    BahdanauAttention,
    Bidirectional,
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNN,
    gradient_flow,
)

BATCH, TIME, FEATURES, UNITS = 2, 6, 3, 4
SHAPE = (BATCH, TIME, FEATURES)


class OddCell(RecurrentCell):
    """A cell whose output is no state, and whose states have other ranks and types."""

    state_size = (2, 1, 1)
    output_size = 3

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1], 6), name="kernel")
        self.output_kernel = self.add_weight((6, 3), name="output_kernel")
        self.unused = self.add_weight((2,), name="unused")

    def get_initial_state(self, batch_size=None):
        counts = tf.ones((batch_size, 1), "int32")
        return [
            tf.ones((batch_size, 2, 3), "float64"),
            tf.zeros((batch_size, 1), "float64"),
            counts,
        ]

    def step(self, projected, states, training=False):
        grid, last, count = states
        rows = tf.reshape(tf.matmul(projected, self.kernel), tf.shape(grid))
        new = tf.tanh(rows + grid * last[:, None] / tf.cast(count, "float64")[:, None])
        output = tf.matmul(tf.reshape(grid, (-1, 6)) + projected[:, :1], self.output_kernel)
        return output, [new, tf.reduce_sum(new, axis=(1, 2))[:, None], count + 1]


LAYERS = {
    "simple": lambda **options: SimpleRNN(UNITS, **options),
    "gru_after": lambda **options: GRU(UNITS, reset_after=True, **options),
    "gru_before": lambda **options: GRU(UNITS, reset_after=False, **options),
    "lstm": lambda **options: LSTM(UNITS, **options),
    "backwards": lambda **options: GRU(UNITS, go_backwards=True, dropout=0.5, **options),
    "stack": lambda **options: RNN([GRUCell(2, **options), LSTMCell(UNITS, **options)]),
    "keras": lambda **options: RNN(keras.layers.LSTMCell(UNITS, **options), **options),
    "odd": lambda **options: RNN(OddCell(**options), **options),
}


def make(name, rng, **options):
    layer = LAYERS[name](**{"dtype": "float64", **options})
    layer.return_sequences = True
    layer.build(SHAPE)
    return give_random_weights(layer, rng)


def random_loss(rng, size=UNITS, dtype="float64"):
    """Return a loss by way of an output layer, with another weight at each step."""
    output = keras.layers.Dense(5, activation="tanh", dtype=dtype)
    output.build((None, size))
    weighting = tf.constant(rng.normal(size=(BATCH, TIME)), dtype)
    return lambda outputs: weighting * tf.reduce_sum(output(outputs) ** 2, axis=-1)


def of_the_tape(layer, inputs, loss, **arguments):
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(layer(inputs, **arguments)))
    weights = [weight.value for weight in layer.cell.trainable_weights]
    return tape.gradient(total, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def assert_adds_up(flow, gradients, tolerance=1e-10):
    assert len(flow.terms) == len(flow.names) == len(gradients)
    for terms, gradient in zip(flow.terms, gradients, strict=True):
        scale = np.abs(gradient).max() + 1
        np.testing.assert_allclose(terms.sum(axis=0) / scale, gradient / scale, atol=tolerance)


@pytest.mark.parametrize("name", LAYERS)
def test_the_terms_add_up_to_the_gradient_of_the_tape(name, rng):
    layer, inputs = make(name, rng), tf.constant(rng.normal(size=SHAPE))
    loss = random_loss(rng, layer.compute_output_shape(SHAPE)[-1])
    flow = gradient_flow(layer, inputs, loss)
    assert_adds_up(flow, of_the_tape(layer, inputs, loss))
    assert flow.names == tuple(weight.path for weight in layer.cell.trainable_weights)
    assert flow.total[-1, 1] > 0


def test_single_precision_adds_up_too(rng):
    layer, inputs = make("lstm", rng, dtype="float32"), rng.normal(size=SHAPE).astype("float32")
    loss = random_loss(rng, dtype="float32")
    assert_adds_up(gradient_flow(layer, inputs, loss), of_the_tape(layer, inputs, loss), 1e-5)


def test_mixed_precision_is_computed_in_the_type_of_the_weights(rng):
    inputs = rng.normal(size=SHAPE).astype("float32")
    plain, mixed = (make("lstm", rng, dtype=dtype) for dtype in ("float32", "mixed_float16"))
    mixed.set_weights(plain.get_weights())
    flows = [gradient_flow(layer, inputs, lambda outputs: outputs**2) for layer in (plain, mixed)]
    np.testing.assert_allclose(flows[1].total, flows[0].total, rtol=1e-5)


def test_a_stateful_layer_starts_where_it_stands_and_stays_there(rng):
    layer, inputs = make("lstm", rng, stateful=True), tf.constant(rng.normal(size=SHAPE))
    loss = random_loss(rng)
    layer(inputs)
    before = [state.numpy() for state in layer.states]
    flow = gradient_flow(layer, inputs, loss)
    np.testing.assert_array_equal(layer.states, before)
    assert_adds_up(flow, of_the_tape(layer, inputs, loss))


@pytest.mark.parametrize("is_prepared", [False, True])
def test_an_attention_cell_takes_its_memory_as_a_constant(is_prepared, rng):
    attention = BahdanauAttention(3, dtype="float64")
    layer = RNN(AttentionCell(GRUCell(2, dtype="float64"), attention, UNITS), return_sequences=True)
    values, inputs = rng.normal(size=(BATCH, 7, 2)), tf.constant(rng.normal(size=SHAPE))
    constants, loss = {"memory": tf.constant(values)}, random_loss(rng)
    flow = gradient_flow(layer, inputs, loss, constants=constants)
    if is_prepared:
        constants = {"memory": attention.memory(values)}
        flow = gradient_flow(layer, inputs, loss, constants=constants)
    wanted = of_the_tape(layer, inputs, loss, constants=constants)
    assert_adds_up(flow, wanted)
    assert any(not np.any(gradient) for gradient in wanted) == is_prepared


@pytest.mark.parametrize("f", ["tanh", "sigmoid"])
def test_each_factor_and_each_term_is_that_of_the_textbook(f, rng):
    layer, x = make("simple", rng, activation=f), rng.normal(size=SHAPE)
    params = [weight.T for weight in layer.get_weights()]
    target = rng.normal(size=(BATCH, TIME, UNITS))
    flow = gradient_flow(layer, x, lambda outputs: (outputs - target) ** 2)
    states = [textbook.states_of(sequence, params, f) for sequence in x]
    seeds = [2 * (s[1:] - wanted) for s, wanted in zip(states, target, strict=True)]
    for t in range(1, TIME + 1):
        for k in range(1, t + 1):
            products = [textbook.factors(s, params, f, t, k) for s in states]
            pulled = [seed[t - 1] @ p for seed, p in zip(seeds, products, strict=True)]
            at = (t - 1, k - 1)
            np.testing.assert_allclose(flow.state_gradients[at], np.linalg.norm(pulled))
            largest = max(np.linalg.norm(product, 2) for product in products)
            np.testing.assert_allclose(flow.jacobians[at], largest)
            three = zip(x, states, seeds, strict=True)
            parts = [textbook.term(*some[:2], some[2][t - 1], params, f, t, k)[0] for some in three]
            norms = [np.linalg.norm(sum(part)) for part in zip(*parts, strict=True)]
            np.testing.assert_allclose([norm[at] for norm in flow.term_norms], norms)
            np.testing.assert_allclose(flow.total[at], np.linalg.norm(norms))
    # Of d+s_k/db, the entries are those of diag(f'(a_k)).
    slopes = [textbook.ACTIVATIONS[f][1](s[1:]) for s in states]
    np.testing.assert_allclose(flow.immediate[2], np.linalg.norm(slopes, axis=(0, 2)))


def test_the_terms_of_a_lag_are_those_that_far_apart(rng):
    layer, x = make("simple", rng), rng.normal(size=(1, TIME, FEATURES))
    params = [weight.T for weight in layer.get_weights()]
    flow = gradient_flow(layer, x, lambda outputs: outputs)
    s, seed = textbook.states_of(x[0], params, "tanh"), np.ones(UNITS)
    for lag in range(TIME):
        pairs = [(t, t - lag) for t in range(lag + 1, TIME + 1)]
        added = sum(textbook.term(x[0], s, seed, params, "tanh", *pair)[0][1] for pair in pairs)
        np.testing.assert_allclose(flow.terms[1][lag], added.T)


@pytest.mark.parametrize("name", ["lstm", pytest.param("stack", marks=pytest.mark.slow)])
def test_no_term_is_larger_than_the_product_of_its_factors(name, rng):
    flow = gradient_flow(make(name, rng), rng.normal(size=SHAPE), random_loss(rng))
    bound = np.diagonal(flow.state_gradients)[:, None] * flow.jacobians
    assert np.all(flow.state_gradients <= bound + 1e-12)
    for norms, immediate in zip(flow.term_norms, flow.immediate, strict=True):
        assert np.all(norms <= bound * immediate + 1e-12)


def test_a_mean_by_lag_counts_only_steps_with_a_loss(rng):
    layer, x = make("simple", rng), rng.normal(size=SHAPE)
    flow = gradient_flow(layer, x, lambda outputs: outputs[:, -1])
    np.testing.assert_allclose(flow.by_lag(flow.jacobians), flow.jacobians[-1, ::-1])
    flow = gradient_flow(layer, x, lambda outputs: tf.gather(outputs, [2, 3], axis=1))
    jacobians = flow.jacobians
    expected = (jacobians[2, 1] + jacobians[3, 2]) / 2
    means = flow.by_lag(jacobians)
    np.testing.assert_allclose(means[[1, 3]], [expected, jacobians[3, 0]])
    assert np.isnan(means[4:]).all()


def test_no_sequences_and_no_weights_have_no_terms(rng):
    layer = make("lstm", rng)
    flow = gradient_flow(layer, np.zeros((0, TIME, FEATURES)), lambda outputs: outputs)
    assert not flow.total.any()
    layer.cell.trainable = False
    flow = gradient_flow(layer, rng.normal(size=SHAPE), lambda outputs: outputs)
    assert flow.names == flow.terms == ()
    assert flow.total.shape == (TIME, TIME)


def test_what_overflows_is_infinite(rng):
    layer = make("simple", rng, activation="linear")
    layer.cell.recurrent_kernel.assign(1e200 * np.eye(UNITS))
    with np.errstate(all="ignore"):
        flow = gradient_flow(layer, np.zeros(SHAPE), lambda outputs: outputs)
    np.testing.assert_allclose(flow.jacobians[1, 0], 1e200)
    assert flow.jacobians[2, 0] == np.inf


def masked(rng):
    embedded = keras.layers.Embedding(5, FEATURES, mask_zero=True)(np.array([[1, 2, 0]]))
    return LSTM(2), embedded, lambda outputs: outputs


REFUSED = {
    "a layer of two directions": (
        lambda rng: (Bidirectional(LSTM(2)), np.zeros(SHAPE), tf.identity),
        r"needs a recurrent layer of `keras_rnn`.*Received: <Bidirectional.*forward_layer",
    ),
    "a cell": (
        lambda rng: (LSTMCell(2), np.zeros(SHAPE), tf.identity),
        r"needs a recurrent layer of `keras_rnn`.*Received: <LSTMCell",
    ),
    "an input of rank 2": (
        lambda rng: (LSTM(2), np.zeros((2, 3)), tf.identity),
        r"`gradient_flow` needs `inputs` of rank 3.*\(2, 3\)",
    ),
    "no time steps": (
        lambda rng: (LSTM(2), np.zeros((2, 0, 3)), tf.identity),
        r"`gradient_flow` needs at least one time step.*\(2, 0, 3\)",
    ),
    "a mask": (masked, r"needs `inputs` without a mask.*\(1, 3, 3\)"),
    "a loss in NumPy": (
        lambda rng: (LSTM(2), np.zeros(SHAPE), lambda outputs: outputs.numpy() ** 2),
        r"needs a `loss` that can be differentiated",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_apart_is_refused(name, rng):
    arguments, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        gradient_flow(*arguments(rng))
