"""The whole model against NumPy; what it is built from; what must not change it."""

import random

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.models import VOCABULARY, random_model, random_tokens, tiny_model_config
from reference.translation import translation_logits

from seq2seq.model.translator import build_model

KINDS = ["simple_rnn", "gru", "lstm"]
MODELS = {
    "gru": {},
    "lstm": {"model_cell": "lstm", "model_tie_embeddings": False},
    "simple_rnn": {"model_cell": "simple_rnn", "model_input_feeding": False},
    "one layer each": {"model_encoder_layers": 1, "model_decoder_layers": 1},
    "copy bridge": {"model_cell": "lstm", "model_bridge": "copy", "model_residual": False},
    "copy bridge from the top": {"model_bridge": "copy", "model_decoder_layers": 1},
    "outputs alone to attend to": {"model_attend_embeddings": False},
    "products, not cosines": {"model_normalize_output": False},
    "products with a kernel of its own": {
        "model_normalize_output": False,
        "model_tie_embeddings": False,
    },
    "embeddings as they are": {"model_scale_embeddings": False},
    "zero bridge": {"model_bridge": "zero", "data_shared_vocabulary": False},
}


def weight_values(model):
    return [variable.numpy() for variable in model.variables]


@pytest.mark.parametrize("name", MODELS)
def test_the_logits_equal_the_numpy_reference_of_the_whole_model(name, rng):
    config = tiny_model_config(**MODELS[name])
    model = random_model(config, rng)
    source, target_in = random_tokens(rng, [4, 1, 3]), random_tokens(rng, [2, 4, 1])
    logits = model((source, target_in))
    expected = translation_logits(model, config, source, target_in)
    # Where the target is padding nothing is promised.
    is_token = target_in != 0
    np.testing.assert_allclose(logits[is_token], expected[is_token], rtol=1e-4, atol=1e-4)


@pytest.mark.slow  # `test_parts.py` holds models of every cell to it
@pytest.mark.parametrize("cell", KINDS)
def test_every_cell_gives_float32_logits_of_the_vocabulary(cell, rng):
    model = build_model(tiny_model_config(model_cell=cell))
    logits = model((random_tokens(rng, [3, 2]), random_tokens(rng, [4, 5])))
    assert logits.shape == (2, 5, VOCABULARY)
    assert logits.dtype == tf.float32


@pytest.fixture(scope="module")
def compiled_model():
    model = random_model(tiny_model_config(), np.random.default_rng(11))
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens, tokens], autograph=False)
    def logits(source, target_in):
        return model((source, target_in))

    return logits


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_padding_and_company_never_change_a_result(compiled_model, data):
    lengths = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=4)
    source_lengths, target_lengths = zip(*data.draw(lengths), strict=True)
    more = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    source = random_tokens(generator, source_lengths, max(source_lengths) + more[0])
    target_in = random_tokens(generator, target_lengths, max(target_lengths) + more[1])
    together = compiled_model(source, target_in)
    for row, (source_length, length) in enumerate(zip(source_lengths, target_lengths, strict=True)):
        alone = compiled_model(source[[row], :source_length], target_in[[row], :length])
        np.testing.assert_allclose(together[row, :length], alone[0], rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    same = [build_model(tiny_model_config(training_seed=5)) for _ in range(2)]
    other = build_model(tiny_model_config(training_seed=6))
    for first, second in zip(*map(weight_values, same), strict=True):
        np.testing.assert_array_equal(first, second)
    first, second = (model.encoder.embedding.get_weights()[0] for model in (same[0], other))
    assert not np.array_equal(first, second)


def test_the_same_seed_gives_the_same_dropout(rng):
    config = tiny_model_config(model_dropout=0.5)
    batch = random_tokens(rng, [3, 2]), random_tokens(rng, [4, 2])
    first, second = (build_model(config) for _ in range(2))
    np.testing.assert_array_equal(first(batch, training=True), second(batch, training=True))
    assert not np.array_equal(first(batch, training=True), second(batch, training=False))


def test_building_leaves_the_random_state_of_python_as_it_was():
    before = random.getstate()
    build_model(tiny_model_config())
    assert random.getstate() == before


def test_separate_vocabularies_have_separate_embeddings():
    shared = build_model(tiny_model_config())
    separate = build_model(tiny_model_config(data_shared_vocabulary=False))
    assert shared.encoder.embedding is shared.decoder.embedding
    assert separate.encoder.embedding is not separate.decoder.embedding
    added = VOCABULARY * 5
    assert separate.count_params() == shared.count_params() + added


def test_tied_output_shares_the_weights_of_the_target_embedding():
    tied, untied = (build_model(tiny_model_config(model_tie_embeddings=t)) for t in (True, False))
    assert not hasattr(tied.decoder.output_layer, "kernel")
    assert untied.decoder.output_layer.kernel.shape == (6, VOCABULARY)


@pytest.mark.parametrize(
    ("cell", "precision"), [("gru", "mixed_float16"), ("lstm", "mixed_bfloat16")]
)
def test_half_precision_gives_finite_float32_logits_near_those_of_float32(cell, precision, rng):
    batch = random_tokens(rng, [4, 1, 3]), random_tokens(rng, [2, 4, 1])
    full = random_model(tiny_model_config(model_cell=cell), rng, scale=0.3)
    half = build_model(tiny_model_config(model_cell=cell, training_precision=precision))
    for variable, value in zip(half.trainable_variables, full.trainable_variables, strict=True):
        variable.assign(value)
    logits = half(batch)
    assert logits.dtype == tf.float32
    assert half.bridge(half.encoder(batch[0]).states)[0].dtype == half.compute_dtype
    is_token = batch[1] != 0
    np.testing.assert_allclose(logits[is_token], full(batch)[is_token], atol=0.05)


@pytest.mark.slow  # `test_parts.py` holds models of every cell to it
@pytest.mark.parametrize("cell", KINDS)
def test_the_gradient_reaches_every_weight(cell, rng):
    changes = {"data_shared_vocabulary": False, "model_tie_embeddings": False}
    model = random_model(tiny_model_config(model_cell=cell, **changes), rng)
    batch = random_tokens(rng, [4, 2]), random_tokens(rng, [3, 2])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(batch, training=True) ** 2)
    for variable, gradient in zip(
        model.trainable_variables,
        tape.gradient(loss, model.trainable_variables),
        strict=True,
    ):
        assert gradient is not None, variable.path
        assert np.any(tf.convert_to_tensor(gradient).numpy()), variable.path


def test_inference_moves_no_variable_and_training_only_the_seeds(rng):
    model = build_model(tiny_model_config(model_dropout=0.3))
    batch = random_tokens(rng, [4, 2]), random_tokens(rng, [3, 2])
    before = weight_values(model)
    model(batch, training=False)
    start = model.encode(batch[0])
    model.decoder.step(batch[1][:, 0], start.states, start.memory)
    for old, new in zip(before, weight_values(model), strict=True):
        np.testing.assert_array_equal(old, new)
    model(batch, training=True)
    moved = [
        variable.path
        for variable, old in zip(model.variables, before, strict=True)
        if not np.array_equal(variable.numpy(), old)
    ]
    assert moved
    assert all("seed_generator" in path for path in moved)


def test_the_alignments_of_a_step_are_the_last_state_and_leave_padding_out(rng):
    model = random_model(tiny_model_config(), rng)
    start = model.encode(random_tokens(rng, [4, 2]))
    _, states = model.decoder.step(np.array([2, 2], "int32"), start.states, start.memory)
    assert states[-1].shape == (2, 4)
    np.testing.assert_allclose(np.sum(states[-1], axis=-1), 1, rtol=1e-5)
    np.testing.assert_array_equal(states[-1][1, 2:], 0)
