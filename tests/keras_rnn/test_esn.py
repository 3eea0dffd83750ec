"""The echo state cell: how its reservoir is drawn, and that it echoes and is not trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import ESN, RNN, ESNCell


def drawn(units=40, features=3, **options):
    cell = ESNCell(units, **options)
    cell.build((None, features))
    return cell


def reservoir(**options):
    return np.array(drawn(**options).recurrent_kernel.numpy(), "float64")


def radius(matrix):
    return np.abs(np.linalg.eigvals(matrix)).max()


@pytest.mark.parametrize("wanted", [0.0, 0.3, 0.9, 1.7])
@pytest.mark.parametrize("connectivity", [0.1, 1.0])
def test_the_radius_is_the_largest_eigenvalue(wanted, connectivity):
    matrix = reservoir(spectral_radius=wanted, connectivity=connectivity, seed=2)
    np.testing.assert_allclose(radius(matrix), wanted, rtol=1e-5)


def test_a_radius_of_complex_eigenvalues_is_found_too():
    rotation = np.kron(np.eye(2), [[0.0, -3.0], [3.0, 0.0]]) + np.diag([0, 0, 0.5, 0.5])
    matrix = reservoir(units=4, connectivity=1, recurrent_initializer=rotation)
    np.testing.assert_allclose(matrix, rotation * 0.9 / radius(rotation), atol=1e-6)


def test_a_defective_matrix_has_the_radius_of_its_one_eigenvalue():
    jordan = 0.5 * np.eye(4) + np.diag([1.0, 1.0, 1.0], 1)
    matrix = reservoir(units=4, connectivity=1, recurrent_initializer=jordan)
    np.testing.assert_allclose(matrix, jordan * 0.9 / 0.5, rtol=1e-5)


@pytest.mark.parametrize("seed", [1, 2])
def test_by_the_norm_the_sum_of_squares_is_scaled_and_bounds_the_radius(seed):
    matrix = reservoir(use_norm2=True, seed=seed)
    np.testing.assert_allclose(np.sqrt(np.sum(matrix**2)), 0.9, rtol=1e-5)
    assert 0 < radius(matrix) < 0.9


@pytest.mark.parametrize("use_norm2", [False, True])
def test_a_reservoir_without_connections_is_zero(use_norm2):
    matrix = reservoir(connectivity=0.0, use_norm2=use_norm2)
    np.testing.assert_array_equal(matrix, np.zeros((40, 40)))


def test_a_reservoir_without_cycles_stays_as_it_was_drawn():
    order = np.random.default_rng(3).permutation(6)
    chain = np.triu(np.random.default_rng(4).normal(size=(6, 6)), 1)[order][:, order]
    matrix = reservoir(units=6, connectivity=1, recurrent_initializer=chain)
    np.testing.assert_allclose(matrix, chain, rtol=1e-6)


@pytest.mark.parametrize("connectivity", [0.1, 0.5, 1.0])
def test_connections_are_as_many_as_said_and_do_not_depend_on_their_weights(connectivity):
    matrix = reservoir(units=100, connectivity=connectivity, seed=4)
    connected = matrix != 0
    np.testing.assert_allclose(connected.mean(), connectivity, atol=0.02)
    spread = np.abs(matrix).max()
    assert np.abs(matrix[connected].mean()) < 0.1 * spread
    for axis in (0, 1):
        assert connected.mean(axis=axis).std() < 0.1


def test_one_seed_makes_one_reservoir_and_another_seed_another():
    first, again, other = (drawn(seed=seed).get_weights() for seed in (3, 3, 4))
    for one, same, different in zip(first[:2], again[:2], other[:2], strict=True):
        np.testing.assert_array_equal(one, same)
        assert np.abs(one - different).max() > 1e-3
    assert np.any((first[0] != 0) != (other[0] != 0))
    assert np.abs(drawn().kernel - drawn().kernel).max() > 1e-3


def test_an_initializer_with_a_seed_keeps_it_and_a_config_makes_the_same_weights():
    initializer = keras.initializers.RandomNormal(seed=8)
    cell = drawn(seed=3, kernel_initializer=initializer, bias_initializer="random_normal")
    np.testing.assert_array_equal(cell.kernel, initializer((3, 40)))
    again = ESNCell.from_config(cell.get_config())
    again.build((None, 3))
    for one, other in zip(cell.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in cell.weights]


def distance(x, rng, **options):
    """How far apart two states are after each step, having begun anywhere and read the same."""
    layer = RNN(ESNCell(40, seed=2, **options), return_sequences=True)
    starts = rng.normal(size=(2 * len(x), 40)).astype("float32")
    first, second = np.split(layer(np.concatenate([x, x]), initial_state=[starts]), 2)
    return np.abs(first - second)


@pytest.mark.parametrize("options", [{}, {"leaky": 0.3}, {"use_norm2": True}])
def test_the_reservoir_forgets_the_state_in_which_it_began(options, rng):
    x = rng.normal(size=(2, 150, 3)).astype("float32")
    apart = distance(x, rng, **options)
    assert apart[:, 0].max() > 0.1
    assert apart[:, -1].max() < 1e-4


def test_a_radius_above_one_remembers_it_where_nothing_comes_in(rng):
    x = np.zeros((2, 150, 3), "float32")
    apart = distance(x, rng, spectral_radius=3.0, connectivity=1.0)
    assert apart[:, -1].max() > 0.1


def test_training_leaves_the_reservoir_alone_and_fits_what_reads_it(rng):
    reader = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((6, 3)), ESN(20, seed=1), reader])
    model.compile("sgd", "mse")
    before, untrained = model.layers[0].get_weights(), reader.get_weights()
    x = rng.normal(size=(8, 6, 3))
    model.fit(x, x[:, -1, :1], epochs=2, verbose=0)
    for one, other in zip(before, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(reader.get_weights()[0] - untrained[0]).max() > 1e-4


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_reservoir_is_scaled_in_any_type(dtype):
    matrix = tf.cast(drawn(seed=2, dtype=dtype).recurrent_kernel.value, "float64").numpy()
    np.testing.assert_allclose(radius(matrix), 0.9, rtol=2e-2 if dtype != "float64" else 1e-6)


def test_a_reservoir_is_drawn_within_a_graph_too(rng):
    layer = RNN(ESNCell(40, seed=2))
    x = tf.constant(rng.normal(size=(2, 5, 3)), "float32")
    output = tf.function(layer)(x)
    np.testing.assert_array_equal(layer.cell.recurrent_kernel, drawn(seed=2).recurrent_kernel)
    np.testing.assert_allclose(output, layer(x), atol=1e-6)


@pytest.mark.parametrize("seed", ["a", -1, 1.5, True])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="`ESNCell` needs `seed` to be `None` or an integer"):
        ESNCell(4, seed=seed)
