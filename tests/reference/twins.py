"""Our layer and Keras' layer of the same name, with the same weights, and what to compare."""

import numpy as np
import tensorflow as tf

MASKS = {
    "none": None,
    "right": np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], dtype=bool),
    "left": np.array([[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=bool),
    "holes": np.array([[1, 0, 1, 0, 1], [0, 1, 0, 0, 1], [1, 1, 0, 1, 0]], dtype=bool),
    "empty_row": np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=bool),
}


def give_random_weights(layer, rng, scale=0.7):
    layer.set_weights([rng.normal(size=weight.shape) * scale for weight in layer.weights])
    return layer


def twins(ours, theirs, shape, rng):
    """Build both layers and give both the same random weights."""
    for layer in (ours, theirs):
        layer.build(shape)
    theirs.set_weights(give_random_weights(ours, rng).get_weights())
    return ours, theirs


def outputs_and_gradients(layer, x, seed=0, **call_arguments):
    """Return all outputs, and the gradients of a random weighting of them: of x, then weights."""
    x = tf.convert_to_tensor(x, layer.compute_dtype)
    random = np.random.default_rng(seed)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = tf.nest.flatten(layer(x, **call_arguments))
        loss = tf.add_n([tf.reduce_sum(o * random.normal(size=o.shape)) for o in outputs])
    return outputs, tape.gradient(loss, [x, *layer.trainable_weights])


def assert_equal(first, second, rtol=1e-5, atol=1e-5):
    """Assert that two lists hold as many tensors, all close."""
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def assert_layers_equal(ours, theirs, x, **call_arguments):
    """Assert equal outputs and equal gradients with respect to x and to all weights."""
    for mine, wanted in zip(
        outputs_and_gradients(ours, x, **call_arguments),
        outputs_and_gradients(theirs, x, **call_arguments),
        strict=True,
    ):
        assert_equal(mine, wanted)
