"""Stretches of steps computed once more on the way back give the same gradients."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import contract_cells
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained,
    trained_in_graph,
)
from reference.twins import MASKS, give_random_weights

from keras_rnn import GRU, LSTM, RNN, Bidirectional, GRUCell, LSTMCell

DROPOUT = {"dropout": 0.4, "recurrent_dropout": 0.4, "seed": 1}
CELLS = {
    "lstm": lambda: LSTMCell(3, dtype="float64", **DROPOUT),
    "gru": lambda: GRUCell(3, reset_after=False, dtype="float64"),
    "counting": lambda: contract_cells.CountingCell(dtype="float64"),
    "seeded": lambda: contract_cells.SeededCell(dtype="float64"),
    "several": lambda: contract_cells.SeveralKernelsCell(dtype="float64"),
    "nested": lambda: contract_cells.NestedCell(dtype="float64"),
    "forgetful": lambda: contract_cells.ForgetfulCell(dtype="float64"),
}


def layer_around(name, rng, **options):
    layer = RNN(CELLS[name](), **options)
    layer.build((3, 5, 2))
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    name=st.sampled_from(list(CELLS)),
    stretch=st.integers(1, 7),
    mask=st.sampled_from(list(MASKS)),
    reverse=st.booleans(),
    keeps_outputs=st.booleans(),
    in_graph=st.booleans(),
    seed=st.integers(0, 99),
)
def test_any_stretch_gives_the_same_gradients(
    name, stretch, mask, reverse, keeps_outputs, in_graph, seed
):
    rng = np.random.default_rng(seed)
    layer = layer_around(
        name,
        rng,
        recompute=stretch,
        go_backwards=reverse,
        return_sequences=keeps_outputs,
        return_state=True,
    )
    x, call = tf.constant(rng.normal(size=(3, 5, 2))), {"mask": MASKS[mask]}
    wanted = automatically_trained(layer, x, **call)
    assert_close((trained_in_graph if in_graph else trained)(layer, x, **call), wanted)


@pytest.mark.parametrize("stretch", [2, 9])
def test_a_length_known_only_when_run_is_recomputed(stretch, rng):
    layer = layer_around("gru", rng, recompute=stretch, return_sequences=True)
    signature = [tf.TensorSpec([None, None, 2], "float64")]
    step = tf.function(lambda x: trained(layer, x), input_signature=signature, autograph=False)
    for batch, time in ((3, 5), (2, 4), (1, 1), (0, 3)):
        x = tf.constant(rng.normal(size=(batch, time, 2)))
        assert_close(step(x), automatically_trained(layer, x))


def test_it_is_the_way_back_that_recomputes(rng, monkeypatch):
    layer, taken = layer_around("lstm", rng, recompute=2), spy_on_written_out(monkeypatch)
    trained(layer, tf.constant(rng.normal(size=(3, 5, 2))))
    assert [options["recompute"] for options in taken] == [2]


@pytest.mark.slow
def test_both_directions_recompute(rng, monkeypatch):
    layer = Bidirectional(LSTM(3, recompute=2, return_sequences=True, dtype="float64"))
    layer.build((3, 5, 2))
    give_random_weights(layer, rng)
    plain = Bidirectional(LSTM(3, return_sequences=True, dtype="float64"))
    plain.build((3, 5, 2))
    plain.set_weights(layer.get_weights())
    x, mask = tf.constant(rng.normal(size=(3, 5, 2))), MASKS["right"]
    taken = spy_on_written_out(monkeypatch)
    wanted = trained(plain, x, mask=mask)
    assert not taken
    assert_close(trained_in_graph(layer, x, mask=mask), wanted)
    assert [options["recompute"] for options in taken] == [2, 2]


@pytest.mark.parametrize("stretch", [0, -1, 2.0, True, "3"])
def test_a_bad_number_of_steps_is_refused(stretch):
    with pytest.raises(ValueError, match=r"`GRU` needs `recompute` to be a positive integer"):
        GRU(3, recompute=stretch)


def test_an_unrolled_loop_cannot_be_recomputed():
    with pytest.raises(ValueError, match=r"`GRU` needs `recompute` alone.*unroll=True"):
        GRU(3, recompute=2, unroll=True)


def test_the_config_keeps_recompute():
    layer = GRU.from_config(GRU(3, recompute=4).get_config())
    assert layer.recompute == 4
    assert "recompute" not in GRU(3).get_config()


class TwinStatesCell(contract_cells.ThirdPartyCell):
    """Both of its states are one tensor, as alignments that are also remembered."""

    def __init__(self, units=3, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [units, units]

    def step(self, projected, states, training=False):
        h = tf.tanh(projected + self.recur(states[0], self.recurrent_kernel) - states[1] ** 2)
        return h, [h, h]


@pytest.mark.parametrize("options", [{"recompute": 2}, {"truncation": (5, 5)}])
def test_states_that_are_one_tensor_have_each_a_gradient_of_its_own(options, rng):
    layer = RNN(TwinStatesCell(dtype="float64"), return_state=True, **options)
    x = tf.constant(rng.normal(size=(3, 5, 2)))
    layer(x)
    assert_close(trained(layer, x), automatically_trained(layer, x))
