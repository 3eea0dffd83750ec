"""The cells of TensorFlow Addons as it had them: weights, arguments, configs, numbers; errors."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.addons_configs import CONFIGS, ORDER, of_tensorflow_2_11, of_tensorflow_2_13
from reference.addons_oracles import named_weights

import keras_rnn
from keras_rnn import (
    ESNCell,
    LayerNormGRU,
    LayerNormGRUCell,
    LayerNormLSTM,
    LayerNormLSTMCell,
    LayerNormSimpleRNNCell,
    NASCell,
    PeepholeLSTMCell,
)

LSTM_WEIGHTS = {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
WEIGHTS = {
    "LayerNormLSTMCell": {
        **LSTM_WEIGHTS,
        "kernel_norm/gamma": (16,),
        "kernel_norm/beta": (16,),
        "recurrent_norm/gamma": (16,),
        "recurrent_norm/beta": (16,),
        "state_norm/gamma": (4,),
        "state_norm/beta": (4,),
    },
    "LayerNormSimpleRNNCell": {
        **{"kernel": (3, 4), "recurrent_kernel": (4, 4), "bias": (4,)},
        "layernorm/gamma": (4,),
    },
    "LayerNormGRUCell": {
        **{"kernel": (3, 12), "recurrent_kernel": (4, 12), "bias": (12,)},
        "kernel_gates_norm/gamma": (8,),
        "kernel_gates_norm/beta": (8,),
        "kernel_candidate_norm/gamma": (4,),
        "kernel_candidate_norm/beta": (4,),
        "recurrent_gates_norm/gamma": (8,),
        "recurrent_gates_norm/beta": (8,),
        "recurrent_candidate_norm/gamma": (4,),
        "recurrent_candidate_norm/beta": (4,),
    },
    "PeepholeLSTMCell": {
        **LSTM_WEIGHTS,
        "input_gate_peephole_weights": (4,),
        "forget_gate_peephole_weights": (4,),
        "output_gate_peephole_weights": (4,),
    },
    "NASCell": {
        **{"recurrent_kernel": (2, 32), "kernel": (3, 32), "bias": (32,)},
        "projection_weights": (4, 2),
    },
    "ESNCell": {"recurrent_kernel": (4, 4), "kernel": (3, 4), "bias": (4,)},
}
OPTIONS = {"NASCell": {"projection": 2, "use_bias": True}}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_have_the_names_the_order_and_the_shapes_of_addons(name):
    cell = getattr(keras_rnn, name)(4, **OPTIONS.get(name, {}))
    cell.build((None, 3))
    assert [(key, value.shape) for key, value in named_weights(cell).items()] == [
        *WEIGHTS[name].items()
    ]
    assert len(cell.trainable_weights) == (0 if name == "ESNCell" else len(cell.weights))


@pytest.mark.parametrize("name", ORDER)
def test_arguments_by_position_stand_in_the_order_of_addons(name):
    cls = getattr(keras_rnn, name)
    given = [CONFIGS[name][argument] for argument in ORDER[name]]
    config = cls(*given).get_config()
    named = cls(**dict(zip(ORDER[name], given, strict=True))).get_config()
    assert config | {"name": ""} == named | {"name": ""}
    for argument in ORDER[name]:
        if isinstance(CONFIGS[name][argument], int | float):
            assert config[argument] == CONFIGS[name][argument]
    layer = getattr(keras_rnn, name.removesuffix("Cell"))(*given)
    assert layer.cell.get_config() | {"name": ""} == config | {"name": ""}


@pytest.mark.parametrize("name", ORDER)
def test_defaults_are_seen_in_the_signature(name):
    parameters = inspect.signature(getattr(keras_rnn, name)).parameters
    config = getattr(keras_rnn, name)(4).get_config()
    for argument in ORDER[name][1:]:
        default = parameters[argument].default
        if not isinstance(config[argument], dict):
            assert default == config[argument], argument


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("form", [of_tensorflow_2_11, of_tensorflow_2_13])
def test_a_config_that_addons_saved_makes_the_cell(name, form):
    written = json.loads(json.dumps(form(name)))
    cell = keras.saving.deserialize_keras_object(written)
    assert type(cell) is getattr(keras_rnn, name)
    config = cell.get_config()
    for key, value in CONFIGS[name].items():
        if isinstance(value, dict):
            found = getattr(cell, key)
            assert type(found).__name__ == value["class_name"]
            assert all(getattr(found, k) == v for k, v in value["config"].items() if v is not None)
        elif key not in {"implementation", "dtype"} and "initializer" not in key:
            assert config[key] == value
    assert cell.compute_dtype == "float32"


def test_a_model_around_a_cell_that_addons_saved_runs(rng):
    written = {
        "class_name": "RNN",
        "module": "keras.layers",
        "registered_name": None,
        "config": {"return_sequences": True, "cell": of_tensorflow_2_13("LayerNormLSTMCell")},
    }
    layer = keras.saving.deserialize_keras_object(written)
    assert layer(rng.normal(size=(2, 5, 3))).shape == (2, 5, 4)
    assert len(layer.losses) == 1


ROUND_TRIPS = [
    (LayerNormLSTMCell, {"norm_epsilon": 0.5, "norm_beta_initializer": "ones", "dropout": 0.25}),
    (LayerNormLSTMCell, {"norm_gamma_initializer": "zeros", "unit_forget_bias": False}),
    (LayerNormGRUCell, {"norm_epsilon": 0.5, "recurrent_activation": "hard_sigmoid", "seed": 3}),
    (LayerNormGRUCell, {"norm_gamma_initializer": "zeros", "use_bias": False}),
    (LayerNormSimpleRNNCell, {"layernorm_epsilon": 0.5, "gamma_initializer": "zeros"}),
    (LayerNormSimpleRNNCell, {"gamma_regularizer": "l2", "gamma_constraint": "non_neg"}),
    (PeepholeLSTMCell, {"recurrent_activation": "hard_sigmoid", "recurrent_dropout": 0.5}),
    (NASCell, {"projection": 2, "use_bias": True, "kernel_initializer": "ones"}),
    (NASCell, {"recurrent_initializer": "ones", "bias_initializer": "ones", "name": "mine"}),
    (NASCell, {"projection_initializer": "ones", "dtype": "float64"}),
    (ESNCell, {"connectivity": 0.5, "leaky": 0.3, "spectral_radius": 0.5, "seed": 3}),
    (ESNCell, {"use_norm2": True, "use_bias": False, "activation": "relu"}),
    (ESNCell, {"kernel_initializer": "ones", "bias_initializer": "ones"}),
    (ESNCell, {"recurrent_initializer": "ones"}),
]


@pytest.mark.parametrize(("cell_class", "options"), ROUND_TRIPS)
def test_config_makes_the_same_cell_again(cell_class, options):
    cell = cell_class(4, **options)
    config, default = cell.get_config(), cell_class(4).get_config()
    assert all(config[name] != default[name] for name in options)
    written = json.loads(json.dumps(keras.saving.serialize_keras_object(cell)))
    again = keras.saving.deserialize_keras_object(written)
    assert again.get_config() == config
    for name in options:
        assert type(getattr(again, name)) is type(getattr(cell, name))


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_saved_model_has_the_weights_and_the_outputs(name, rng, tmp_path):
    layer = getattr(keras_rnn, name.removesuffix("Cell"))(4, **OPTIONS.get(name, {}))
    model = keras.Sequential([keras.Input((5, 3)), layer])
    model.set_weights([rng.normal(size=weight.shape) for weight in model.weights])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = rng.normal(size=(2, 5, 3))
    np.testing.assert_array_equal(again(x), model(x))
    assert again.layers[0].get_config() == layer.get_config()


def test_the_numbers_of_addons():
    half = keras.initializers.Constant(0.5)
    kernels = {"kernel_initializer": half, "recurrent_initializer": half}
    x = np.repeat([[1.0], [2.0], [3.0]], 4, axis=1)
    state = np.full((3, 6), 0.1)
    m, (c, _) = NASCell(6, **kernels)(x, [state, state])
    np.testing.assert_allclose(m[:, 0], [0.576751, 0.618936, 0.627393], rtol=2e-6)
    np.testing.assert_allclose(c[:, 0], [0.7157977, 0.7804162, 0.7945764], rtol=2e-6)
    projected = NASCell(6, projection=5, projection_initializer=half, **kernels)
    m, (c, _) = projected(x, [state, state[:, :5]])
    np.testing.assert_allclose(m[:, 4], [1.697418, 1.840037, 1.873985], rtol=2e-6)
    np.testing.assert_allclose(c[:, 5], [0.69855207, 0.77073824, 0.78973997], rtol=2e-6)

    cell = LayerNormLSTMCell(2, bias_initializer=half, norm_epsilon=1e-12, **kernels)
    h, (_, c) = cell(np.ones((1, 3)), [np.array([[0.2, 0.3]]), np.array([[0.0, 0.1]])])
    np.testing.assert_allclose(h, [[-0.47406167, 0.47406143]], rtol=1e-5)
    np.testing.assert_allclose(c, [[-1.0, 1.0]], rtol=1e-5)

    cell = PeepholeLSTMCell(5, kernel_initializer="ones")
    h, _ = cell(tf.one_hot([1, 2, 3, 4], 4), cell.get_initial_state(4))
    np.testing.assert_allclose(h[:, 2], [0.417551, 0.417551, 0.417551, 0.0], atol=1e-6)

    cell = ESNCell(3, 1, use_norm2=True, activation=None, bias_initializer=half, **kernels)
    h, _ = cell(x, [np.full((3, 3), 0.3)])
    np.testing.assert_allclose(h[:, 1], [2.77, 4.77, 6.77], rtol=1e-5)


FILLED = [
    (LayerNormLSTMCell, "norm_gamma_initializer", "_norm/gamma"),
    (LayerNormLSTMCell, "norm_beta_initializer", "_norm/beta"),
    (LayerNormGRUCell, "norm_gamma_initializer", "_norm/gamma"),
    (LayerNormGRUCell, "norm_beta_initializer", "_norm/beta"),
    (LayerNormSimpleRNNCell, "gamma_initializer", "layernorm/gamma"),
    *[
        (NASCell, f"{name}_initializer", weight)
        for name, weight in {
            "kernel": "kernel",
            "recurrent": "recurrent_kernel",
            "projection": "projection_weights",
            "bias": "bias",
        }.items()
    ],
    (ESNCell, "kernel_initializer", "kernel"),
    (ESNCell, "bias_initializer", "bias"),
]


@pytest.mark.parametrize(("cls", "name", "weights"), FILLED)
def test_each_initializer_fills_its_own_weights(cls, name, weights):
    quarters = keras.initializers.Constant(0.25)
    cell = cls(4, **{name: quarters}, **OPTIONS.get(cls.__name__, {}))
    cell.build((None, 3))
    for path, value in named_weights(cell).items():
        is_filled = path.endswith(weights) if weights.startswith("_") else path == weights
        assert np.all(value == 0.25) == is_filled, path


def test_each_weight_has_its_own_penalty_and_constraint():
    cell = LayerNormSimpleRNNCell(
        5,
        kernel_regularizer="l1",
        recurrent_regularizer="l1",
        bias_regularizer="l2",
        gamma_regularizer="l2",
        gamma_constraint="non_neg",
    )
    cell.build((None, 2))
    assert len(cell.losses) == 4
    assert cell.layernorm.gamma.constraint is cell.gamma_constraint


FRACTION = r"`ESNCell` needs `{}` to be a number from 0 to 1. Received: {}=.*for example `{}=0.5`"
ABOVE_ZERO = r"`{}` needs `{}` to be a finite number above 0. Received: {}=.*example `{}=0.001`"


@pytest.mark.parametrize("name", ["connectivity", "leaky"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "a", None, True])
def test_fractions_outside_zero_and_one_are_refused(name, value):
    with pytest.raises(ValueError, match=FRACTION.format(name, name, name)):
        ESNCell(4, **{name: value})


@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan"), "a", None])
def test_a_spectral_radius_below_zero_is_refused(value):
    with pytest.raises(ValueError, match=r"`spectral_radius` to be a finite number of at least 0"):
        ESNCell(4, spectral_radius=value)


@pytest.mark.parametrize("value", [0, -1e-3, float("inf"), float("nan"), "a", None])
@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (LayerNormLSTMCell, "norm_epsilon"),
        (LayerNormGRUCell, "norm_epsilon"),
        (LayerNormSimpleRNNCell, "layernorm_epsilon"),
    ],
)
def test_an_epsilon_that_is_not_above_zero_is_refused(cls, name, value):
    with pytest.raises(ValueError, match=ABOVE_ZERO.format(cls.__name__, name, name, name)):
        cls(4, **{name: value})


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("units", [0, -3, 2.5, "a", None])
def test_units_that_are_no_size_are_refused(name, units):
    message = rf"`{name}` needs `units` to be a positive integer.*units={units!r}.*`{name}\(units="
    with pytest.raises(ValueError, match=message):
        getattr(keras_rnn, name)(units)


@pytest.mark.parametrize("projection", [0, -3, 2.5, "a"])
def test_a_projection_that_is_no_size_is_refused(projection):
    message = rf"`NASCell` needs `projection` to be a positive integer.*projection={projection!r}"
    with pytest.raises(ValueError, match=message):
        NASCell(4, projection=projection)


@pytest.mark.parametrize("cls", [LayerNormLSTM, LayerNormGRU, ESNCell, PeepholeLSTMCell])
def test_an_unknown_activation_is_named(cls):
    with pytest.raises(ValueError, match=r"be an activation.*Received: activation='wish'"):
        cls(4, activation="wish")


@pytest.mark.parametrize("cls", [LayerNormLSTMCell, LayerNormGRUCell, LayerNormSimpleRNNCell])
def test_rates_outside_zero_and_one_are_refused(cls):
    with pytest.raises(ValueError, match=rf"`{cls.__name__}` needs `dropout` to be a rate"):
        cls(4, dropout=1.5)
