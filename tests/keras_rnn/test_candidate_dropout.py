"""Recurrent dropout without memory loss: what is written is dropped, never what is remembered."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.cells import gru_step, lstm_step, run, with_weights
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained_in_graph,
)
from reference.twins import MASKS, give_random_weights

from keras_rnn import GRU, LSTM, RNN, GRUCell, LSTMCell, SimpleRNN, SimpleRNNCell
from keras_rnn.layers import cudnn

SHAPE = (3, 5, 2)
ALL = {
    "gru_after": (GRUCell, gru_step, {"reset_after": True}),
    "gru_before": (GRUCell, gru_step, {"reset_after": False}),
    "lstm": (LSTMCell, lstm_step, {}),
}
RATES = {"dropout": 0.5, "recurrent_dropout": 0.5, "candidate_dropout": 0.5}


def layer_around(cell, rng, **options):
    layer = RNN(cell, **options)
    layer.build(SHAPE)
    return give_random_weights(layer, rng)


@pytest.mark.parametrize("name", ALL)
def test_a_call_drops_the_same_candidates_at_every_step(name, rng):
    cell_class, step, options = ALL[name]
    cell = cell_class(4, seed=3, dtype="float64", **RATES, **options)
    masks = cell_class.from_config(cell.get_config()).draw_noise(3, 2)
    layer, x = layer_around(cell, rng, return_sequences=True), rng.normal(size=SHAPE)
    output = layer(x, training=True)
    for row in range(3):
        inputs, kept, written = (np.array(mask)[row : row + 1] for mask in masks)
        oracle = with_weights(step, layer.get_weights(), kept=kept, written=written, **options)
        states = [np.zeros((1, 4)) for _ in cell.get_initial_state(1)]
        expected, _, _ = run(oracle, x[row : row + 1] * inputs[:, None], states)
        assert_close([output[row : row + 1]], [expected])


@pytest.mark.parametrize("name", ["gru_after", "lstm"])
def test_what_is_remembered_is_never_dropped(name, rng):
    cell_class, _, options = ALL[name]
    cell = cell_class(4, candidate_dropout=1.0, dtype="float64", **options)
    layer = layer_around(cell, rng, return_state=True)
    remembering = np.zeros_like(cell.bias) + 50.0
    cell.bias.assign(remembering)
    states = [rng.normal(size=(3, 4)) for _ in cell.get_initial_state(3)]
    found = layer(rng.normal(size=SHAPE), initial_state=states, training=True)
    assert_close([found[-1]], [states[-1]], 1e-6)


@pytest.mark.parametrize("cell_class", [GRUCell, LSTMCell])
def test_masks_keep_the_wanted_share_are_new_each_call_and_reproducible(cell_class):
    cell, again = (cell_class(50, candidate_dropout=0.75, seed=1) for _ in range(2))
    mask = cell.draw_noise(40, 3)
    assert mask.inputs is None
    assert mask.recurrent is None
    np.testing.assert_allclose(np.unique(mask.candidate), [0, 4])
    np.testing.assert_allclose(np.mean(np.equal(mask.candidate, 0)), 0.75, atol=0.05)
    np.testing.assert_array_equal(mask.candidate, again.draw_noise(40, 3).candidate)
    assert np.any(np.not_equal(mask.candidate, cell.draw_noise(40, 3).candidate))
    assert cell_class(50).draw_noise(40, 3) is None


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_dropped_at_inference(name, rng):
    cell_class, _, options = ALL[name]
    x = rng.normal(size=SHAPE)
    layer = layer_around(cell_class(4, **RATES, **options), rng)
    plain = layer_around(cell_class(4, **options), rng)
    plain.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(x), plain(x))


@pytest.mark.parametrize("name", ALL)
def test_both_ways_back_give_equal_gradients(name, rng, monkeypatch):
    cell_class, _, options = ALL[name]
    cell = cell_class(3, dtype="float64", seed=1, **RATES, **options)
    layer, x = layer_around(cell, rng, return_sequences=True), tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, mask=MASKS["holes"])
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, mask=MASKS["holes"]), wanted)
    assert len(taken) == 1


@pytest.mark.parametrize("layer_class", [GRU, LSTM])
def test_the_layer_takes_it_and_its_config_keeps_it_only_where_set(layer_class):
    layer = layer_class.from_config(layer_class(4, candidate_dropout=0.25).get_config())
    assert layer.candidate_dropout == layer.cell.candidate_dropout == 0.25
    assert "candidate_dropout" not in layer_class(4).get_config()
    theirs = getattr(keras.layers, layer_class.__name__)
    assert theirs.from_config(layer_class(4, dropout=0.5).get_config()).dropout == 0.5


@pytest.mark.parametrize("layer_class", [GRU, LSTM])
def test_cudnn_has_no_kernel_for_it(layer_class, monkeypatch):
    monkeypatch.setattr(cudnn, "cudnn_ok", lambda *_: True)
    assert cudnn.cudnn_applies(layer_class(4, dropout=0.5))
    assert not cudnn.cudnn_applies(layer_class(4, candidate_dropout=0.5))


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), "a", None])
def test_rates_outside_zero_and_one_are_refused(rate):
    for refusing in (GRUCell, LSTMCell):
        message = rf"`{refusing.__name__}` needs `candidate_dropout` to be a rate.*={rate!r}"
        with pytest.raises(ValueError, match=message):
            refusing(4, candidate_dropout=rate)


@pytest.mark.parametrize("has_no_gate", [SimpleRNNCell, SimpleRNN])
def test_what_has_no_gate_has_no_candidate(has_no_gate):
    with pytest.raises(ValueError, match="candidate_dropout"):
        has_no_gate(4, candidate_dropout=0.5)
