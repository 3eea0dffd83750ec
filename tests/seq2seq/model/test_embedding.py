"""The factor between what is read of an embedding and what the output layer has of it."""

import numpy as np
import pytest
from reference.models import tiny_model_config

from seq2seq.model import build_model
from seq2seq.model.embedding import ScaledEmbedding


def test_what_is_read_is_the_embedding_times_the_root_of_its_size(rng):
    layer = ScaledEmbedding(7, 16)
    tokens = rng.integers(0, 7, (2, 3))
    read = layer(tokens)
    np.testing.assert_allclose(read, 4 * layer.embeddings.numpy()[tokens], rtol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_at_first_inputs_have_a_variance_of_one_and_rows_a_length_of_one(shared):
    config = tiny_model_config(
        model_embedding_size=64,
        data_vocabulary_size=2000,
        data_shared_vocabulary=shared,
    )
    model = build_model(config)
    for embedding in (model.encoder.embedding, model.decoder.embedding):
        assert np.std(embedding(np.arange(2000))) == pytest.approx(1, rel=0.02)
        lengths = np.linalg.norm(embedding.embeddings, axis=1)
        assert np.mean(lengths) == pytest.approx(1, rel=0.02)
