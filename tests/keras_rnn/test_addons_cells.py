"""The cells of TensorFlow Addons and the layer-normalised GRU: steps, masks, dropout, gradients."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from reference.addons_oracles import (
    esn_step,
    layer_norm_gru_step,
    layer_norm_lstm_step,
    layer_norm_simple_step,
    named_weights,
    nas_step,
    peephole_lstm_step,
)
from reference.cells import run
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained_in_graph,
)
from reference.twins import MASKS, give_random_weights

from keras_rnn import (
    RNN,
    ESNCell,
    LayerNormGRUCell,
    LayerNormLSTMCell,
    LayerNormSimpleRNNCell,
    NASCell,
    PeepholeLSTMCell,
)

CELLS = {
    "layer_norm_lstm": (LayerNormLSTMCell, layer_norm_lstm_step, {}),
    "layer_norm_lstm_without_bias": (LayerNormLSTMCell, layer_norm_lstm_step, {"use_bias": False}),
    "layer_norm_gru": (LayerNormGRUCell, layer_norm_gru_step, {}),
    "layer_norm_gru_without_bias": (LayerNormGRUCell, layer_norm_gru_step, {"use_bias": False}),
    "layer_norm_simple": (LayerNormSimpleRNNCell, layer_norm_simple_step, {}),
    "layer_norm_simple_without_bias": (
        LayerNormSimpleRNNCell,
        layer_norm_simple_step,
        {"use_bias": False},
    ),
    "peephole": (PeepholeLSTMCell, peephole_lstm_step, {}),
    "nas": (NASCell, nas_step, {}),
    "nas_projected": (NASCell, nas_step, {"projection": 2, "use_bias": True}),
    "esn": (ESNCell, esn_step, {}),
    "esn_leaky": (
        ESNCell,
        functools.partial(esn_step, leaky=0.3),
        {"leaky": 0.3, "use_bias": False},
    ),
}
DROPPING = {
    "layer_norm_lstm": (LayerNormLSTMCell, layer_norm_lstm_step),
    "layer_norm_gru": (LayerNormGRUCell, layer_norm_gru_step),
    "layer_norm_simple": (LayerNormSimpleRNNCell, layer_norm_simple_step),
    "peephole": (PeepholeLSTMCell, peephole_lstm_step),
}
WITH_BIAS = [name for name in CELLS if not name.endswith("without_bias")]
SHAPE = (3, 5, 2)


def built(name, units, features, rng, **options):
    cell_class, step, own = CELLS[name]
    cell = cell_class(units, **own, **options)
    cell.build((None, features))
    give_random_weights(cell, rng)
    return cell, functools.partial(step, weights=named_weights(cell))


def random_states(cell, batch, rng):
    return [rng.normal(size=zeros.shape) for zeros in cell.get_initial_state(batch)]


def assert_all_close(ours, wanted):
    assert len(ours) == len(wanted)
    for one, other in zip(ours, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("batch", "features", "units"), [(1, 1, 1), (3, 5, 4)])
def test_step_equals_numpy_reference(name, batch, features, units, rng):
    cell, oracle = built(name, units, features, rng)
    x, states = rng.normal(size=(batch, features)), random_states(cell, batch, rng)
    output, after = cell(x, states)
    expected, expected_after = oracle(x, states)
    assert_all_close([output, *after], [expected, *expected_after])


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("mask", [pytest.param("none", marks=pytest.mark.slow), "holes"])
def test_a_masked_sequence_equals_numpy_reference(name, mask, rng):
    cell, oracle = built(name, 4, 2, rng)
    x, states = rng.normal(size=SHAPE), random_states(cell, 3, rng)
    layer = RNN(cell, return_sequences=True, return_state=True)
    outputs, *after = layer(x, initial_state=states, mask=MASKS[mask])
    expected, _, wanted = run(oracle, x, states, MASKS[mask], size=cell.output_size)
    assert_all_close([outputs, *after], [expected, *wanted])


@pytest.mark.parametrize("name", DROPPING)
def test_dropout_has_one_mask_for_all_steps_of_a_call(name, rng):
    cell_class, step = DROPPING[name]
    cell = cell_class(4, dropout=0.5, recurrent_dropout=0.5, seed=3)
    masks = cell_class.from_config(cell.get_config()).draw_noise(3, 2)
    cell.build((None, 2))
    give_random_weights(cell, rng)
    x = rng.normal(size=SHAPE)
    output = RNN(cell, return_sequences=True)(x, training=True)
    for row in range(3):
        kept_inputs, kept = (np.array(mask)[row : row + 1] for mask in masks[:2])
        oracle = functools.partial(step, weights=named_weights(cell), kept=kept)
        states = [np.zeros((1, 4)) for _ in cell.get_initial_state(1)]
        expected, _, _ = run(oracle, x[row : row + 1] * kept_inputs[:, None], states)
        np.testing.assert_allclose(output[row : row + 1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DROPPING)
def test_each_call_in_training_draws_new_masks_and_inference_none(name, rng):
    cell = DROPPING[name][0](4, dropout=0.5, recurrent_dropout=0.5, seed=3)
    layer, x = RNN(cell), rng.normal(size=SHAPE)
    at_inference, first, second = layer(x), layer(x, training=True), layer(x, training=True)
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(first - at_inference).max() > 1e-3
    np.testing.assert_array_equal(at_inference, layer(x))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WITH_BIAS)))
def test_the_written_out_gradient_is_that_of_automatic_differentiation(number, rng, monkeypatch):
    name = WITH_BIAS[number]
    dropout = {"dropout": 0.4, "recurrent_dropout": 0.4, "seed": 1} if name in DROPPING else {}
    cell, _ = built(name, 3, 2, rng, dtype="float64", **dropout)
    layer = RNN(cell, return_sequences=number % 3 != 0, return_state=True)
    x, states = tf.constant(rng.normal(size=SHAPE)), random_states(cell, 3, rng)
    call = {"initial_state": [tf.constant(state) for state in states]}
    call["mask"] = list(MASKS.values())[number % len(MASKS)]
    wanted = automatically_trained(layer, x, **call)
    taken = spy_on_written_out(monkeypatch)
    found = trained_in_graph(layer, x, **call)
    assert len(taken) == 1
    assert_close(found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["layer_norm_lstm", "layer_norm_gru", "peephole", "nas_projected"])
def test_finite_differences_of_the_oracle_confirm_the_gradient(name, rng):
    cell, oracle = built(name, 3, 2, rng, dtype="float64")
    layer, x = RNN(cell), rng.normal(size=SHAPE)
    states = random_states(cell, 3, rng)
    before = named_weights(cell)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, initial_state=states, training=True) ** 2)
    gradients = tape.gradient(loss, cell.trainable_weights)

    def loss_at(weights):
        _, last, _ = run(
            functools.partial(oracle.func, weights=weights), x, states, size=cell.output_size
        )
        return np.sum(last**2)

    for (weight, value), gradient in zip(before.items(), gradients, strict=True):
        direction = rng.normal(size=gradient.shape)
        ahead, behind = (
            loss_at(before | {weight: value + size * direction}) for size in (1e-6, -1e-6)
        )
        slope = (ahead - behind) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "name",
    ["layer_norm_lstm", "layer_norm_gru", "layer_norm_simple", "peephole", "nas_projected", "esn"],
)
def test_mixed_precision_keeps_the_weights_and_is_close_to_float32(name, dtype, rng):
    cell, oracle = built(name, 4, 2, rng, dtype=dtype)
    layer, x = RNN(cell, return_sequences=True, dtype=dtype), rng.normal(size=SHAPE)
    output = layer(x, training=True)
    assert {weight.dtype for weight in cell.weights} == {"float32"}
    assert output.dtype == cell.compute_dtype
    states = [np.zeros(zeros.shape) for zeros in cell.get_initial_state(3)]
    expected, _, _ = run(oracle, x, states, size=cell.output_size)
    atol = 0.02 if dtype == "mixed_float16" else 0.2
    np.testing.assert_allclose(tf.cast(output, "float32"), expected, atol=atol)
    assert np.abs(tf.cast(output, "float32") - expected).mean() < atol / 4
