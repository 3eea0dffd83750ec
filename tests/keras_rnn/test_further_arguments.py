"""The further cells: their weights, layers, configs and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.further_cells import CELLS, CLASSES, KERNEL_FREE, make
from reference.twins import MASKS, assert_equal, assert_layers_equal, give_random_weights, twins

import keras_rnn
from keras_rnn import (
    RNN,
    SRU,
    IndRNNCell,
    LSTMCell,
    MaxAbsolute,
    MultiplicativeLSTM,
    ProjectedLSTM,
    ProjectedLSTMCell,
    SLSTMCell,
    SRUCell,
)

SHAPE = (3, 5, 4)


def test_an_input_of_another_size_is_projected_for_the_highway():
    for features, columns in ((3, 9), (4, 12)):
        cell = SRUCell(3)
        cell.build((None, features))
        assert cell.kernel.shape == (features, columns)


def test_the_highway_bias_is_where_the_reset_gate_starts():
    cell = SRUCell(2, highway_bias=-3.0, bias_initializer="ones")
    cell.build((None, 2))
    np.testing.assert_array_equal(cell.bias, [1, 1, -2, -2])


@pytest.mark.parametrize("name", CELLS)
def test_the_layer_of_its_name_is_rnn_around_the_cell(name, rng):
    cell_class, options = CELLS[name]
    layer_class = getattr(keras_rnn, cell_class.__name__.removesuffix("Cell"))
    layer = layer_class(3, **options, return_state=True, go_backwards=True)
    assert type(layer.cell) is cell_class
    assert all(getattr(layer, key) == value for key, value in options.items())
    wrapped = RNN(make(name), return_state=True, go_backwards=True)
    twins(layer, wrapped, SHAPE, rng)
    assert_layers_equal(layer, wrapped, rng.normal(size=SHAPE), mask=MASKS["right"])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    assert type(again) is layer_class


CONFIGS = [
    ("ind", {"recurrent_constraint": MaxAbsolute(1.5), "activation": "tanh", "use_bias": False}),
    ("mgu", {"recurrent_activation": "hard_sigmoid", "recurrent_dropout": 0.5}),
    ("multiplicative", {"unit_forget_bias": False, "seed": 4}),
    ("projected", {"recurrent_activation": "relu"}),
    ("slstm", {"forget_gate": "exponential", "heads": 3}),
    ("sru_first", {"highway_bias": -1.0, "rescale": False, "activation": "tanh"}),
    ("sru", {"recurrent_initializer": "zeros", "recurrent_regularizer": "l2"}),
    ("ssru", {"activation": "tanh", "kernel_regularizer": "l2"}),
    ("min_gru", {"activation": "swish", "dropout": 0.25}),
    ("min_lstm", {"use_bias": False, "name": "mine"}),
]


@pytest.mark.parametrize(("key", "options"), CONFIGS)
def test_config_makes_the_same_cell_again(key, options):
    cell, default = make(key, **options), make(key)
    config = cell.get_config()
    assert all(config[key] != default.get_config()[key] for key in options)
    again = type(cell).from_config(config)
    assert again.get_config() == config
    for name in options:
        assert type(getattr(again, name)) is type(getattr(cell, name))


@pytest.mark.parametrize("name", CELLS)
def test_cells_run_without_biases(name, rng):
    without, with_zeros = make(name, use_bias=False), make(name)
    for cell in (without, with_zeros):
        cell.build((None, 4))
    give_random_weights(with_zeros, rng)
    with_zeros.bias.assign(np.zeros_like(with_zeros.bias))
    without.set_weights([w.numpy() for w in with_zeros.weights if w is not with_zeros.bias])
    x, states = rng.normal(size=(2, 4)), [np.ones_like(s) for s in without.get_initial_state(2)]
    assert_equal(*([without(x, states)[0]], [with_zeros(x, states)[0]]))


def test_a_recurrent_weight_is_held_within_the_limit():
    cell = IndRNNCell(3, recurrent_constraint=MaxAbsolute(0.5))
    cell.build((None, 2))
    cell.recurrent_kernel.assign([0.0, 0.0, 0.0])
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.apply([tf.constant([0.2, -4.0, 4.0])], [cell.recurrent_kernel])
    np.testing.assert_allclose(cell.recurrent_kernel, [-0.2, 0.5, -0.5], rtol=1e-6)


@pytest.mark.parametrize("limit", [0, -1, "a", None, float("nan"), True])
def test_a_limit_that_is_no_positive_number_is_refused(limit):
    with pytest.raises(ValueError, match=rf"`MaxAbsolute` needs `limit`.*limit={limit!r}"):
        MaxAbsolute(limit)


def test_recurrent_weights_start_where_the_papers_say():
    for cell, low, high in ((IndRNNCell(900), 0, 1), (SRUCell(900), -(1.5**0.5), 1.5**0.5)):
        cell.build((None, 2))
        values = cell.recurrent_kernel.numpy()
        assert low <= values.min() < low + 0.05
        assert high - 0.05 < values.max() <= high


@pytest.mark.parametrize("cell_class", CLASSES)
@pytest.mark.parametrize("units", [0, -3, "a", True, None])
def test_units_that_are_no_size_are_refused(cell_class, units):
    message = rf"`{cell_class.__name__}` needs `units` to be a positive integer.*units={units!r}"
    with pytest.raises(ValueError, match=message):
        cell_class(units, **CLASSES[cell_class])


@pytest.mark.parametrize("projection", [0, -1, 2.0, "a"])
def test_a_projection_that_is_no_size_is_refused(projection):
    message = rf"`ProjectedLSTMCell` needs `projection` to be a positive.*projection={projection!r}"
    with pytest.raises(ValueError, match=message):
        ProjectedLSTMCell(4, projection)


def test_heads_that_do_not_divide_the_units_are_refused():
    message = r"`SLSTMCell` needs `heads` to divide `units`. Received: heads=3, units=4. .*units=3"
    with pytest.raises(ValueError, match=message):
        SLSTMCell(4, heads=3)
    with pytest.raises(ValueError, match=r"`heads` to be a positive integer.*heads=0"):
        SLSTMCell(4, heads=0)


def test_an_unknown_forget_gate_is_refused():
    message = "`forget_gate` to be one of 'sigmoid', 'exponential'. Received: forget_gate='tanh'"
    with pytest.raises(ValueError, match=message):
        SLSTMCell(4, forget_gate="tanh")


@pytest.mark.parametrize("name", KERNEL_FREE)
@pytest.mark.parametrize("argument", ["recurrent_dropout", "recurrent_activation"])
def test_an_argument_about_a_recurrent_kernel_is_refused_where_there_is_none(name, argument):
    message = rf"needs no argument about a recurrent matrix.*Received: {argument}=0\.5\. Leave it"
    with pytest.raises(ValueError, match=message):
        make(name, **{argument: 0.5})
    make(name, recurrent_dropout=0.0)


def test_a_simple_recurrent_unit_has_recurrent_weights_only_if_its_gates_read_the_state():
    SRUCell(3, recurrent_initializer="zeros")
    with pytest.raises(ValueError, match="about a recurrent matrix: it has none"):
        SRUCell(3, gates_read_state=False, recurrent_initializer="zeros")


def test_an_unknown_activation_is_refused():
    for name in CELLS:
        message = r"Cell` needs `activation` to be an activation.*Received: activation='nonsense'"
        with pytest.raises(ValueError, match=message):
            make(name, activation="nonsense")
    with pytest.raises(ValueError, match=r"`LSTMCell` needs `recurrent_activation` to be an acti"):
        LSTMCell(4, recurrent_activation=3)


def test_arguments_by_position_stand_as_in_the_cell():
    assert MultiplicativeLSTM(3, "relu", "hard_sigmoid").recurrent_activation.__name__ == (
        "hard_sigmoid"
    )
    assert ProjectedLSTM(3, 2).projection == 2
    assert SRU(3, "tanh", False).use_bias is False
