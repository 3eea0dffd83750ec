"""Bridges: which states of the encoder reach which states of the decoder."""

import numpy as np
import pytest
import tensorflow as tf
from reference.models import tiny_model_config

from seq2seq.errors import UserError
from seq2seq.model.bridge import CopyBridge, DenseBridge, ZeroBridge
from seq2seq.model.translator import build_model


def labelled_states(count, units=2):
    """State i holds the number i throughout."""
    return [tf.fill((1, units), float(index)) for index in range(count)]


def numbers(states):
    return [state.numpy()[0].tolist() for state in states]


def test_the_zero_bridge_starts_from_zeros():
    states = ZeroBridge(sizes=[3, 4], states_per_layer=2)(labelled_states(2))
    assert numbers(states) == [[0] * 3, [0] * 4]


def test_the_copy_bridge_puts_both_directions_side_by_side():
    bridge = CopyBridge(sizes=[4, 4], states_per_layer=2)
    assert numbers(bridge(labelled_states(4))) == [[0, 0, 1, 1], [2, 2, 3, 3]]


def test_the_copy_bridge_keeps_output_and_memory_of_an_lstm_apart():
    bridge = CopyBridge(sizes=[4, 4], states_per_layer=4)
    assert numbers(bridge(labelled_states(4))) == [[0, 0, 2, 2], [1, 1, 3, 3]]


def test_a_shallower_decoder_is_copied_from_the_top_of_the_encoder():
    bridge = CopyBridge(sizes=[4, 4], states_per_layer=4)
    assert numbers(bridge(labelled_states(8))) == [[4, 4, 6, 6], [5, 5, 7, 7]]


def test_the_dense_bridge_reads_all_states_for_each_of_its_own(rng):
    bridge = DenseBridge(sizes=[3, 5], states_per_layer=2)
    states = [tf.constant(rng.normal(size=(2, 4)), "float32") for _ in range(2)]
    bridge(states)
    bridge.set_weights([rng.normal(size=weight.shape) for weight in bridge.weights])
    joined = np.concatenate(states, axis=-1)
    first_kernel, first_bias, second_kernel, second_bias = bridge.get_weights()
    first, second = bridge(states)
    np.testing.assert_allclose(first, np.tanh(joined @ first_kernel + first_bias), rtol=1e-5)
    np.testing.assert_allclose(second, np.tanh(joined @ second_kernel + second_bias), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "received"),
    [
        ({"model_decoder_units": 5}, "2 decoder layers of 5, 2 encoder layers of 3 units"),
        ({"model_encoder_layers": 1}, "2 decoder layers of 6, 1 encoder layers of 3 units"),
        (
            {"model_cell": "lstm", "model_decoder_layers": 3},
            "3 decoder layers of 6, 2 encoder layers of 3 units",
        ),
    ],
)
def test_the_copy_bridge_says_which_sizes_it_needs(changes, received):
    with pytest.raises(UserError) as caught:
        build_model(tiny_model_config(model_bridge="copy", **changes))
    text = str(caught.value)
    assert "decoder_units = 2 * encoder_units" in text
    assert f"Received: {received}." in text
    assert 'model.bridge = "dense"' in text
