"""The numbers that the tests of `tfa.seq2seq` expect of its attention, to five digits.

Source: github.com/tensorflow/addons, tensorflow_addons/seq2seq/tests/attention_wrapper_test.py. All
kernels are ones there, but for that of the attention layer, which is drawn with the seed 1337.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import (
    AttentionCell,
    AttentionMechanism,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    LSTMCell,
    LuongAttention,
    LuongMonotonicAttention,
)

BATCH, STEPS, FEATURES, MEMORY_TIME, MEMORY_FEATURES, UNITS = 5, 4, 7, 8, 10, 9


class Case(NamedTuple):
    """A mechanism, the units of the attention layer, and the means that are expected.

    They are of all outputs, of their argmax, of the last h, c, attention and alignments, and of all
    alignments. Those of a softmax over 8 steps have a mean of 1/8, whatever they are.
    """

    make: Callable[[], AttentionMechanism]
    units: int | None
    means: list[float]


BAHDANAU = [-0.003204414, 3.2, 0.40868404, 0.89017969, 0.041453815, 0.125, 0.125]
NORMALIZED = [-0.008089137, 2.8, 0.49166861, 1.01068615, 0.042427111, 0.125, 0.125]
WITHOUT_LAYER = [0.078317143, 4.2, 0.89382392, 1.722382, 0.026356646, 0.125, 0.125]
LUONG = [-0.06124732, 2.73333333, 0.5202158, 1.0964939, -0.031806, 0.125, 0.125]
MONOTONIC = [-0.009921653, 3.13333333, 0.44612807, 0.95786464, 0.038682378, 0.09778417, 0.1026158]
MONOTONIC_NORMALIZED = [0.00714068, 3.26666666, 0.470124, 1.0249618, 0.068432882, 0.0615656]
LUONG_MONOTONIC = [0.003664831, 3.06666666, 0.54318606, 1.1259284, 0.059128221, 0.05112994]
CASES = {
    "bahdanau": Case(lambda: BahdanauAttention(3), 6, BAHDANAU),
    "normalized": Case(lambda: BahdanauAttention(3, normalize=True), 6, NORMALIZED),
    "without_layer": Case(lambda: BahdanauAttention(3), None, WITHOUT_LAYER),
    "luong": Case(lambda: LuongAttention(9), 6, LUONG),
    "luong_scaled": Case(lambda: LuongAttention(9, scale=True), 6, LUONG),
    "monotonic": Case(lambda: BahdanauMonotonicAttention(3), 6, MONOTONIC),
    "monotonic_normalized": Case(
        lambda: BahdanauMonotonicAttention(3, normalize=True),
        6,
        [*MONOTONIC_NORMALIZED, 0.07909643],
    ),
    "luong_monotonic": Case(
        lambda: LuongMonotonicAttention(9), 6, [*LUONG_MONOTONIC, 0.06994973868]
    ),
    "luong_monotonic_scaled": Case(
        lambda: LuongMonotonicAttention(9, scale=True), 6, [*LUONG_MONOTONIC, 0.06994973868]
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


@pytest.mark.parametrize("name", CASES)
def test_the_means_are_those_of_addons(name):
    make, units, expected = CASES[name]
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
