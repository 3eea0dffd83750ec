"""The decoder: running token by token, as search does, equals teacher forcing; its readout."""

import numpy as np
import pytest
from reference.models import random_model, random_tokens, step_by_step, tiny_model_config
from reference.translation import output_logits

from seq2seq.marks import BEGIN, PAD, UNKNOWN

WAYS = [(1, True, True), (1, False, False), (2, True, False), (2, False, True)]
# All ways with a GRU, and the other cells in one way each.
QUICK = [*(("gru", *way) for way in WAYS), ("lstm", *WAYS[2]), ("simple_rnn", *WAYS[3])]
SLOW = {(cell, *way) for cell in ("simple_rnn", "lstm") for way in WAYS} - set(QUICK)


@pytest.mark.parametrize(
    ("cell", "layers", "feeding", "tied"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in sorted(SLOW))],
)
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


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(
    ("kind", "layers", "size"), [("conditional", 1, 6 + 6 + 5), ("gnmt", 2, 6)]
)
def test_tied_to_the_embedding_an_output_of_another_size_goes_through_a_readout(
    kind, layers, size, normalize, rng
):
    changes = {"model_decoder": kind, "model_normalize_output": normalize}
    config = tiny_model_config(model_decoder_layers=layers, **changes)
    decoder = (model := random_model(config, rng)).decoder
    start, tokens = model.encode(random_tokens(rng, [3, 2])), random_tokens(rng, [1, 1])[:, 0]
    output, _ = decoder.cell(decoder.embedding(tokens), start.states, memory=start.memory)
    kernel, bias = decoder.readout.get_weights()
    assert kernel.shape == (size, 5)
    expected = output_logits(decoder, np.tanh(output.numpy() @ kernel + bias), config.model)
    logits, _ = decoder.step(tokens, *start)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_decoder": "conditional", "model_decoder_layers": 1, "model_tie_embeddings": False},
        {"model_decoder": "gnmt", "model_tie_embeddings": False},
        {"model_decoder": "gnmt", "model_embedding_size": 6},
        {},
    ],
)
def test_there_is_no_readout_where_none_is_needed(changes, rng):
    model = random_model(tiny_model_config(**changes), rng)
    assert model.decoder.readout is None
    assert not any("readout" in variable.path for variable in model.variables)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("tied", [False, True])
def test_in_half_precision_the_output_layer_rounds_no_bias(tied, normalize, rng):
    changes = {"model_tie_embeddings": tied, "model_normalize_output": normalize}
    model = random_model(tiny_model_config(training_precision="mixed_float16", **changes), rng)
    layer = model.decoder.output_layer
    layer.bias.assign(np.full(layer.bias.shape, 1 + 2.0**-15))
    nothing = np.zeros((2, model.decoder.embedding.output_dim), "float16")
    if not tied:
        nothing = np.zeros((2, layer.kernel.shape[0]), "float16")
    for logits in (layer(nothing), layer.logits(nothing, layer.projection())):
        np.testing.assert_array_equal(logits, np.full(logits.shape, 1 + 2.0**-15))


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("tied", [False, True])
def test_without_marks_no_sentence_can_hold_them_and_all_else_is_as_before(tied, normalize, rng):
    changes = {"model_tie_embeddings": tied, "model_normalize_output": normalize}
    model = random_model(tiny_model_config(**changes), rng)
    start, tokens = model.encode(random_tokens(rng, [3, 2])), random_tokens(rng, [1, 1])[:, 0]
    plain, _ = model.decoder.step(tokens, *start)
    projection = model.decoder.output_layer.projection(with_marks=False)
    logits, _ = model.decoder.step(tokens, *start, projection)
    marks = [PAD, UNKNOWN, BEGIN]
    assert np.max(np.take(logits, marks, axis=1)) < -1e8
    others = np.setdiff1d(np.arange(logits.shape[1]), marks)
    np.testing.assert_allclose(
        np.take(logits, others, axis=1), np.take(plain, others, axis=1), rtol=1e-5, atol=1e-6
    )
