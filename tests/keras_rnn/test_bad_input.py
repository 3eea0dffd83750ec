"""What does not fit is refused: who needs what, what came, what to do."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, SimpleRNN, StackedRNN

SHAPE = (3, 5, 4)
X = np.ones(SHAPE, "float32")
LAYERS = {
    "simple": lambda **options: SimpleRNN(2, name="it", **options),
    "gru": lambda **options: GRU(2, name="it", **options),
    "lstm": lambda **options: LSTM(2, name="it", **options),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("shape", [(5,), (3, 5), (3, 5, 4, 2)])
def test_sequences_of_another_rank(name, shape):
    message = (
        rf"`it` needs `sequences` of rank 3, \(batch, time, features\).*{len(shape)}?.*Reshape"
    )
    with pytest.raises(ValueError, match=message):
        LAYERS[name]()(np.ones(shape))
    with pytest.raises(ValueError, match=message):
        LAYERS[name]()(keras.Input(shape[1:]))


def test_a_symbolic_input_of_another_rank_to_a_layer_that_is_built():
    layer = LSTM(2)
    layer(np.zeros((1, 3, 4)))
    with pytest.raises(ValueError, match=r"\(batch, time, features\)"):
        layer(keras.Input((4,)))


def test_states_in_a_list_with_the_sequences_as_in_keras_2():
    message = r"`it` needs one tensor as `sequences`. Received: 3 in a list.*initial_state=states"
    built = LAYERS["lstm"]()
    built.build(SHAPE)
    for layer in (LAYERS["lstm"](), built):
        for made in (np.ones, lambda shape: keras.Input(shape[1:])):
            with pytest.raises(ValueError, match=message):
                layer([made(SHAPE), made((3, 2)), made((3, 2))])


def test_sequences_of_too_low_a_rank_for_any_cell():
    with pytest.raises(ValueError, match=r"`it` needs `sequences` of rank 3 or more.*\(3, 5\)"):
        RNN(GRUCell(2), name="it")(np.ones((3, 5)))


NO_STEPS = r"`it` needs at least one time step. Received: sequences of no steps.*{}.*mask it"


@pytest.mark.parametrize("name", LAYERS)
def test_no_time_steps(name):
    with pytest.raises(ValueError, match=NO_STEPS.format(r"\(3, 0, 4\)")):
        LAYERS[name]()(np.ones((3, 0, 4)))
    with pytest.raises(ValueError, match=NO_STEPS.format(r"\(None, 0, 4\)")):
        LAYERS[name]()(keras.Input((0, 4)))


@pytest.mark.parametrize("training", [False, True])
def test_no_time_steps_where_the_graph_does_not_know_the_length(training):
    layer = LAYERS["gru"]()
    layer.build(SHAPE)
    specification = tf.TensorSpec((None, None, 4))
    run = tf.function(lambda x: layer(x, training=training), input_signature=[specification])
    with pytest.raises(tf.errors.InvalidArgumentError, match=NO_STEPS.format(r"\(None, None, 4\)")):
        run(np.ones((3, 0, 4), "float32"))
    assert run(X).shape == (3, 2)


MASKS = {
    "time": (np.ones((3, 6), bool), r"mask of the same time size.*\(3, 6\), input \(3, 5, 4\)"),
    "batch": (np.ones((2, 5), bool), r"mask of the same batch size.*\(2, 5\), input \(3, 5, 4\)"),
    "rank": (np.ones((3, 5, 1), bool), r"`mask` of rank 2, \(batch, time\).*\(3, 5, 1\)"),
    "text": (tf.fill((3, 5), "yes"), r"mask of truth values.*Received: .*string.*`tokens != 0`"),
    "list": ([[True] * 5] * 3, "mask of truth values, a boolean tensor. Received: list"),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("wrap", [lambda layer: layer, Bidirectional, lambda x: StackedRNN([x])])
def test_a_mask_that_does_not_fit(name, wrap):
    mask, message = MASKS[name]
    with pytest.raises(ValueError, match=message):
        wrap(LSTM(2))(X, mask=mask)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_a_mask_may_be_of_truth_values_or_numbers(dtype, rng):
    mask = rng.integers(0, 2, size=(3, 5))
    layer = GRU(2)
    np.testing.assert_array_equal(layer(X, mask=mask.astype(dtype)), layer(X, mask=mask != 0))


STATES = {
    "by_name": (
        {"h": np.ones((3, 2)), "c": np.ones((3, 2))},
        r"`initial_state` as a list.* Received: a dictionary of \['c', 'h'\]. Pass a list",
    ),
    "none": ([], r"needs 2 tensors in `initial_state`. Received: 0"),
    "too_many": ([np.ones((3, 2))] * 3, r"needs 2 tensors in `initial_state`. Received: 3"),
    "size": (
        [np.ones((3, 2)), np.ones((3, 4))],
        r"`it` needs a state of shape \(3, 2\) at place 1 of `initial_state`.*shape \(3, 4\)",
    ),
    "batch": ([np.ones((1, 2))] * 2, r"state of shape \(3, 2\) at place 0.*\(1, 2\).*one row for"),
    "rank": ([np.ones(2)] * 2, r"state of shape \(3, 2\) at place 0.*Received: shape \(2,\)"),
}


@pytest.mark.parametrize("name", STATES)
def test_states_that_do_not_fit(name):
    states, message = STATES[name]
    with pytest.raises(ValueError, match=message):
        LSTM(2, name="it")(X, initial_state=states)
    kept = LSTM(2, stateful=True, name="it")
    kept(X)
    with pytest.raises(ValueError, match=message.replace("initial_state", "states")):
        kept.reset_state(states)


def test_states_to_go_on_from_where_none_are_kept():
    for layer in (GRU(2, name="it"), GRU(2, stateful=True, name="it")):
        with pytest.raises(ValueError, match="`it` needs `stateful=True` and to be built"):
            layer.reset_state([np.ones((3, 2))])


def test_unrolling_without_a_length():
    for layer in (LSTM(2, unroll=True, name="it"), RNN(GRUCell(2), unroll=True, name="it")):
        with pytest.raises(
            ValueError, match=r"`it` needs a known number of time steps.*unroll=False"
        ):
            layer(keras.Input((None, 4)))


class Stateless(keras.layers.Layer):
    def call(self, inputs, states):
        return inputs, states


def test_a_cell_without_a_state_size():
    with pytest.raises(ValueError, match=r"`RNN` needs a cell with .*no `state_size`.*LSTMCell"):
        RNN(Stateless())


@pytest.mark.parametrize("units", [0, -1, 1e10, 10**10, "4"])
@pytest.mark.parametrize("layer_class", [SimpleRNN, GRU, LSTM])
def test_units_that_are_no_size_in_a_loaded_config(layer_class, units):
    message = r"Cell` needs `units` to be a positive integer of at most.*units=.*Pass a size"
    config = layer_class(2).get_config() | {"units": units}
    with pytest.raises(ValueError, match=message):
        layer_class.from_config(config)
    model = json.loads(keras.Sequential([keras.Input((5, 4)), layer_class(2)]).to_json())
    model["config"]["layers"][1]["config"]["units"] = units
    with pytest.raises(ValueError, match=message):
        keras.models.model_from_json(json.dumps(model))


def test_states_that_are_both_kept_and_learned():
    with pytest.raises(
        ValueError, match=r"`GRU` needs states .* either learned or kept.*one of th"
    ):
        GRU(2, stateful=True, learn_initial_state=True)


def test_learned_states_of_unknown_size():
    class LateCell(GRUCell):
        def get_initial_state(self, batch_size=None):
            return [np.zeros((batch_size, 0), "float32")]

    with pytest.raises(ValueError, match=r"`it` needs states of known sizes.*sizes \[\(0,\)\]"):
        RNN(LateCell(2), learn_initial_state=True, name="it").build(SHAPE)


WRAPPED = {
    **LAYERS,
    "two_ways": lambda **o: Bidirectional(LSTM(2, **o)),
    "cells": lambda **o: RNN([LSTMCell(2)], **o),
}


@pytest.mark.parametrize(
    ("name", "graph"),
    [
        *((name, False) for name in WRAPPED),
        *((name, True) for name in ("lstm", "two_ways", "cells")),
        *(pytest.param(name, True, marks=pytest.mark.slow) for name in ("simple", "gru")),
    ],
)
@pytest.mark.parametrize("training", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("masked", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_batch_of_no_rows_gives_no_rows(name, masked, training, graph):
    layer = WRAPPED[name](return_sequences=True)
    layer.build((None, None, 4))

    def run(x, mask):
        with tf.GradientTape() as tape:
            outputs = layer(x, mask=mask if masked else None, training=training)
            loss = tf.reduce_sum(outputs)
        return outputs, tape.gradient(loss, layer.trainable_weights)

    specifications = [tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, None), tf.bool)]
    run = tf.function(run, input_signature=specifications) if graph else run
    outputs, gradients = run(tf.zeros((0, 5, 4)), tf.zeros((0, 5), tf.bool))
    assert outputs.shape[:2] == (0, 5)
    assert all(np.all(np.equal(gradient, 0)) for gradient in gradients)
