"""The further cells: against their papers, in training, their dropout, in half precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.cells import lstm_step, run, with_weights
from reference.further_cells import CELLS, KERNEL_FREE, RECURRENT, make
from reference.further_oracles import (
    ind_rnn_step,
    mgu_step,
    min_gru_step,
    min_lstm_step,
    multiplicative_lstm_step,
    projected_lstm_step,
    sru_step,
    ssru_step,
)
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained_in_graph,
)
from reference.twins import MASKS, assert_equal, assert_layers_equal, give_random_weights, twins

from keras_rnn import RNN, MinLSTMCell, ProjectedLSTM, ProjectedLSTMCell

SHAPE = (3, 5, 4)
STEPS = {
    "ind": ind_rnn_step,
    "mgu": mgu_step,
    "multiplicative": multiplicative_lstm_step,
    "projected": projected_lstm_step,
    "sru": sru_step,
    "sru_first": sru_step,
    "ssru": ssru_step,
    "min_gru": min_gru_step,
    "min_lstm": min_lstm_step,
}


def ready(layer, rng, shape=SHAPE):
    layer.build(shape)
    return give_random_weights(layer, rng)


def random_states(cell, batch, rng):
    return [np.abs(rng.normal(size=zeros.shape)) for zeros in cell.get_initial_state(batch)]


def oracle_of(name, cell, **options):
    return with_weights(STEPS[name], cell.get_weights(), **options)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("batch", "features", "units"), [(1, 1, 1), (3, 5, 4), (2, 3, 3)])
def test_step_equals_the_papers_equations(name, batch, features, units, rng):
    cell = make(name, units)
    ready(cell, rng, (None, features))
    x, states = rng.normal(size=(batch, features)), random_states(cell, batch, rng)
    output, after = cell(x, states)
    expected, expected_after = oracle_of(name, cell)(x, states)
    assert_equal([output, *after], [expected, *expected_after], atol=1e-6)


@pytest.mark.parametrize("name", STEPS)
def test_a_sequence_equals_the_papers_loop_under_a_mask(name, rng):
    layer = ready(RNN(make(name), return_sequences=True, return_state=True), rng)
    x, states = rng.normal(size=SHAPE), random_states(layer.cell, 3, rng)
    step = oracle_of(name, layer)
    for training in (False, True):
        outputs, _, last = run(step, x, states, MASKS["holes"])
        found = layer(x, mask=MASKS["holes"], initial_state=states, training=training)
        assert_equal(found, [outputs, *last])


def test_a_projection_onto_itself_makes_an_lstm_of_it(rng):
    cell = ready(ProjectedLSTMCell(4, 4), rng, (None, 5))
    *weights, _ = cell.get_weights()
    cell.set_weights([*weights, np.eye(4)])
    x, states = rng.normal(size=(3, 5)), random_states(cell, 3, rng)
    expected, expected_states = lstm_step(x, states, *weights)
    output, after = cell(x, states)
    assert_equal([output, *after], [expected, *expected_states])


def test_the_projection_is_the_output_and_the_first_state():
    layer = ProjectedLSTM(6, 2, return_sequences=True, return_state=True)
    sequences, r, c = layer(np.zeros(SHAPE))
    assert layer.cell.state_size == [2, 6]
    assert (sequences.shape, r.shape, c.shape) == ((3, 5, 2), (3, 2), (3, 6))
    assert layer.compute_output_shape(SHAPE) == ((3, 5, 2), (3, 2), (3, 6))


@pytest.mark.parametrize(
    ("options", "scale"),
    [({"rescale": False}, 1.0), ({"highway_bias": -2}, (1 + 2 / np.e**2) ** 0.5)],
)
def test_the_highway_of_a_simple_recurrent_unit_is_scaled_by_its_first_bias(options, scale, rng):
    cell = ready(make("sru", 4, **options), rng, (None, 4))
    x, states = rng.normal(size=(3, 4)), random_states(cell, 3, rng)
    output, _ = cell(x, states)
    expected, _ = oracle_of("sru", cell, scale=scale)(x, states)
    assert_equal([output], [expected], atol=1e-6)


def test_gates_of_a_minimal_lstm_that_are_closed_still_share_out(rng):
    cell = ready(MinLSTMCell(1, dtype="float16"), rng, (None, 1))
    cell.set_weights([np.zeros((1, 3)), np.array([-40.0, -40.0, 2.0])])
    output, _ = cell(np.zeros((1, 1)), [np.full((1, 1), 4.0)])
    np.testing.assert_allclose(output, [[3.0]], rtol=1e-3)


@pytest.mark.parametrize("name", ["ind", "mgu", "multiplicative", "projected"])
def test_dropout_has_one_mask_for_all_steps_of_a_call(name, rng):
    rates = {"dropout": 0.5, "recurrent_dropout": 0.5, "seed": 3}
    cell = make(name, **rates)
    inputs, recurrent = type(cell).from_config(cell.get_config()).draw_noise(3, 4)[:2]
    x = rng.normal(size=SHAPE)
    layer = ready(RNN(cell, return_sequences=True), rng)
    output = layer(x, training=True)
    for row in range(3):
        part = slice(row, row + 1)
        step = oracle_of(name, layer, kept=np.array(recurrent)[part])
        states = [np.zeros_like(state) for state in cell.get_initial_state(1)]
        expected, _, _ = run(step, x[part] * np.array(inputs)[part, None], states)
        np.testing.assert_allclose(output[part], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", KERNEL_FREE)
@pytest.mark.parametrize("units", [3, 4])
def test_inputs_are_dropped_where_they_meet_the_kernel(name, units, rng):
    cell = make(name, units, dropout=0.5, seed=3)
    kept = np.array(type(cell).from_config(cell.get_config()).draw_noise(3, 4).inputs)
    layer = ready(RNN(cell, return_sequences=True), rng)
    x = rng.normal(size=SHAPE)
    output, states = layer(x, training=True), np.zeros((3, units))
    for t in range(5):
        whole = {"skipped": x[:, t]} if name.startswith("sru") else {}
        expected, (states,) = oracle_of(name, layer, **whole)(x[:, t] * kept, [states])
        np.testing.assert_allclose(output[:, t], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_the_written_out_backward_pass_gives_the_gradients_of_autodiff(name, rng, monkeypatch):
    rates = {"dropout": 0.3, "seed": 1} | ({"recurrent_dropout": 0.3} if name in RECURRENT else {})
    cell = make(name, dtype="float64", **rates)
    layer = ready(RNN(cell, return_sequences=True, return_state=True), rng)
    call = {"mask": MASKS["left"], "initial_state": random_states(cell, 3, rng)}
    call["initial_state"] = [tf.constant(state) for state in call["initial_state"]]
    x = tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, **call)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, **call), wanted)
    assert len(taken) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_the_rnn_of_keras_runs_each_cell_as_ours_does(name, rng):
    options = {"return_sequences": True, "return_state": True}
    ours, theirs = RNN(make(name), **options), keras.layers.RNN(make(name), **options)
    twins(ours, theirs, SHAPE, rng)
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["empty_row"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_half_precision_computes_in_its_own_type_and_comes_close(name, rng):
    whole = ready(RNN(make(name), return_state=True), rng)
    x = rng.normal(size=SHAPE).astype("float32")
    for policy in ("mixed_float16", "mixed_bfloat16"):
        half = RNN(make(name, dtype=policy), return_state=True)
        half.build(SHAPE)
        half.set_weights(whole.get_weights())
        outputs = half(x)
        assert {tensor.dtype for tensor in outputs} == {tf.as_dtype(half.compute_dtype)}
        outputs = [tf.cast(tensor, "float32") for tensor in outputs]
        assert_equal(outputs, whole(x), rtol=0.1, atol=0.15)
