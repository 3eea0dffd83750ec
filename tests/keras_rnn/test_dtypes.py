"""Layers under each dtype policy, and cells of another type than their layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.twins import MASKS, assert_equal, outputs_and_gradients, twins

from keras_rnn import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, SimpleRNN, StackedRNN

SHAPE = (3, 5, 4)
NAMED = [SimpleRNN, GRU, LSTM]


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


@pytest.mark.parametrize("make", [lambda: LSTMCell(3), lambda: keras.layers.LSTMCell(3)])
@pytest.mark.parametrize("dtype", ["mixed_float16", "float64"])
def test_a_cell_computes_in_its_own_dtype_and_the_layer_casts(make, dtype, rng):
    options = {"return_sequences": True, "return_state": True}
    layer, usual = RNN(make(), dtype=dtype, **options), RNN(make(), **options)
    twins(layer, usual, SHAPE, rng)
    x = np.float16(rng.normal(size=SHAPE))
    train = tf.function(lambda: outputs_and_gradients(layer, x, training=True))
    for outputs, gradients in (train(), outputs_and_gradients(layer, x)):
        assert {tensor.dtype for tensor in outputs} == {tf.as_dtype(layer.compute_dtype)}
        wanted, of_usual = outputs_and_gradients(usual, x)
        assert_equal(outputs, wanted, atol=1e-3)
        assert_equal(gradients, of_usual, rtol=1e-2, atol=1e-2)
