"""A search compiled by XLA finds what the same search finds without."""

import numpy as np
import pytest
import tensorflow as tf

from seq2seq.inference import Hypotheses, compiled
from seq2seq.inference.compiled import compiled_by_xla, padded_to_few_shapes

LINES = ["The dog sleeps.", "", "We saw the cow in the garden.", "  \t ", "x"]
SEARCHES = {
    "greedy": {"beam": 1},
    "beam": {"beam": 3, "coverage_penalty": 0.2, "no_repeat_ngram_size": 2, "minimum_tokens": 3},
    "groups": {"beam": 4, "beam_groups": 2},
}
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("greedy", "groups")]


@pytest.mark.parametrize("name", ["beam", *SLOW])
def test_translations_and_scores_are_those_of_the_search_as_it_is(name, make):
    plain = make(**SEARCHES[name]).graph
    compiled = make(**SEARCHES[name], jit_compile=True).graph
    for lines in (LINES, LINES[:1], LINES[:0]):
        text = tf.constant(lines, tf.string)
        wanted, found = plain.translate_n_best(text), compiled.translate_n_best(text)
        np.testing.assert_array_equal(found["translation"], wanted["translation"])
        np.testing.assert_allclose(found["score"], wanted["score"], rtol=1e-4)


def test_beside_a_gpu_decoding_is_compiled_and_the_encoder_left_as_it_is(monkeypatch):
    monkeypatch.setattr(compiled, "has_gpu", lambda: True)

    def encode(source):
        # Strings: what XLA cannot compile.
        return tf.strings.to_number(tf.strings.as_string(source), tf.int32)

    def decode(source, encoded):
        return Hypotheses(encoded[:, tf.newaxis], *[tf.zeros([tf.shape(source)[0], 1])] * 2)

    found = compiled_by_xla(encode, decode, padding=0)(tf.constant([[5, 6]] * 3))
    np.testing.assert_array_equal(found.tokens[:, 0, :3], [[5, 6, 0]] * 3)


def test_a_faulty_line_harms_no_other_there_either(make, bias):
    graph = make(beam=1, jit_compile=True).graph
    bias.assign(np.full(bias.shape, np.nan))
    found = graph.translate(tf.constant(["A dog.", ""]))
    assert found["translation"].numpy().tolist() == [b"", b""]
    np.testing.assert_array_equal(found["score"], [np.nan, 0.0])


def test_few_shapes_are_compiled():
    shapes = {
        tuple(padded_to_few_shapes(tf.ones([rows, time], tf.int32), 0).shape)
        for rows in (*range(10), 2**10 + 1)
        for time in (1, 15, 16, 17, 32, 33, 40)
    }
    assert shapes == {(rows, time) for rows in (1, 2, 4, 8, 16, 2**11) for time in (16, 32, 48)}


def test_a_source_is_padded_by_its_last_row_and_by_padding():
    source = tf.reshape(tf.range(1, 7), [3, 2])
    padded = padded_to_few_shapes(source, 9).numpy()
    np.testing.assert_array_equal(padded[:, :2], [[1, 2], [3, 4], [5, 6], [5, 6]])
    np.testing.assert_array_equal(padded[:, 2:], np.full([4, 14], 9))
