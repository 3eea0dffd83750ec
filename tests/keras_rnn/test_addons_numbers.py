"""The numbers that the tests of `tfa.seq2seq` expect of its attention, to seven digits.

Source: github.com/tensorflow/addons, tensorflow_addons/seq2seq/tests/attention_wrapper_test.py. All
kernels are ones there, but for that of the attention layer, which is drawn with the seed 1337.
"""

import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import (
    AttentionCell,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    LSTMCell,
    LuongAttention,
    LuongMonotonicAttention,
)

BATCH, STEPS, FEATURES, MEMORY_TIME, MEMORY_FEATURES, UNITS = 5, 4, 7, 8, 10, 9

# The means of: all outputs, their argmax, the last h, c, attention and alignments, all alignments.
OF_LUONG = (-0.06124732, 2.73333333, 0.52021580, 1.0964939, -0.0318060, 0.125, 0.125)
OF_LUONG_MONOTONIC = (
    *(0.003664831, 3.06666666, 0.54318606, 1.12592840, 0.059128221, 0.05112994, 0.06994973868),
)
EXPECTED = {
    "bahdanau": (
        *(lambda: BahdanauAttention(3), 6),
        (-0.003204414, 3.2, 0.40868404, 0.89017969, 0.041453815, 0.125, 0.125),
    ),
    "bahdanau_normalized": (
        *(lambda: BahdanauAttention(3, normalize=True), 6),
        (-0.008089137, 2.8, 0.49166861, 1.01068615, 0.042427111, 0.125, 0.125),
    ),
    "no_attention_layer": (
        *(lambda: BahdanauAttention(3), None),
        (0.078317143, 4.2, 0.89382392, 1.722382, 0.026356646, 0.125, 0.125),
    ),
    "luong": (lambda: LuongAttention(9), 6, OF_LUONG),
    "luong_scaled": (lambda: LuongAttention(9, scale=True), 6, OF_LUONG),
    "bahdanau_monotonic": (
        *(lambda: BahdanauMonotonicAttention(3), 6),
        *[(-0.009921653, 3.13333333, 0.44612807, 0.95786464, 0.038682378, 0.09778417, 0.102615796)],
    ),
    "bahdanau_monotonic_normalized": (
        *(lambda: BahdanauMonotonicAttention(3, normalize=True), 6),
        (0.007140680, 3.26666666, 0.47012400, 1.0249618, 0.068432882, 0.0615656, 0.07909643),
    ),
    "luong_monotonic": (lambda: LuongMonotonicAttention(9), 6, OF_LUONG_MONOTONIC),
    "luong_monotonic_scaled": (
        *(lambda: LuongMonotonicAttention(9, scale=True), 6),
        OF_LUONG_MONOTONIC,
    ),
}


def drawn():
    """The inputs and the memory of those tests, which draw some of another test before."""
    random = np.random.RandomState(87654321)
    random.randn(64, 10, 256), random.randint(1, high=10, size=(64,))
    random.randn(64, 12, 128), random.randint(12, size=(64,))
    inputs = random.randn(BATCH, STEPS, FEATURES)
    return inputs.astype("float32"), random.randn(BATCH, MEMORY_TIME, MEMORY_FEATURES)


def attention_kernel(units):
    """What Glorot's initializer draws there."""
    rows = UNITS + MEMORY_FEATURES
    limit = (6 / (rows + units)) ** 0.5
    tf.random.set_seed(87654321)
    return tf.random.uniform([rows, units], -limit, limit, seed=1337)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_means_are_those_of_addons(name):
    make, units, expected = EXPECTED[name]
    (inputs, values), mechanism = drawn(), make()
    ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones"}
    cell = AttentionCell(LSTMCell(UNITS, **ones), mechanism, units=units, activation=None)
    cell.build((BATCH, FEATURES), values.shape)
    for kernel in (weight for weight in mechanism.weights if weight.name.endswith("kernel")):
        kernel.assign(np.ones(kernel.shape))
    if units:
        cell.attention_kernel.assign(attention_kernel(units))
    values, mask = tf.constant(values, tf.float32), tf.sequence_mask([3, 2, 3, 1, 1], MEMORY_TIME)
    memory = mechanism.memory(values, mask)
    states, outputs, history = cell.get_initial_state(BATCH, memory), [], []
    for time in range(3):
        output, states = cell(inputs[:, time], states, memory=memory)
        outputs.append(output)
        history.append(cell.alignments(states))
    (h, c), attention, alignments, *_ = states
    found = [outputs, np.argmax(outputs, axis=-1), h, c, attention, alignments, history]
    np.testing.assert_allclose([np.mean(one) for one in found], expected, rtol=1e-5, atol=1e-7)
