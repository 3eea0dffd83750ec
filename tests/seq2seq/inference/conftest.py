"""A translation model with random weights, and translators that are made of it."""

import numpy as np
import pytest
from reference.models import random_model

from seq2seq.data.corpus import read_parallel
from seq2seq.data.tokenizer import train_tokenizers
from seq2seq.inference import Translator


@pytest.fixture(scope="session")
def tokenizers(tiny_config):
    data = tiny_config.data
    return train_tokenizers(read_parallel(data.source, data.target), data)


@pytest.fixture(scope="module")
def model(tiny_config):
    return random_model(tiny_config, np.random.default_rng(5), scale=0.8)


@pytest.fixture(scope="module")
def make(model, tokenizers, tiny_config):
    """Make a translator; keys of `[decoding]` can be changed, and phrases given."""

    def translator(models=model, banned=(), required=(), **decoding):
        changes = {f"decoding.{key}": value for key, value in decoding.items()}
        settings = tiny_config.replace(changes).decoding
        phrases = {"banned": banned, "required": required}
        return Translator.of_model(models, tokenizers, settings, **phrases)

    return translator


@pytest.fixture(scope="module")
def beam_translator(make):
    return make(beam=3, batch_size=2)


@pytest.fixture(scope="module")
def greedy_translator(make):
    return make(beam=1, batch_size=2)


@pytest.fixture
def bias(model):
    """The output bias, to make the model say what a test wants; put back afterwards."""
    variable = model.decoder.output_layer.bias
    before = variable.numpy()
    yield variable
    variable.assign(before)
