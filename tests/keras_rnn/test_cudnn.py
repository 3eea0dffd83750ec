"""When LSTM and GRU run by cuDNN, and that its result is made ours. No GPU is needed.

The kernel is stood in for by Keras' own layer with what cuDNN does to it: zeros at padding.
"""

import importlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.twins import MASKS as ALL_MASKS
from reference.twins import assert_equal, assert_layers_equal, give_random_weights

from keras_rnn import GRU, LSTM, Bidirectional, SimpleRNN
from keras_rnn.layers import cudnn

KERAS = importlib.import_module("keras.src.backend.tensorflow.rnn")
SHAPE = (3, 5, 4)
EMPTY = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=bool)
MASKS = {name: ALL_MASKS[name] for name in ("none", "right", "holes")} | {"empty": EMPTY}
FITTING = {"none", "right"}  # The masks that cuDNN takes.
SEQUENCES, ZERO = ("return_sequences",), ("zero_output_for_mask",)
BACKWARDS = ("return_sequences", "go_backwards")


class Kernel:
    """In place of Keras' `lstm` and `gru`, which call cuDNN; counts its calls."""

    def __init__(self, monkeypatch):
        self.calls = 0
        self.cells = keras.layers.LSTMCell(3), keras.layers.GRUCell(3)
        monkeypatch.setattr(cudnn, "lstm", self.lstm)
        monkeypatch.setattr(cudnn, "gru", self.gru)
        monkeypatch.setattr(KERAS, "_is_gpu_available", lambda: True)

    def lstm(self, sequences, h, c, mask, **options):
        return self.run(self.cells[0], sequences, [h, c], mask, **options)

    def gru(self, sequences, h, mask, reset_after, **options):
        return self.run(self.cells[1], sequences, [h], mask, **options)

    def run(self, cell, sequences, states, mask, *, kernel, recurrent_kernel, bias, **options):
        self.calls += 1
        if mask is not None:
            KERAS._assert_valid_mask(mask)
        cell.kernel, cell.recurrent_kernel, cell.bias = kernel, recurrent_kernel, bias
        _, outputs, states = KERAS.rnn(
            cell.call,
            sequences,
            states,
            mask=mask,
            go_backwards=options["go_backwards"],
            zero_output_for_mask=True,
            return_all_outputs=True,
        )
        last_output = states[0]
        outputs = outputs if options["return_sequences"] else last_output[:, None]
        return last_output, outputs, states


@pytest.fixture
def kernel(monkeypatch):
    return Kernel(monkeypatch)


FLAGS = [(), BACKWARDS, ZERO + SEQUENCES, SEQUENCES, ZERO]
QUICK = {(LSTM, flags, mask) for flags in FLAGS[:3] for mask in MASKS}
# Of GRU the kernel with and without a mask, and the scan: what is done around them is the same.
QUICK |= {(GRU, BACKWARDS, "right"), (GRU, ZERO + SEQUENCES, "holes"), (GRU, (), "none")}


@pytest.mark.parametrize("graph", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize(
    ("layer_class", "flags", "mask"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] * (case not in QUICK))
        for case in itertools.product([LSTM, GRU], FLAGS, MASKS)
    ],
)
def test_the_result_is_that_of_the_scan(layer_class, flags, mask, graph, kernel, rng):
    options = dict.fromkeys((*flags, "return_state"), True)
    layer, plain = layer_class(3, **options), layer_class(3, use_cudnn=False, **options)
    for one in (layer, plain):
        one.build(SHAPE)
    plain.set_weights(give_random_weights(layer, rng).get_weights())
    x = rng.normal(size=SHAPE).astype("float32")
    given = None if MASKS[mask] is None else tf.constant(MASKS[mask])
    if graph:
        outputs = tf.function(lambda: layer(x, mask=given))()
        assert kernel.calls == 1
        assert_equal(outputs, plain(x, mask=given))
    else:
        assert_layers_equal(layer, plain, x, mask=given)
        assert kernel.calls == (mask in FITTING)


def test_inputs_are_dropped_before_the_kernel(kernel, rng):
    layers = [LSTM(3, dropout=0.5, seed=1, use_cudnn=choice) for choice in (True, False)]
    for layer in layers:
        layer.build(SHAPE)
    layers[0].set_weights(give_random_weights(layers[1], rng).get_weights())
    x = rng.normal(size=SHAPE).astype("float32")
    assert_equal(*([layer(x, training=True)] for layer in layers))
    assert kernel.calls == 1


DOES_NOT_APPLY = {
    "activation": lambda **o: LSTM(3, activation="relu", **o),
    "recurrent_activation": lambda **o: GRU(3, recurrent_activation="relu", **o),
    "no_bias": lambda **o: LSTM(3, use_bias=False, **o),
    "unrolled": lambda **o: GRU(3, unroll=True, **o),
    "recurrent_dropout": lambda **o: LSTM(3, recurrent_dropout=0.5, **o),
    "reset_before": lambda **o: GRU(3, reset_after=False, **o),
}


@pytest.mark.parametrize("name", DOES_NOT_APPLY)
def test_what_cudnn_does_not_compute_is_scanned_or_refused(name, kernel, rng):
    x = rng.normal(size=SHAPE).astype("float32")
    layer = DOES_NOT_APPLY[name]()
    layer(x)
    assert kernel.calls == 0
    assert layer.supports_jit
    with pytest.raises(ValueError, match="needs a GPU, and what cuDNN computes, for `use_cudnn"):
        DOES_NOT_APPLY[name](use_cudnn=True)(x)


def test_a_subclass_with_another_cell_is_scanned(kernel, rng):
    class OtherCell(LSTM.cell_class):
        pass

    class Other(LSTM):
        cell_class = OtherCell

    Other(3)(rng.normal(size=SHAPE))
    assert kernel.calls == 0


def test_without_the_kernel_the_layer_is_scanned_or_refuses(kernel, monkeypatch, rng):
    def missing(*args, **options):
        raise NotImplementedError

    monkeypatch.setattr(cudnn, "lstm", missing)
    x = rng.normal(size=SHAPE).astype("float32")
    mask = np.ones((3, 5), bool)
    assert LSTM(3)(x).shape == LSTM(3)(x, mask=mask).shape == (3, 3)
    with pytest.raises(ValueError, match=r"`lstm.*`use_cudnn=True`. Received: 0 GPUs.*'auto'"):
        LSTM(3, use_cudnn=True)(x)


def test_a_layer_with_the_kernel_is_not_compiled_by_xla(kernel):
    assert not LSTM(3).supports_jit
    assert not Bidirectional(GRU(3)).backward_layer.supports_jit
    assert LSTM(3, use_cudnn=False).supports_jit
    assert SimpleRNN(3).supports_jit


def test_without_a_gpu_only_true_needs_one(rng):
    x = rng.normal(size=SHAPE).astype("float32")
    assert GRU(3)(x).shape == GRU(3, use_cudnn=False)(x).shape == (3, 3)
    with pytest.raises(ValueError, match="Received: 0 GPUs"):
        GRU(3, use_cudnn=True)(x)
    with pytest.raises(ValueError, match=r"`use_cudnn` to be one of 'auto', True, False.*'yes'"):
        GRU(3, use_cudnn="yes")
