"""The decoder: running token by token, as search does, equals teacher forcing."""

import numpy as np
import pytest
from reference.models import random_model, random_tokens, tiny_model_config


def step_by_step(model, source, target_in):
    """Run the decoder as a search would, on tokens that are known."""
    states, memory = model.encode(source)
    logits = []
    for tokens in target_in.T:
        step, states = model.decoder.step(tokens, states, memory)
        logits.append(step.numpy())
    return np.stack(logits, axis=1)


@pytest.mark.parametrize(
    ("layers", "feeding", "tied"),
    [(1, True, True), (1, False, False), (2, True, False), (2, False, True)],
)
@pytest.mark.parametrize("cell", ["simple_rnn", "gru", "lstm"])
def test_stepping_equals_teacher_forcing(cell, layers, feeding, tied, rng):
    config = tiny_model_config(
        model_cell=cell,
        model_encoder_layers=1,
        model_decoder_layers=layers,
        model_input_feeding=feeding,
        model_tie_embeddings=tied,
    )
    model = random_model(config, rng)
    source, target_in = random_tokens(rng, [3, 2]), random_tokens(rng, [4, 4])
    stepped = step_by_step(model, source, target_in)
    np.testing.assert_allclose(stepped, model((source, target_in)), rtol=1e-5, atol=1e-5)


def test_a_logit_sees_the_tokens_before_it_and_none_after(rng):
    model = random_model(tiny_model_config(), rng)
    source, target_in = random_tokens(rng, [3]), random_tokens(rng, [4])
    changed = target_in.copy()
    changed[0, 2] += 1
    before, after = (model((source, tokens)).numpy()[0] for tokens in (target_in, changed))
    np.testing.assert_array_equal(before[:2], after[:2])
    assert np.all(np.any(before[2:] != after[2:], axis=-1))


def test_the_first_step_reads_no_attention_yet(rng):
    model = random_model(tiny_model_config(), rng)
    states, _ = model.encode(random_tokens(rng, [3, 2]))
    assert states[-2].shape == (2, 5)
    assert not np.any(states[-2])
    assert not np.any(states[-1])
