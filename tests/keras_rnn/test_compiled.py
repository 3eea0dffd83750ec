"""The same results in eager mode, in `tf.function` and compiled by XLA."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.twins import MASKS, assert_equal, give_random_weights, outputs_and_gradients

from keras_rnn import GRU, LSTM, RNN, Bidirectional, LSTMCell, SimpleRNN, StackedRNN

SHAPE = (3, 5, 4)
LAYERS = {
    "stack_of_cells": lambda: RNN([keras.layers.SimpleRNNCell(2), LSTMCell(3)], return_state=True),
    "deep": lambda: StackedRNN(
        [
            Bidirectional(LSTM(3, return_sequences=True)),
            SimpleRNN(6, return_sequences=True),
        ],
        residual=True,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_eager_graph_and_xla_give_equal_outputs_and_gradients(name, rng):
    layer = LAYERS[name]()
    layer.build(SHAPE)
    give_random_weights(layer, rng)
    x, mask = tf.constant(rng.normal(size=SHAPE), "float32"), MASKS["holes"]

    def compute(x, mask):
        return tf.nest.flatten(outputs_and_gradients(layer, x, mask=mask))

    eager = compute(x, mask)
    for jit_compile in (False, True):
        assert_equal(tf.function(compute, jit_compile=jit_compile)(x, mask), eager)


@pytest.mark.slow
def test_xla_compiles_training_for_an_unknown_batch_and_length(rng):
    layer = GRU(3, dropout=0.5, recurrent_dropout=0.5)
    layer.build(SHAPE)
    give_random_weights(layer, rng)
    signature = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.bool)]

    def gradients(x, mask, training):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, mask=mask, training=training) ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    def compiled(training):
        options = {"input_signature": signature, "jit_compile": True}
        return tf.function(lambda x, mask: gradients(x, mask, training), **options)

    x, mask = rng.normal(size=SHAPE).astype("float32"), MASKS["holes"]
    assert_equal(compiled(training=False)(x, mask), gradients(x, mask, training=False))
    train = compiled(training=True)
    first, second = train(x, mask), train(x, mask)
    assert np.abs(first[-1] - second[-1]).max() > 1e-4


def test_a_graph_of_unknown_batch_and_length_gives_what_eager_mode_does(rng):
    layer = LAYERS["deep"]()
    layer.build(SHAPE)
    give_random_weights(layer, rng)
    signature = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.bool)]
    graph = tf.function(lambda x, mask: layer(x, mask=mask), input_signature=signature)
    for batch, time in ((3, 5), (1, 1), (2, 4)):
        x, mask = rng.normal(size=(batch, time, 4)).astype("float32"), MASKS["holes"]
        assert_equal([graph(x, mask[:batch, :time])], [layer(x, mask=mask[:batch, :time])])


def test_no_step_copies_what_was_kept_of_all_steps_under_xla(rng):
    layer, length = GRU(3, return_sequences=True), 11

    @tf.function(jit_compile=True)
    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    x = tf.constant(rng.normal(size=(2, length, 4)), "float32")
    layer(x)
    program = gradients.experimental_get_compiler_ir(x)(stage="optimized_hlo")
    bodies = re.findall(r"^%\S*body.*?^}", program, re.MULTILINE | re.DOTALL)
    assert len(bodies) == 2
    copied = [shape for body in bodies for shape in re.findall(r"= (\S+) copy\(", body)]
    assert copied
    assert not [shape for shape in copied if f"[{length}," in shape]
