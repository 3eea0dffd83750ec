"""Keras' own tests of its recurrent layers, run on ours in their place."""

import importlib
import unittest

import pytest

import keras_rnn

MODULES = ("rnn", "simple_rnn", "gru", "lstm", "stacked_rnn_cells", "bidirectional")
MODULES += ("dropout_rnn_cell", "time_distributed")
OF_ANOTHER_BACKEND = ("torch", "fused")  # Keras has kernels there that it has not in TensorFlow.
# Of layers around cells of Keras, and what takes seconds and is like another of the default run.
SLOW = ("stacked_rnn_cells-test_basics", "rnn-test_basics")
SLOW += ("simple_rnn-test_basics", "gru-test_basics", "time_distributed-test_with_mask_zero")

pytest.importorskip("keras.src.layers.rnn.rnn_test", reason="this Keras comes without tests")


def keras_tests():
    for name in MODULES:
        module = importlib.import_module(f"keras.src.layers.rnn.{name}_test")
        for suite in unittest.defaultTestLoader.loadTestsFromModule(module):
            for test in suite:
                method = test.id().rsplit(".", 1)[-1]
                if not any(word in method for word in (*OF_ANOTHER_BACKEND, "test_session")):
                    identity = f"{name}-{method}"
                    marks = pytest.mark.slow if identity in SLOW else ()
                    yield pytest.param(module, test, id=identity, marks=marks)


@pytest.mark.parametrize(("module", "test"), list(keras_tests()))
def test_a_test_of_keras_passes_on_our_layers(module, test, monkeypatch):
    monkeypatch.setattr(module, "layers", keras_rnn)
    result = test.run()
    failures = [text for _, text in (*result.failures, *result.errors)]
    assert result.testsRun == 1
    assert not failures, failures[0]
