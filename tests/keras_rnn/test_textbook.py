"""The textbook's networks, gradients and training in NumPy, and the same by our layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.layers import Dense
from reference import textbook

from keras_rnn import Bidirectional, SimpleRNN

BATCH, TIME, FEATURES, UNITS, LABELS = 3, 5, 4, 3, 6
RATE = 0.125  # A power of two: the same number in Keras' float32 and in float64.


def random_layer(rng, features, units=UNITS):
    return [rng.normal(size=shape) for shape in ((units, features), (units, units), (units,))]


def random_batch(rng, batch=BATCH):
    return rng.normal(size=(batch, TIME, FEATURES)), rng.integers(LABELS, size=(batch, TIME))


def summed(one_sequence, x, labels, *arguments):
    """Return the outputs of all sequences, and losses and gradients summed over them."""
    results = [one_sequence(*pair, *arguments) for pair in zip(x, labels, strict=True)]
    outputs, losses, gradients = zip(*results, strict=True)
    return np.array(outputs), sum(losses), [sum(parts) for parts in zip(*gradients, strict=True)]


def with_arrays(model, arrays):
    """Set the weights to the textbook's matrices, which stand on the other side."""
    model.build((None, None, FEATURES))
    model.set_weights([array.T for array in arrays])
    return model


def simple_model(f, last_only, arrays):
    layer = SimpleRNN(UNITS, activation=f, return_sequences=not last_only, dtype="float64")
    output = Dense(LABELS, "softmax", use_bias=False, dtype="float64")
    return with_arrays(keras.Sequential([layer, output]), arrays)


def deep_model(levels, arrays):
    layers = [
        Bidirectional(
            SimpleRNN(len(forward[2]), activation=f, return_sequences=True, dtype="float64"),
            output_layer=Dense(len(c), activation=g, dtype="float64"),
        )
        for forward, _, (_, c), f, g in levels
    ]
    output = Dense(LABELS, "softmax", use_bias=False, dtype="float64")
    return with_arrays(keras.Sequential([*layers, output]), arrays)


def cross_entropy(outputs, labels):
    """Return -sum log o_t[label_t]; of outputs at the last step only, for the last label."""
    chosen = labels[:, -1] if len(outputs.shape) == 2 else labels
    return -tf.reduce_sum(tf.math.log(outputs) * tf.one_hot(chosen, LABELS, dtype="float64"))


def differentiate(model, x, labels, mode):
    def run(x):
        with tf.GradientTape() as tape:
            outputs = model(x, training=mode == "graph, training")
            loss = cross_entropy(outputs, labels)
        return outputs, loss, tape.gradient(loss, model.trainable_weights)

    run = run if mode == "eager" else tf.function(run)
    outputs, loss, gradients = run(tf.constant(x))
    return outputs.numpy(), loss.numpy(), [gradient.numpy().T for gradient in gradients]


def assert_same(results, expected):
    for one, other in zip(tf.nest.flatten(results), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(np.squeeze(one), np.squeeze(other), rtol=1e-10, atol=1e-12)


MODES = ["eager", "graph", "graph, training"]  # The last has a backward pass of its own.


def cases(values):
    """Each value in each mode; a graph that has no pass of its own is slow but for the first."""
    return [
        pytest.param(value, mode, marks=[pytest.mark.slow] * (mode == "graph" and index > 0))
        for index, value in enumerate(values)
        for mode in MODES
    ]


@pytest.mark.parametrize(("f", "mode"), cases(["tanh", "sigmoid"]))
@pytest.mark.parametrize("last_only", [False, True])
def test_outputs_loss_and_gradients_are_the_sums_of_the_textbook(f, last_only, mode, rng):
    x, labels = random_batch(rng)
    params, V = random_layer(rng, FEATURES), rng.normal(size=(LABELS, UNITS))
    model = simple_model(f, last_only, [*params, V])
    expected = summed(textbook.network, x, labels, params, V, f, last_only)
    assert_same(differentiate(model, x, labels, mode), expected)


def random_levels(rng, *activations):
    """Return levels of unlike sizes, and all their arrays in the order of the weights."""
    levels, arrays, features = [], [], FEATURES
    for number, (f, g) in enumerate(activations):
        units, size = UNITS + number, 2 + number
        readers = [random_layer(rng, features, units) for _ in range(2)]
        merge = [rng.normal(size=(size, 2 * units)), rng.normal(size=size)]
        levels.append((*readers, merge, f, g))
        arrays += [*readers[0], *readers[1], *merge]
        features = size
    return levels, arrays, features


@pytest.mark.parametrize(
    ("activations", "mode"),
    cases([[("tanh", "sigmoid")], [("sigmoid", "tanh"), ("tanh", "sigmoid")]]),
)
def test_deep_bidirectional_networks_are_those_of_the_textbook(activations, mode, rng):
    x, labels = random_batch(rng)
    levels, arrays, size = random_levels(rng, *activations)
    V = rng.normal(size=(LABELS, size))
    expected = summed(textbook.deep_network, x, labels, levels, V)
    results = differentiate(deep_model(levels, [*arrays, V]), x, labels, mode)
    assert_same(results, expected)


def test_the_gradient_of_the_textbook_is_the_slope_of_its_loss(rng):
    x, labels = random_batch(rng)
    levels, arrays, size = random_levels(rng, ("tanh", "sigmoid"), ("sigmoid", "tanh"))
    V, step = rng.normal(size=(LABELS, size)), 1e-5
    _, _, gradients = summed(textbook.deep_network, x, labels, levels, V)
    for array, gradient in zip([*arrays, V], gradients, strict=True):
        direction, losses = rng.normal(size=array.shape), []
        for distance in (step, -step):
            np.add(array, distance * direction, out=array)
            losses.append(summed(textbook.deep_network, x, labels, levels, V)[1])
            np.subtract(array, distance * direction, out=array)
        slope = (losses[0] - losses[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_plain_sgd_trains_both_alike(training, rng):
    x = rng.normal(size=(8, TIME, FEATURES))
    labels = np.cumsum(x[..., 0] > 0, axis=1)  # To count, it must remember.
    arrays = [*(0.5 * a for a in random_layer(rng, FEATURES)), rng.normal(size=(LABELS, UNITS))]
    model = simple_model("tanh", False, arrays)
    optimizer = keras.optimizers.SGD(RATE / 8)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = cross_entropy(model(tf.constant(x), training=training), labels)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply(gradients, model.trainable_weights)
        return loss

    losses = []
    for _ in range(20):
        *params, V = arrays
        _, loss, gradients = summed(textbook.network, x, labels, params, V, "tanh", False)
        arrays = textbook.sgd(arrays, gradients, RATE / 8)
        losses.append([loss, step().numpy()])
        assert_same([weight.T for weight in model.get_weights()], arrays)
    assert_same(*np.transpose(losses))
    assert losses[-1][0] < 0.6 * losses[0][0]
