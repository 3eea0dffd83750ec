"""The written form of ids, in the graph."""

import pytest
import tensorflow as tf

from seq2seq.marks import BEGIN, END, PAD
from seq2seq.run_folder import Run


@pytest.fixture(scope="module")
def tokenizer(trained_run):
    return Run.open(trained_run).tokenizers.source


def test_ids_are_written_as_their_pieces_and_padding_as_nothing(tokenizer):
    first, second = ([BEGIN, *ids, END] for ids in tokenizer.tokenize(["A dog.", "é"]).to_list())
    width = max(len(first), len(second)) + 1
    rows = [ids + [PAD] * (width - len(ids)) for ids in (first, second)]
    found = tf.function(tokenizer.written)(tf.constant(rows))
    assert found.shape == (2, width)
    for ids, strings in zip((first, second), found.numpy(), strict=True):
        pieces = [string.decode() for string in strings]
        assert pieces == tokenizer.pieces(ids) + [""] * (width - len(ids))
        assert "" not in pieces[: len(ids)]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_of_no_ids_nothing_is_written(tokenizer, shape):
    assert tokenizer.written(tf.zeros(shape, tf.int32)).shape == shape
