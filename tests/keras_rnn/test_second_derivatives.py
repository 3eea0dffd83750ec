"""Derivatives of gradients: right without training or unrolled, a clear error in training."""

import numpy as np
import pytest
import tensorflow as tf
from reference.training import spy_on_written_out, weighted
from reference.twins import MASKS, give_random_weights

from keras_rnn import GRU, LSTM, SimpleRNN

MESSAGE = r"has no second derivative in training.*`training=False`, or make it with `unroll=True`"


def built(layer_class, rng, **options):
    layer = layer_class(2, dtype="float64", **options)
    layer.build((3, 5, 2))
    return give_random_weights(layer, rng)


def arguments(layer, rng):
    states = [tf.constant(rng.normal(size=(3, 2))) for _ in layer.get_initial_state(3)]
    return tf.constant(rng.normal(size=(3, 5, 2))), states


def first_gradients(layer, x, states, training):
    """Return the gradients of x, of the states, and of the weights."""
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        outputs = layer(x, initial_state=states, mask=MASKS["holes"], training=training)
        loss = weighted(outputs)
    gradients = tape.gradient(loss, [x, states, layer.trainable_weights])
    return dict(zip(("inputs", "states", "weights"), gradients, strict=True))


def second_gradients(layer, x, states, training, of, by):
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        gradients = first_gradients(layer, x, states, training)[of]
        norm = tf.add_n([tf.reduce_sum(g**2) for g in tf.nest.flatten(gradients)])
    sources = {"inputs": [x], "states": states, "weights": layer.trainable_weights}[by]
    return norm, tape.gradient(norm, sources)


@pytest.mark.parametrize(
    ("of", "by"),
    [
        *(("inputs", "weights"), ("weights", "inputs"), ("states", "states")),
        pytest.param("weights", "weights", marks=pytest.mark.slow),
    ],
)
def test_a_second_derivative_in_training_is_refused(of, by, rng):
    layer = built(SimpleRNN, rng)
    x, states = arguments(layer, rng)
    step = tf.function(second_gradients, autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=MESSAGE):
        step(layer, x, states, True, of, by)


@pytest.mark.parametrize("options", [{"recompute": 2}, {"truncation": (2, 3)}])
def test_a_second_derivative_is_refused_in_eager_mode_too(options, rng):
    layer = built(GRU, rng, **options)
    x, states = arguments(layer, rng)
    with pytest.raises(tf.errors.InvalidArgumentError, match=MESSAGE):
        second_gradients(layer, x, states, True, "inputs", "weights")


def test_a_tape_around_a_training_function_is_refused(rng):
    layer = built(SimpleRNN, rng)
    x, states = arguments(layer, rng)
    step = tf.function(first_gradients, autograph=False)

    def of_function():
        with tf.GradientTape() as tape:
            tape.watch(x)
            gradient = step(layer, x, states, True)["inputs"]
        return tape.gradient(gradient, x)

    with pytest.raises(tf.errors.InvalidArgumentError, match=MESSAGE):
        of_function()


def test_a_hessian_in_training_is_refused(rng):
    layer = built(SimpleRNN, rng)
    x, _ = arguments(layer, rng)

    @tf.function(autograph=False)
    def hessian(x):
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tf.gradients(tf.gradients(loss, x)[0], x)

    with pytest.raises(tf.errors.InvalidArgumentError, match=MESSAGE):
        hessian(x)


@pytest.mark.parametrize(
    ("layer_class", "options", "training"),
    [
        (SimpleRNN, {}, False),
        pytest.param(LSTM, {}, False, marks=pytest.mark.slow),
        pytest.param(GRU, {"unroll": True}, True, marks=pytest.mark.slow),
    ],
)
def test_a_second_derivative_equals_finite_differences(layer_class, options, training, rng):
    layer = built(layer_class, rng, **options)
    x, states = arguments(layer, rng)
    step = tf.function(second_gradients, autograph=False)
    _, (found,) = step(layer, x, states, training, "weights", "inputs")
    direction = rng.normal(size=x.shape)

    def norm(distance):
        return step(layer, x + distance * direction, states, training, "weights", "inputs")[0]

    slope = (norm(1e-5) - norm(-1e-5)) / 2e-5
    np.testing.assert_allclose(np.sum(found * direction), slope, rtol=1e-6)
    assert abs(slope) > 1e-3


@pytest.mark.slow
def test_two_first_derivatives_of_one_tape_are_no_second_derivative(rng, monkeypatch):
    layer = built(SimpleRNN, rng)
    x, _ = arguments(layer, rng)
    taken = spy_on_written_out(monkeypatch)

    @tf.function(autograph=False)
    def rows(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            output = layer(x, training=True)
            total, square = tf.reduce_sum(output), tf.reduce_sum(output**2)
        return tape.gradient(total, x), tape.gradient(square, x), tape.batch_jacobian(output, x)

    total, square, jacobian = rows(x)
    output = layer(x)
    np.testing.assert_allclose(total, tf.reduce_sum(jacobian, axis=1), rtol=1e-10)
    wanted = 2 * tf.einsum("bo,boti->bti", output, jacobian)
    np.testing.assert_allclose(square, wanted, rtol=1e-10)
    assert len(taken) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nested_tapes", "gradients_beside"])
def test_a_first_derivative_through_a_function_is_no_second_one(kind, rng):
    layer = built(SimpleRNN, rng)
    x, states = arguments(layer, rng)

    def loss_of(x):
        return weighted(layer(x, initial_state=states, training=True))

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = loss_of(x)
        return loss, tape.gradient(loss, x)

    with tf.GradientTape() as outer:
        outer.watch(x)
        if kind == "nested_tapes":  # The function is called in two tapes; only one is asked.
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.function(loss_of, autograph=False)(x)
            found = inner.gradient(loss, x)
        else:  # The function also returns gradients, through which nobody goes.
            loss, _ = tf.function(step, autograph=False)(x)
    if kind != "nested_tapes":
        found = outer.gradient(loss, x)
    np.testing.assert_allclose(found, step(x)[1], rtol=1e-10)
