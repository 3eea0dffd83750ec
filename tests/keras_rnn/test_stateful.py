"""Stateful layers: what their first call starts from."""

import keras
import numpy as np
import tensorflow as tf

from keras_rnn import LSTM, RNN, GRUCell


def test_a_stateful_layer_starts_from_the_states_of_its_cell(rng):
    class Cell(GRUCell):
        def get_initial_state(self, batch_size=None):
            return [tf.ones((batch_size, self.units))]

    layer, x = RNN(Cell(3), stateful=True), rng.normal(size=(3, 5, 4)).astype("float32")
    np.testing.assert_allclose(layer(x), RNN(layer.cell)(x), rtol=1e-6)


def test_a_stateful_layer_is_built_inside_another_layer_without_data(rng):
    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = LSTM(3, stateful=True)

        def call(self, x):
            return self.inner(x)

    outer, inputs = Outer(), keras.Input((5, 2), batch_size=4)
    model = keras.Model(inputs, outer(inputs))
    assert model(rng.normal(size=(4, 5, 2))).shape == (4, 3)
    assert np.abs(outer.inner.states[0]).max() > 0
