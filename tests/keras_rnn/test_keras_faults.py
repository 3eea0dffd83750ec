"""Faults of the recurrent layers of Keras 3.15 that ours must not have.

Each claim is checked on ours; `..._in_keras` shows the fault in `keras.layers`. Such a test that
fails says that Keras has mended it: then the note in our code that works around it may go.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.twins import MASKS, assert_equal, give_random_weights, twins

import keras_rnn

X = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
TOKENS = np.array([[1, 2, 3, 0, 0], [4, 3, 2, 1, 4], [1, 0, 0, 0, 0]])
ZEROS = [np.zeros((3, 3), "float32")] * 2


def difference_that_an_initial_state_of_zeros_makes(module):
    embedding, layer = keras.layers.Embedding(5, 4, mask_zero=True), module.LSTM(3)
    sequences = embedding(TOKENS)
    without = layer(sequences)
    give_random_weights(layer, np.random.default_rng(2))
    without = layer(embedding(TOKENS))
    return np.abs(without - layer(embedding(TOKENS), initial_state=ZEROS)).max()


def test_an_initial_state_does_not_lose_the_mask():
    assert difference_that_an_initial_state_of_zeros_makes(keras_rnn) == 0


def test_an_initial_state_loses_the_mask_in_keras():
    assert difference_that_an_initial_state_of_zeros_makes(keras.layers) > 1e-3


def test_a_list_of_one_cell_takes_a_mask(rng):
    stack = keras_rnn.RNN([keras_rnn.LSTMCell(4)], return_sequences=True)
    layer = keras_rnn.LSTM(4, return_sequences=True)
    twins(stack, layer, X.shape, rng)
    np.testing.assert_array_equal(stack(X, mask=MASKS["holes"]), layer(X, mask=MASKS["holes"]))


def test_a_list_of_one_cell_takes_no_mask_in_keras():
    with pytest.raises(ValueError, match="same nested structure"):
        keras.layers.RNN([keras.layers.LSTMCell(4)])(X, mask=MASKS["holes"])


def test_a_stateful_bidirectional_layer_returns_its_states():
    layer = keras_rnn.Bidirectional(keras_rnn.LSTM(4, stateful=True, return_state=True))
    first, second = layer(X), layer(X)
    assert [tuple(tensor.shape) for tensor in first] == [(3, 8)] + [(3, 4)] * 4
    assert np.abs(first[0] - second[0]).max() > 1e-4
    layer.reset_state()
    assert_equal(layer(X), first, rtol=1e-6, atol=0)


def test_a_stateful_bidirectional_layer_fails_in_keras():
    lstm = keras.layers.LSTM(4, stateful=True, return_state=True)
    with pytest.raises(TypeError, match="generator"):
        keras.layers.Bidirectional(lstm)(X)


def variables_that_inference_changes(layer):
    layer(X)
    before = [variable.numpy() for variable in layer.variables]
    layer(X, training=False)
    pairs = zip(before, layer.variables, strict=True)
    return [variable.path for old, variable in pairs if np.any(old != variable.numpy())]


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_inference_writes_no_variable(name):
    layer = getattr(keras_rnn, name)(4, dropout=0.5, recurrent_dropout=0.5)
    assert variables_that_inference_changes(layer) == []


def test_inference_of_a_stack_writes_no_variable():
    lstm = keras_rnn.LSTM(4, dropout=0.5, return_sequences=True)
    layer = keras_rnn.StackedRNN([keras_rnn.Bidirectional(lstm), lstm], dropout=0.5)
    assert len([variable for variable in layer.variables if "seed" in variable.path]) == 4
    assert variables_that_inference_changes(layer) == []


def test_inference_moves_the_seed_in_keras():
    layer = keras.layers.LSTM(4, dropout=0.5)
    assert len(variables_that_inference_changes(layer)) == 1


def test_dropout_trains_in_either_implementation():
    for implementation in (1, 2):
        layer = keras_rnn.LSTM(4, dropout=0.2, implementation=implementation)
        assert layer(X, training=True).shape == (3, 4)


def test_dropout_does_not_train_in_the_first_implementation_of_keras():
    with pytest.raises(tf.errors.InvalidArgumentError):
        keras.layers.LSTM(4, dropout=0.2, implementation=1)(X, training=True)


class WrappedCell(keras.layers.Layer):
    """A plain Keras cell that steps another, as people write them."""

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        self.cell = cell
        self.state_size = cell.state_size

    def build(self, input_shape):
        self.cell.build(input_shape)

    def call(self, inputs, states, training=False):
        return self.cell(inputs, states, training=training)


def difference_of_two_training_calls(rnn, lstm_cell):
    layer = rnn(WrappedCell(lstm_cell(4, dropout=0.5, recurrent_dropout=0.5)))
    first, second = layer(X, training=True), layer(X, training=True)
    return np.abs(first - second).max()


@pytest.mark.parametrize("rnn", [keras_rnn.RNN, keras.layers.RNN])
def test_a_wrapped_cell_draws_new_masks_each_call(rnn):
    assert difference_of_two_training_calls(rnn, keras_rnn.LSTMCell) > 1e-4


def test_a_wrapped_cell_keeps_its_first_masks_in_keras():
    assert difference_of_two_training_calls(keras.layers.RNN, keras.layers.LSTMCell) == 0


def two_sizes(module):
    backward = module.LSTM(6, go_backwards=True)
    return module.Bidirectional(module.LSTM(4), backward_layer=backward)


def test_the_shape_of_two_directions_of_two_sizes_is_right():
    assert two_sizes(keras_rnn).compute_output_shape(X.shape) == (3, 10)
    assert two_sizes(keras_rnn)(X).shape == (3, 10)


def test_the_shape_of_two_directions_of_two_sizes_is_wrong_in_keras():
    assert two_sizes(keras.layers).compute_output_shape(X.shape) == (3, 8)
    assert two_sizes(keras.layers)(X).shape == (3, 10)


def difference_that_unrolling_makes(module):
    gru = {"return_sequences": True, "go_backwards": True, "zero_output_for_mask": True}
    layers = module.GRU(3, **gru), module.GRU(3, unroll=True, **gru)
    twins(*layers, X.shape, np.random.default_rng(3))
    looped, unrolled = (layer(X, mask=MASKS["right"]) for layer in layers)
    return np.abs(looped - unrolled).max()


def test_unrolling_backwards_zeroes_the_masked_outputs():
    assert difference_that_unrolling_makes(keras_rnn) < 1e-6


def test_unrolling_backwards_zeroes_other_outputs_in_keras():
    assert difference_that_unrolling_makes(keras.layers) > 1e-3


def count_of_losses(module):
    layer = module.SimpleRNN(3, activity_regularizer="l2")
    layer(X)
    return len(layer.losses)


def test_the_simple_layer_penalises_its_output():
    assert count_of_losses(keras_rnn) == 1


def test_the_simple_layer_drops_the_penalty_in_keras():
    assert count_of_losses(keras.layers) == 0


def what_a_second_layer_backwards_says_of_padding(module):
    """Both layers read from the end, so that the second reads in the order of the words again."""
    first, second = (module.GRU(3, return_sequences=True, go_backwards=True) for _ in range(2))
    embedding = keras.layers.Embedding(5, 4, mask_zero=True)
    outputs = second(first(embedding(TOKENS)))
    cut = second(first(embedding(TOKENS[:, :3])))
    return np.abs(outputs[0, -1] - cut[0, -1]).max(), outputs


def test_the_mask_of_outputs_from_the_end_comes_from_the_end():
    difference, outputs = what_a_second_layer_backwards_says_of_padding(keras_rnn)
    assert difference < 1e-6
    np.testing.assert_array_equal(outputs._keras_mask, TOKENS != 0)


def test_the_mask_of_outputs_from_the_end_does_not_in_keras():
    difference, _ = what_a_second_layer_backwards_says_of_padding(keras.layers)
    assert difference > 1e-3


def test_nor_is_it_lost_in_a_stack_or_around_two_directions():
    def backwards():
        return keras_rnn.GRU(3, return_sequences=True, go_backwards=True)

    embedded = keras.layers.Embedding(5, 4, mask_zero=True)
    layers = [backwards(), keras_rnn.Bidirectional(backwards()), backwards()]
    stack = keras_rnn.StackedRNN(layers)
    outputs, cut = stack(embedded(TOKENS)), stack(embedded(TOKENS[:, :3]))
    np.testing.assert_allclose(outputs[0, -3:], cut[0], atol=1e-6)
    np.testing.assert_array_equal(outputs._keras_mask, TOKENS[:, ::-1] != 0)
