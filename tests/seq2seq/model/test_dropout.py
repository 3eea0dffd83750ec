"""Dropout of words and of states: in training only, whole words, the same at all steps."""

import numpy as np
import pytest
from reference.models import random_model, random_tokens, tiny_model_config

from seq2seq.model.translator import build_model

ROWS = 40


def one_word(token, rows=ROWS):
    return np.full((rows, 1), token, "int32")


def distinct(rows):
    """The rows that differ, each once."""
    return np.unique(np.round(rows, 4), axis=0)


def small_model(rng, **changes):
    layers = {"model_encoder_layers": 1, "model_decoder_layers": 1}
    return random_model(tiny_model_config(**layers, **changes), rng)


def test_a_word_of_the_source_is_dropped_whole_or_kept_larger(rng):
    model = small_model(rng, model_word_dropout=0.5)
    found = distinct(model.encoder(one_word(7), training=True).values[:, 0])
    assert len(found) == 2
    embeddings = model.encoder.embedding.embeddings
    for factor in (0.0, 2.0):
        before = embeddings.numpy()
        embeddings.assign(before * factor)
        expected = np.round(model.encoder(one_word(7, 1)).values[0], 4)
        assert np.min(np.max(np.abs(found - expected), axis=1)) < 1e-3
        embeddings.assign(before)


def test_a_word_of_the_target_is_dropped_whole_or_kept_larger(rng):
    separate = {"data_shared_vocabulary": False, "model_tie_embeddings": False}
    model = small_model(rng, model_word_dropout=0.5, **separate)
    start = model.encode(np.full((ROWS, 2), 7, "int32"))
    found = distinct(model.decoder(one_word(8), *start, training=True)[:, 0])
    assert len(found) == 2
    embeddings = model.decoder.embedding.embeddings
    for factor in (0.0, 2.0):
        before = embeddings.numpy()
        embeddings.assign(before * factor)
        expected = model.decoder(one_word(8), *start)[0, 0]
        assert np.min(np.max(np.abs(found - expected), axis=1)) < 1e-3
        embeddings.assign(before)


@pytest.mark.parametrize("rate", [0.1, 0.8])
def test_words_are_dropped_at_the_rate(rate, rng):
    model = small_model(rng, model_word_dropout=rate)
    source = random_tokens(rng, [50] * 40)
    for side in (model.encoder, model.decoder):
        words = side.drop_words(side.embedding(source), training=True).numpy()
        is_dropped = ~np.any(words, axis=-1)
        assert abs(np.mean(is_dropped) - rate) < 0.05
        kept = side.embedding(source).numpy()[~is_dropped] / (1 - rate)
        np.testing.assert_allclose(words[~is_dropped], kept, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "decoder"),
    [
        ("recurrent_dropout", "gnmt"),
        ("word_dropout", "attention"),
        pytest.param("recurrent_dropout", "attention", marks=pytest.mark.slow),
        pytest.param("recurrent_dropout", "conditional", marks=pytest.mark.slow),
        pytest.param("word_dropout", "conditional", marks=pytest.mark.slow),
        pytest.param("word_dropout", "gnmt", marks=pytest.mark.slow),
    ],
)
def test_it_acts_in_training_and_never_otherwise(name, decoder, rng):
    changes = {"model_decoder": decoder, "model_encoder_layers": 1}
    changes["model_decoder_layers"] = 2 if decoder == "gnmt" else 1
    config = tiny_model_config(**changes, **{f"model_{name}": 0.5})
    plain, model = random_model(tiny_model_config(**changes), rng), build_model(config)
    for variable, value in zip(model.trainable_variables, plain.trainable_variables, strict=True):
        variable.assign(value)
    source, target_in = random_tokens(rng, [3] * 4), random_tokens(rng, [3] * 4)
    expected = plain((source, target_in))
    np.testing.assert_array_equal(plain((source, target_in), training=True), expected)
    np.testing.assert_allclose(model((source, target_in)), expected, rtol=1e-6)
    start = model.encode(source)
    encoded = [model.encoder(source, training=True).values.numpy() for _ in range(2)]
    logits = [model.decoder(target_in, *start, training=True).numpy() for _ in range(2)]
    assert not np.array_equal(*encoded)
    assert not np.array_equal(*logits)
