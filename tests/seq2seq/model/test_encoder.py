"""What the encoder gives attention to look at: its output, and beside it the embedded words."""

from unittest.mock import Mock

import numpy as np
from reference.models import random_model, random_tokens, tiny_model_config


def test_the_embedded_words_stand_beside_the_output_and_zeros_at_padding(rng):
    encoder = random_model(tiny_model_config(), rng).encoder
    source = random_tokens(rng, [4, 1])
    values = encoder(source).values.numpy()
    words = encoder.embedding(source).numpy()
    is_token = source != 0
    np.testing.assert_array_equal(values[..., 6:][is_token], words[is_token])
    assert not np.any(values[~is_token])
    encoder.attend_embeddings = False
    np.testing.assert_array_equal(values[..., :6], encoder(source).values)


def test_in_training_attention_sees_the_words_as_the_layers_do(rng):
    encoder = random_model(tiny_model_config(model_dropout=0.5), rng).encoder
    encoder.layers = Mock(wraps=encoder.layers)
    values = encoder(random_tokens(rng, [4, 4]), training=True).values.numpy()
    words = encoder.layers.call_args.args[0].numpy()
    np.testing.assert_array_equal(values[..., 6:], words)
    assert 0 < np.mean(words == 0) < 1


def test_the_shapes_are_those_of_what_is_returned(rng):
    for attend in (True, False):
        encoder = random_model(tiny_model_config(model_attend_embeddings=attend), rng).encoder
        encoded, shapes = encoder(random_tokens(rng, [4, 1])), encoder.output_shapes((2, 4))
        assert encoded.values.shape == shapes.values
        assert encoded.mask.shape == shapes.mask
        assert [state.shape for state in encoded.states] == list(map(tuple, shapes.states))
