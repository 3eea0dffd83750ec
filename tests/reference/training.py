"""A training step of a layer: its outputs and all of its gradients, and which scan it took."""

import numpy as np
import tensorflow as tf

from keras_rnn import RNN
from keras_rnn.scan import loop


def weighted(tensors):
    """Return a sum of all entries of the tensors of real numbers, each with a weight of its own."""
    total = tf.constant(0.0, "float64")
    for number, tensor in enumerate(tf.nest.flatten(tensors)):
        if tensor.dtype.is_floating:
            flat = tf.cast(tf.reshape(tensor, [-1]), "float64")
            places = tf.range(tf.size(flat)) + number + 1
            total += tf.reduce_sum(flat * tf.sin(tf.cast(places, "float64")))
    return total


def floats(structure):
    tensors = tf.nest.flatten(structure)
    return [t for t in tensors if tf.is_tensor(t) and t.dtype.is_floating]


def trained(layer, x, **call_arguments):
    """Return the outputs in training, then the gradients: of x, other arguments and weights."""
    given = [x, *floats(call_arguments)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = tf.nest.flatten(layer(x, training=True, **call_arguments))
        loss = weighted(outputs)
    sources = [*given, *layer.trainable_weights]
    found = zip(sources, tape.gradient(loss, sources), strict=True)
    return [
        *outputs,
        *(tf.zeros(s.shape) if d is None else tf.convert_to_tensor(d) for s, d in found),
    ]


def trained_in_graph(layer, x, **call_arguments):
    return tf.function(trained, autograph=False)(layer, x, **call_arguments)


def automatically_trained(layer, x, **call_arguments):
    """Return what `trained` does, by a layer around the same cell that writes its loop out."""
    names = ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")
    options = {name: getattr(layer, name) for name in names}
    twin = RNN(layer.cell, unroll=True, **options)
    before = [variable.numpy() for variable in layer.variables]
    result = trained(twin, x, **call_arguments)
    for variable, value in zip(layer.variables, before, strict=True):
        variable.assign(value)
    return result


def assert_close(ours, wanted, tolerance=1e-10):
    assert len(ours) == len(wanted)
    for one, other in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def spy_on_written_out(monkeypatch):
    """Return a list that grows by one at every scan whose backward pass is written out."""
    seen, scan = [], loop.keeping_scan

    def spied(*args, **kwargs):
        seen.append(kwargs)
        return scan(*args, **kwargs)

    monkeypatch.setattr(loop, "keeping_scan", spied)
    return seen
