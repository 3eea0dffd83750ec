"""`convert`: whole models of Keras' layers into ours and back, and files that go both ways."""

import h5py
import keras
import numpy as np
import pytest
from reference.twins import assert_equal, give_random_weights

import keras_rnn
from keras_rnn import convert

X = np.random.default_rng(3).normal(size=(3, 5, 4)).astype("float32")
TOKENS = np.array([[1, 2, 3, 0, 0], [4, 3, 2, 1, 4], [1, 0, 0, 0, 0]])


def sequential(layers):
    return keras.Sequential(
        [
            keras.Input((5, 4)),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode="sum"),
            layers.Dropout(0.5),
            layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_sequences=True),
            layers.SimpleRNN(2, activation="relu", go_backwards=True),
        ]
    )


def translation(layers):
    """An encoder whose states start a decoder, both of them padded."""
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    embed = layers.Embedding(6, 4, mask_zero=True)
    states = layers.GRU(3, return_state=True, reset_after=False, name="encoder")(embed(source))[1]
    decoder = layers.GRU(3, return_sequences=True, name="decoder")
    hidden = decoder(layers.Embedding(6, 4)(target), initial_state=states)
    return keras.Model([source, target], layers.Dense(6)(hidden))


def nested(layers):
    inner = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3, return_sequences=True)])
    x = keras.Input((2, 5, 4))
    below = layers.TimeDistributed(layers.Bidirectional(layers.GRU(3)))(x)
    shared = layers.TimeDistributed(inner)
    return keras.Model(x, [below, shared(x), shared(2 * x)])


def stateful(layers):
    both = layers.Bidirectional(layers.LSTM(3, stateful=True, return_sequences=True))
    gru = layers.GRU(2, stateful=True, use_cudnn=False)
    return keras.Sequential([keras.Input(batch_shape=(3, 5, 4)), both, gru])


def dropping(layers):
    options = {"dropout": 0.5, "recurrent_dropout": 0.25, "seed": 1}
    rnn = layers.RNN(layers.SimpleRNNCell(3, **options))
    return keras.Sequential([keras.Input((5, 4)), rnn])


MODELS = {
    "sequential": (sequential, [X]),
    "translation": (translation, [[TOKENS, TOKENS[:, ::-1]]]),
    "nested": (nested, [np.stack([X, X[::-1]], axis=1)]),
    "stateful": (stateful, [X]),
    "dropping": (dropping, [X]),
}
# Files of a model within a model, and of one with states.
SAVED = [
    name if name in ("nested", "stateful") else pytest.param(name, marks=pytest.mark.slow)
    for name in MODELS
]
PACKAGES = {"keras": keras.layers, "keras_rnn": keras_rnn}
DIRECTIONS = [
    ("keras", "keras_rnn"),
    pytest.param("keras_rnn", "keras", marks=pytest.mark.slow),
]


def outputs(model, inputs):
    return keras.tree.flatten(model(*inputs))


def class_names(config):
    """The modules of all recurrent classes that a config names."""
    if isinstance(config, list | tuple):
        return set().union(*map(class_names, config))
    if not isinstance(config, dict):
        return set()
    here = {config["module"].split(".")[0]} if is_recurrent(config) else set()
    return here.union(*map(class_names, config.values()))


def is_recurrent(config):
    name = config.get("class_name")
    return isinstance(name, str) and ("RNN" in name or name[:4] in {"GRU", "LSTM", "GRUC", "Bidi"})


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("come", "go"), DIRECTIONS)
def test_a_converted_model_is_of_the_other_package_and_returns_the_same(name, come, go, rng):
    make, inputs = MODELS[name]
    model = give_random_weights(make(PACKAGES[come]), rng)
    copy = convert(model, to=go)
    assert class_names(keras.saving.serialize_keras_object(model)) == {come}
    assert class_names(keras.saving.serialize_keras_object(copy)) == {go}
    for _ in range(2):  # The second time, stateful layers have states.
        assert_equal(outputs(copy, inputs), outputs(model, inputs))
    again = convert(copy, to=come)
    assert_equal(outputs(again, inputs), outputs(model, inputs))


@pytest.mark.parametrize(("come", "go"), DIRECTIONS)
def test_states_move_with_the_weights(come, go, rng):
    model = give_random_weights(stateful(PACKAGES[come]), rng)
    first = model(X)
    copy = convert(model, to=go)
    second = copy(X)
    assert np.abs(second - first).max() > 1e-3
    assert_equal([second], [model(X)])


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize(("come", "go"), DIRECTIONS)
def test_a_file_of_weights_loads_into_a_model_of_the_other_package(name, come, go, rng, tmp_path):
    make, inputs = MODELS[name]
    model, other = (make(PACKAGES[package]) for package in (come, go))
    give_random_weights(model, rng).save_weights(tmp_path / "model.weights.h5")
    outputs(other, inputs)  # States are of no file: they stand where this call leaves them.
    other.load_weights(tmp_path / "model.weights.h5")
    outputs(other, inputs) if name != "stateful" else reset(other)
    assert_equal(outputs(other, inputs), outputs(model, inputs))


def entries(path):
    names = []
    with h5py.File(path) as file:
        file.visit(names.append)
    return names


@pytest.mark.parametrize("name", MODELS)
def test_files_of_weights_have_the_same_entries(name, tmp_path):
    for package in ("keras", "keras_rnn"):
        MODELS[name][0](PACKAGES[package]).save_weights(tmp_path / f"{package}.weights.h5")
    files = [entries(tmp_path / f"{package}.weights.h5") for package in PACKAGES]
    assert files[0] == files[1]


def reset(model):
    for layer in model.layers:
        layer.reset_state()


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize(("come", "go"), DIRECTIONS)
def test_a_saved_model_loads_and_converts(name, come, go, rng, tmp_path):
    make, inputs = MODELS[name]
    model = give_random_weights(make(PACKAGES[come]), rng)
    model.save(tmp_path / "model.keras")
    copy = convert(keras.models.load_model(tmp_path / "model.keras"), to=go)
    assert_equal(outputs(copy, inputs), outputs(model, inputs))


def test_our_copy_keeps_the_mask_that_keras_loses(rng):
    def model(layers):
        tokens, state = keras.Input((5,), dtype="int32"), keras.Input((3,))
        embedded = layers.Embedding(6, 4, mask_zero=True)(tokens)
        return keras.Model([tokens, state], layers.GRU(3)(embedded, initial_state=state))

    theirs = give_random_weights(model(keras.layers), rng)
    copy, ours = convert(theirs), model(keras_rnn)
    ours.set_weights(theirs.get_weights())
    inputs = [TOKENS, np.zeros((3, 3))]
    assert_equal([copy(inputs)], [ours(inputs)])
    assert np.abs(copy(inputs) - theirs(inputs)).max() > 1e-3


def test_a_layer_converts_on_its_own_and_unbuilt(rng):
    layer = convert(keras.layers.LSTM(3, dropout=0.25, seed=2))
    assert type(layer) is keras_rnn.LSTM
    assert not layer.built
    assert (layer.units, layer.dropout, layer.cell.seed) == (3, 0.25, 2)


def test_what_has_no_counterpart_is_copied(rng):
    class Own(keras.layers.LSTM):
        pass

    with keras.saving.custom_object_scope({"Own": Own}):
        video = keras.layers.Bidirectional(keras.layers.ConvLSTM1D(2, 3))
        model = keras.Sequential([keras.Input((2, 5, 4)), video, keras.layers.Flatten()])
        copy = convert(give_random_weights(model, rng))
        own = convert(Own(3))
    assert type(copy.layers[0]) is keras_rnn.Bidirectional
    assert type(copy.layers[0].forward_layer) is keras.layers.ConvLSTM1D
    x = rng.normal(size=(3, 2, 5, 4)).astype("float32")
    assert_equal([copy(x)], [model(x)])
    assert type(own) is Own


def test_a_compiled_model_is_compiled_again(rng):
    model = sequential(keras.layers)
    model.compile("sgd", "mse", run_eagerly=True)
    copy = convert(model)
    copy.fit(X, np.zeros((3, 2)), verbose=0)
    assert type(copy.optimizer) is keras.optimizers.SGD
    assert copy.optimizer is not model.optimizer


WITHOUT_COUNTERPART = {
    "stack": (
        lambda: keras_rnn.StackedRNN([keras_rnn.GRU(3)], name="deep"),
        r"layers that Keras has. Received: `StackedRNN` \(deep\)",
    ),
    "output_layer": (
        lambda: keras_rnn.Bidirectional(
            keras_rnn.GRU(3), output_layer=keras.layers.Dense(2), name="both"
        ),
        r"options that Keras has. Received: `Bidirectional` \(both\) with output_layer=",
    ),
    "learned": (
        lambda: keras_rnn.LSTM(3, learn_initial_state=True, name="mine"),
        r"Received: `LSTM` \(mine\) with learn_initial_state=True.*or keep it in `keras_rnn`",
    ),
}


@pytest.mark.parametrize("name", WITHOUT_COUNTERPART)
def test_what_keras_does_not_have_is_refused(name):
    make, message = WITHOUT_COUNTERPART[name]
    model = keras.Sequential([keras.Input((5, 4)), make()])
    with pytest.raises(ValueError, match=message):
        convert(model, to="keras")


def test_an_unknown_package_is_refused():
    with pytest.raises(ValueError, match="`to` to be one of 'keras_rnn', 'keras'"):
        convert(sequential(keras.layers), to="torch")


@keras.saving.register_keras_serializable("tests")
class MakesItsOwn(keras.Model):
    """A model whose config does not hold its layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.recurrent = keras.layers.LSTM(3)

    def call(self, x):
        return self.recurrent(x)


def test_a_model_that_makes_its_layers_itself_is_refused():
    model = MakesItsOwn(name="own")
    model(np.zeros((1, 2, 3), "float32"))
    with pytest.raises(ValueError, match=r"stand in the config.*`lstm.*`MakesItsOwn` makes itself"):
        convert(model)


@pytest.mark.parametrize("wrong", [[keras.layers.LSTM(3)], "model.keras", None])
def test_what_is_no_model_is_refused(wrong):
    with pytest.raises(ValueError, match="`convert` needs `model` to be a model or a layer"):
        convert(wrong)


def test_a_layer_shared_with_an_inner_model_is_refused():
    inputs, shared = keras.Input((None, 3)), keras.layers.LSTM(3, return_sequences=True)
    inner = keras.Model(inputs, shared(inputs))
    model = keras.Model(inputs, shared(inner(inputs)))
    with pytest.raises(ValueError, match="shares no layer with a model inside it"):
        convert(model)
