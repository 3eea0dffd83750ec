"""Ours in place of Keras': the same arguments, attributes and configs, and states that are set."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.twins import assert_equal, give_random_weights

import keras_rnn
from keras_rnn import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell, SimpleRNN, StackedRNN

SHAPE = (3, 5, 4)
CELLS = ["SimpleRNNCell", "GRUCell", "LSTMCell"]
LAYERS = ["SimpleRNN", "GRU", "LSTM"]
# A value for each argument that is not its default; those left out differ by a number.
VALUES = {
    **dict.fromkeys(("activation", "recurrent_activation"), "relu"),
    **{f"{weight}_initializer": "ones" for weight in ("kernel", "recurrent", "bias")},
    **{f"{weight}_regularizer": "l2" for weight in ("kernel", "recurrent", "bias", "activity")},
    **{f"{weight}_constraint": "non_neg" for weight in ("kernel", "recurrent", "bias")},
    **{"units": 4, "dropout": 0.25, "recurrent_dropout": 0.5, "seed": 9},
    "use_cudnn": False,
}


def positional(cls):
    parameters = inspect.signature(cls).parameters.values()
    named = [p for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return {p.name: VALUES.get(p.name, not p.default) for p in named}


def pair(name):
    return getattr(keras_rnn, name), getattr(keras.layers, name)


def plain(value):
    """An initializer, regularizer, constraint or function as its config."""
    simple = isinstance(value, str | int | float | bool | type(None) | list | tuple)
    return value if simple else keras.saving.serialize_keras_object(value)


@pytest.mark.parametrize("name", [*CELLS, *LAYERS])
def test_all_arguments_stand_in_the_order_of_keras(name):
    ours, theirs = (cls(*positional(pair(name)[1]).values(), name="it") for cls in pair(name))
    if name == "SimpleRNN":  # There, Keras forgets the penalty on the output.
        theirs.activity_regularizer = ours.activity_regularizer
    expected = theirs.get_config()
    given = {key: value for key, value in ours.get_config().items() if key in expected}
    assert given == expected
    for argument in positional(pair(name)[1]):
        if argument != "seed":
            assert plain(getattr(ours, argument)) == plain(getattr(theirs, argument)), argument


@pytest.mark.parametrize("name", [*CELLS, *LAYERS, "RNN", "Bidirectional", "StackedRNNCells"])
def test_names_and_defaults_of_arguments_are_those_of_keras(name):
    for method in ("__init__", "call"):
        ours, theirs = (inspect.signature(getattr(cls, method)).parameters for cls in pair(name))
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
        expected = [(p.name, p.default) for p in theirs.values() if p.kind in kinds]
        given = [(p.name, p.default) for p in ours.values()][: len(expected)]
        optional = [name for name, _ in expected if name not in {"sequence", "inputs"}]
        assert [name for name, _ in given if name != "inputs"] == optional
        if name != "Bidirectional":  # There, `training=None` of Keras means `False`.
            assert [default for _, default in given] == [default for _, default in expected]


def test_an_argument_given_twice_is_refused():
    with pytest.raises(TypeError, match=r"`LSTM` takes each argument once. Received: activation"):
        LSTM(4, "tanh", activation="relu")
    with pytest.raises(TypeError, match="too many positional"):
        GRUCell(*range(30))


@pytest.mark.parametrize("name", [*CELLS, *LAYERS])
def test_each_makes_the_other_from_its_config(name):
    ours, theirs = pair(name)
    mine = ours(3, kernel_regularizer="l2", name="it")
    extra = mine.get_config().keys() - theirs(3).get_config().keys()
    assert extra <= ({"seed"} if name == "SimpleRNN" else set())  # Which Keras 3.15 forgets.
    assert theirs.from_config(mine.get_config()).get_config().keys() <= mine.get_config().keys()
    again = ours.from_config(theirs(3, kernel_regularizer="l2", name="it").get_config())
    assert again.get_config() == mine.get_config()


def test_configs_of_wrappers_have_the_keys_of_keras():
    for layers in (keras_rnn, keras.layers):
        wrapped = layers.Bidirectional(layers.LSTM(3))
        assert sorted(set(wrapped.get_config()) - {"name", "trainable", "dtype"}) == [
            *("backward_layer", "layer", "merge_mode"),
        ]
    ours, theirs = RNN(LSTMCell(3)), keras.layers.RNN(keras.layers.LSTMCell(3))
    assert ours.get_config().keys() == theirs.get_config().keys()
    assert ours.state_size == theirs.state_size == [3, 3]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("options", [{}, {"dropout": 0.5}, {"stateful": True}])
def test_variables_are_those_of_keras_the_seed_included(name, options):
    named = []
    for cls in pair(name):
        layer = cls(3, **options)
        layer.build(SHAPE)
        named.append([(v.path.split("/")[-1], v.shape, v.trainable) for v in layer.variables])
    assert named[0] == named[1]


@pytest.mark.parametrize("name", LAYERS)
def test_what_a_layer_shows_of_its_cell_is_not_set_on_the_layer(name):
    for layer in (cls(3) for cls in pair(name)):
        with pytest.raises(AttributeError):
            layer.dropout = 0.5


def test_a_rate_set_on_the_cell_applies(rng):
    layer, x = LSTM(3), rng.normal(size=SHAPE)
    before = layer(x, training=True)
    layer.cell.dropout = 0.5
    assert layer.dropout == 0.5
    assert np.abs(layer(x, training=True) - before).max() > 1e-3


def test_sizes_may_be_integers_of_numpy():
    layer = LSTM(np.int32(3))
    assert type(layer.units) is int
    assert layer(np.zeros(SHAPE)).shape == (3, 3)


def test_what_is_not_recurrent_is_that_of_keras():
    assert keras_rnn.Dense is keras.layers.Dense
    with pytest.raises(AttributeError, match=r"'keras_rnn', as .* has no attribute 'Dnese'"):
        _ = keras_rnn.Dnese


def test_an_input_shape_reaches_the_layer():
    with pytest.warns(UserWarning, match="input_shape"):
        model = keras.Sequential([GRU(3, input_shape=(5, 4))])
    assert model.built


def test_a_cell_may_read_more_axes_than_features(rng):
    class RowsCell(keras.layers.Layer):
        state_size = 2

        def call(self, inputs, states):
            output = 0.5 * states[0] + tf.reduce_sum(inputs, axis=1)
            return output, [output]

    x = rng.normal(size=(3, 4, 5, 2)).astype("float32")
    for rnn in (RNN, keras.layers.RNN):
        weights = 0.5 ** np.arange(4)[::-1]
        assert_equal([rnn(RowsCell())(x)], [np.einsum("t,btrf->bf", weights, x)])


def masks_of(layer):
    return [one.cell.draw_noise(4, 50) for one in (layer.forward_layer, layer.backward_layer)]


def test_the_two_directions_draw_masks_of_their_own_from_one_seed():
    lstm = LSTM(50, dropout=0.5, recurrent_dropout=0.5, candidate_dropout=0.5, seed=1)
    rnn = RNN([GRUCell(3, dropout=0.5, seed=1)])
    forward, backward = masks_of(Bidirectional(lstm))
    for mask, other in zip(forward, backward, strict=True):
        assert np.mean(np.equal(mask, other)) < 0.7
    assert_equal(masks_of(Bidirectional(lstm))[1], backward)
    layer = Bidirectional(rnn)
    seeds = [one.cell.cells[0].seed for one in (layer.forward_layer, layer.backward_layer)]
    assert seeds == [1, 1 + 2**31]


def test_seeds_of_initial_weights_stay_in_both_directions():
    kernel = keras.initializers.GlorotUniform(seed=3)
    ours, theirs = (
        layers.Bidirectional(layers.SimpleRNN(3, kernel_initializer=kernel, seed=2))
        for layers in (keras_rnn, keras.layers)
    )
    for layer in (ours, theirs):
        layer.build(SHAPE)
    for kernel, expected in zip(ours.get_weights()[::3], theirs.get_weights()[::3], strict=True):
        np.testing.assert_array_equal(kernel, expected)


def test_the_choice_of_cudnn_goes_to_both_directions_and_into_the_config():
    layer = Bidirectional(GRU(3, use_cudnn=False))
    again = Bidirectional.from_config(layer.get_config())
    for one in (layer, again):
        assert one.forward_layer.use_cudnn is False
        assert one.backward_layer.use_cudnn is False


RESET = {
    "lstm": lambda: LSTM(2, stateful=True),
    "cells": lambda: RNN([GRUCell(2), LSTMCell(2)], stateful=True),
    "both_ways": lambda: Bidirectional(LSTM(2, stateful=True)),
    "deep": lambda: StackedRNN(
        [Bidirectional(GRU(2, stateful=True, return_sequences=True)), LSTM(2, stateful=True)]
    ),
}


@pytest.mark.parametrize("name", RESET)
def test_a_stateful_layer_goes_on_from_the_states_it_is_reset_to(name, rng):
    layer = RESET[name]()
    layer.build(SHAPE)
    x = rng.normal(size=SHAPE).astype("float32")
    give_random_weights(layer, rng)
    parts = layer.layers if name == "deep" else [layer]
    count = sum(len(keras.tree.flatten(part.states)) for part in parts)
    states = [rng.normal(size=(3, 2)) for _ in range(count)]
    layer.reset_state(states)
    assert_equal([layer(x)], [layer(x, initial_state=[s.astype("float32") for s in states])])
    layer.reset_states()
    assert_equal([layer(x)], [layer(x, initial_state=[np.zeros((3, 2), "float32")] * count)])


def test_a_stateful_layer_can_be_exported(rng, tmp_path):
    layer = GRU(3, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=SHAPE), layer])
    model.export(tmp_path / "model", verbose=False)
    x = rng.normal(size=SHAPE).astype("float32")
    served = tf.saved_model.load(tmp_path / "model")
    for _ in range(2):
        assert_equal([served.serve(x)], [model(x)])


LEARNED = {
    "simple": lambda: SimpleRNN(2, learn_initial_state=True),
    "lstm": lambda: LSTM(2, learn_initial_state=True),
    "cells": lambda: RNN([GRUCell(2), LSTMCell(3)], learn_initial_state=True),
    "both_ways": lambda: Bidirectional(LSTM(2, learn_initial_state=True)),
}


@pytest.mark.parametrize("name", LEARNED)
def test_learned_states_are_those_before_the_first_step_of_each_sequence(name, rng):
    layer = LEARNED[name]()
    layer.build(SHAPE)
    give_random_weights(layer, rng)
    learned = [weight for weight in layer.weights if "initial_state" in weight.path]
    x = rng.normal(size=SHAPE).astype("float32")
    states = [np.tile(weight, (3, 1)) for weight in learned]
    assert len(learned) == {"simple": 1, "lstm": 2, "cells": 3, "both_ways": 4}[name]
    assert_equal([layer(x)], [layer(x, initial_state=states)])
    assert np.abs(layer(x) - layer(x, initial_state=[0 * s for s in states])).max() > 1e-3
    train = tf.function(lambda: _gradients(layer, x, learned))
    assert all(np.abs(gradient).max() > 0 for gradient in train())
    again = type(layer).from_config(layer.get_config())
    again.build(SHAPE)
    again.set_weights(layer.get_weights())
    assert_equal([again(x)], [layer(x)])


def _gradients(layer, x, weights):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True))
    return tape.gradient(loss, weights)


def test_without_learned_states_nothing_of_them_is_in_config_or_weights():
    layer = LSTM(2)
    layer.build(SHAPE)
    assert len(layer.weights) == 3
    assert "learn_initial_state" not in layer.get_config()
