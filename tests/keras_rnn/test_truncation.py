"""Truncated backpropagation through time, against sums written out and against chunks."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.contract_cells import NestedCell
from reference.training import assert_close, floats, trained, trained_in_graph, weighted
from reference.truncation import truncated_gradients
from reference.twins import MASKS, give_random_weights

from keras_rnn import GRU, LSTM, RNN, SimpleRNN

LAYERS = {
    "lstm": (LSTM, {}),
    "gru_after": (GRU, {"reset_after": True}),
    "gru_before": (GRU, {"reset_after": False}),
}


def cases(quick):
    """All layers in both directions, slow but for some."""
    return [
        pytest.param(*case, marks=[pytest.mark.slow] * (case not in quick))
        for case in itertools.product(LAYERS, [False, True])
    ]


def built(layer_class, rng, **options):
    layer = layer_class(3, dtype="float64", **options)
    layer.build((None, None, 2))
    return give_random_weights(layer, rng)


@settings(max_examples=6, deadline=None)
@given(
    time=st.integers(1, 8),
    steps=st.tuples(st.integers(1, 9), st.integers(1, 9)).map(sorted),
    in_graph=st.booleans(),
    keeps_outputs=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_gradient_is_the_truncated_sum(time, steps, in_graph, keeps_outputs, seed):
    rng = np.random.default_rng(seed)
    layer = built(
        SimpleRNN, rng, truncation=tuple(steps), return_state=True, return_sequences=keeps_outputs
    )
    x, s = rng.normal(size=(2, time, 2)), rng.normal(size=(2, 3))
    d_outputs, d_last = rng.normal(size=(2, time, 3)), rng.normal(size=(2, 3))
    if not keeps_outputs:
        d_outputs[:, :-1] = 0

    def gradients(x, s):
        with tf.GradientTape() as tape:
            tape.watch([x, s])
            outputs, last = layer(x, initial_state=[s], training=True)
            upstream = d_outputs if keeps_outputs else d_outputs[:, -1]
            loss = tf.reduce_sum(outputs * upstream) + tf.reduce_sum(last * d_last)
        return tape.gradient(loss, [x, s, *layer.trainable_weights])

    run = tf.function(gradients, autograph=False) if in_graph else gradients
    found = run(tf.constant(x), tf.constant(s))
    d_outputs[:, -1] += d_last
    assert_close(found, truncated_gradients(x, s, *layer.get_weights(), d_outputs, *steps))


@pytest.mark.parametrize(("name", "go_backwards"), cases([("lstm", True), ("gru_after", True)]))
def test_a_window_over_the_whole_sequence_truncates_nothing(name, go_backwards, rng):
    layer_class, options = LAYERS[name]
    options = {**options, "go_backwards": go_backwards, "return_state": True}
    full = built(layer_class, rng, return_sequences=True, **options)
    truncated = built(layer_class, rng, return_sequences=True, truncation=(2, 5), **options)
    truncated.set_weights(full.get_weights())
    x = tf.constant(rng.normal(size=(3, 5, 2)))
    for mask in (None, MASKS["holes"]):
        assert_close(trained(truncated, x, mask=mask), trained(full, x, mask=mask))


@pytest.mark.parametrize(
    ("name", "go_backwards"),
    cases([("lstm", True), ("gru_after", False), ("gru_before", True)]),
)
def test_as_many_steps_back_as_forward_are_chunks_with_stopped_gradients(name, go_backwards, rng):
    layer_class, options = LAYERS[name]
    layer = built(
        layer_class, rng, return_sequences=True, go_backwards=go_backwards,
        zero_output_for_mask=True, truncation=(2, 2), **options,
    )  # fmt: skip
    cell = layer.cell
    chunked = RNN(cell, return_sequences=True, return_state=True, zero_output_for_mask=True)
    x = tf.constant(rng.normal(size=(3, 6, 2)))
    mask = rng.random(size=(3, 6)) < 0.7
    order = slice(None, None, -1) if go_backwards else slice(None)

    def by_chunks(x, training, mask):
        del training
        x, mask, states, outputs = x[:, order], mask[:, order], None, []
        for start in range(0, 6, 2):
            part = slice(start, start + 2)
            output, *states = chunked(x[:, part], initial_state=states, mask=mask[:, part])
            states = [tf.stop_gradient(state) for state in states]
            outputs.append(output)
        return tf.concat(outputs, axis=1)

    by_chunks.trainable_weights = layer.trainable_weights
    assert_close(trained_in_graph(layer, x, mask=mask), trained(by_chunks, x, mask=mask))


def test_states_of_any_number_and_type_are_truncated(rng):
    cell = NestedCell(dtype="float64")
    layer = RNN(cell, return_state=True, truncation=(1, 1))
    layer.build((3, 5, 2))
    give_random_weights(layer, rng)
    x = tf.constant(rng.normal(size=(3, 5, 2)))
    states = tf.nest.map_structure(
        lambda s: tf.constant(rng.normal(size=s.shape)), layer.get_initial_state(3)
    )

    def one_step_at_a_time(x, training, initial_state):
        del training
        states = initial_state
        for time in range(5):
            output, states = cell(x[:, time], tf.nest.map_structure(tf.stop_gradient, states))
        return [output, *states]

    one_step_at_a_time.trainable_weights = layer.trainable_weights
    found = trained(layer, x, initial_state=states)
    wanted = trained(one_step_at_a_time, x, initial_state=states)
    assert_close(found, wanted)
    assert len(floats(found)) == len(found)


def test_truncation_changes_no_output_and_ends_the_gradient(rng):
    layer = built(LSTM, rng, truncation=(1, 2))
    x = tf.constant(rng.normal(size=(3, 6, 2)))
    output, d_x, *_ = trained_in_graph(layer, x)
    full = RNN(layer.cell)
    np.testing.assert_allclose(output, full(x), rtol=1e-12)
    np.testing.assert_array_equal(d_x[:, :4], 0)
    assert np.abs(d_x[:, 4:]).min() > 0


@pytest.mark.parametrize("k", [(0, 1), (3, 2), (1.0, 2), (1,), (True, True), 5, (1, 2, 3), "ab"])
def test_bad_numbers_of_steps_are_refused(k):
    message = r"`LSTM` needs `truncation` as \(k1, k2\).*0 < k1 <= k2.*Received: truncation="
    with pytest.raises(ValueError, match=message):
        LSTM(3, truncation=k)


def test_truncation_stands_alone():
    with pytest.raises(ValueError, match=r"`unroll=False`. Received.*unroll=True"):
        LSTM(3, truncation=(1, 2), unroll=True)
    with pytest.raises(ValueError, match=r"`LSTM` needs `recompute` alone.*truncation=\(1, 2\)"):
        LSTM(3, truncation=(1, 2), recompute=2)


@pytest.mark.parametrize("options", [{"truncation": (1, 2)}, {"recompute": 2}])
def test_the_layer_is_the_same_at_inference(options, rng):
    layer = built(LSTM, rng, **options)
    x = tf.constant(rng.normal(size=(3, 6, 2)))
    np.testing.assert_allclose(layer(x), RNN(layer.cell)(x), rtol=1e-12)
    assert weighted(layer(x)).dtype == tf.float64


def test_the_config_keeps_truncation():
    layer = LSTM.from_config(LSTM(3, truncation=[2, 4]).get_config())
    assert layer.truncation == (2, 4)
    assert "truncation" not in LSTM(3).get_config()


@pytest.mark.parametrize(("padding", "is_cut"), [(3, False), (4, True)])
def test_masked_steps_count(padding, is_cut, rng):
    layer = built(GRU, rng, truncation=(2, 4))
    x, mask = tf.constant(rng.normal(size=(1, 8, 2))), np.arange(8)[None] < 8 - padding
    _, *gradients = trained(layer, x, mask=mask)
    assert all((np.abs(gradient).max() == 0) == is_cut for gradient in gradients)
