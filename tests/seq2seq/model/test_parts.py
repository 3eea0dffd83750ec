"""What a config names: every cell, attention and decoder keeps what every model promises."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.models import (
    VOCABULARY,
    random_model,
    random_tokens,
    step_by_step,
    tiny_model_config,
)

from seq2seq.config.sections import ATTENTIONS, CELLS, ModelConfig
from seq2seq.errors import UserError
from seq2seq.model import parts
from seq2seq.model.translator import build_model

LAYERS = {"attention": 2, "conditional": 1, "gnmt": 3}
# Every cell, every attention and every decoder in some of them.
QUICK = [
    (cell, attention, list(LAYERS)[index % 3])
    for index, (cell, attention) in enumerate(zip(CELLS, ATTENTIONS, strict=True))
]
# The models of run folders that were trained before there were the two keys.
BEFORE = [("gru", "bahdanau", decoder, "before") for decoder in LAYERS]
# To compile the backward pass takes seconds: here of the smallest cell.
SMALL = ("simple_rnn", "bahdanau_monotonic", "attention")
ALL = dict.fromkeys(
    [
        *QUICK,
        SMALL,
        *BEFORE,
        *itertools.product(CELLS, ["bahdanau"], LAYERS),
        *itertools.product(["gru", "lstm"], ATTENTIONS, LAYERS),
    ]
)
KINDS = {
    "bahdanau": ("BahdanauAttention", {"query_kernel", "memory_kernel", "score_kernel"}),
    "normed_bahdanau": (
        "BahdanauAttention",
        {"query_kernel", "memory_kernel", "score_kernel", "score_scale", "bias"},
    ),
    "luong": ("LuongAttention", {"memory_kernel"}),
    "scaled_luong": ("LuongAttention", {"memory_kernel", "score_scale"}),
    "multi_head": ("MultiHeadDotAttention", {"query_kernel", "memory_kernel", "value_kernel"}),
    "location": (
        "LocationAwareAttention",
        {"query_kernel", "memory_kernel", "score_kernel", "location_filters", "location_kernel"},
    ),
    "coverage": (
        "CoverageAttention",
        {"query_kernel", "memory_kernel", "score_kernel", "coverage_kernel"},
    ),
    "bahdanau_monotonic": (
        "BahdanauMonotonicAttention",
        {"query_kernel", "memory_kernel", "score_kernel", "score_bias"},
    ),
    "luong_monotonic": ("LuongMonotonicAttention", {"memory_kernel", "score_bias"}),
}


@pytest.mark.parametrize("attention", ["bahdanau_monotonic", "luong_monotonic"])
def test_monotonic_attention_that_is_sure_of_itself_is_not_lost(attention):
    """In closed form it would be, after a few steps of the source."""
    assert parts.mechanism(config_of(attention=attention)).mode == "recursive"


def config_of(cell="gru", attention="bahdanau", decoder="attention", age="now", **changes):
    options = {
        "model_attend_embeddings": age == "now",
        "model_normalize_output": age == "now",
        "model_encoder_layers": 1,
        "model_decoder_layers": LAYERS[decoder],
        "model_attention_heads": 2,
        # The gradient of either embedding must not hide that of the other.
        "data_shared_vocabulary": False,
        **changes,
    }
    return tiny_model_config(
        model_cell=cell, model_attention=attention, model_decoder=decoder, **options
    )


def cases(listed, quick):
    """The cases, slow but for some."""
    return [
        pytest.param(case, id=" ".join(case), marks=[pytest.mark.slow] * (case not in quick))
        for case in listed
    ]


@pytest.fixture(scope="module", params=cases(ALL, [*QUICK, BEFORE[-1]]))
def model(request):
    return random_model(config_of(*request.param), np.random.default_rng(3))


def test_stepping_equals_teacher_forcing(model, rng):
    source, target_in = random_tokens(rng, [3, 2]), random_tokens(rng, [4, 4])
    logits = model((source, target_in))
    assert logits.shape == (2, 4, VOCABULARY)
    assert logits.dtype == tf.float32
    assert len(np.unique(np.round(logits, 3))) > VOCABULARY
    stepped = step_by_step(model, source, target_in)
    np.testing.assert_allclose(stepped, logits, rtol=1e-4, atol=1e-4)


def test_neither_padding_nor_company_changes_a_row(model, rng):
    lengths = [(2, 3), (4, 2)]
    source = random_tokens(rng, [of_source for of_source, _ in lengths], 6)
    target_in = random_tokens(rng, [of_target for _, of_target in lengths], 5)
    together = model((source, target_in))
    for row, (of_source, of_target) in enumerate(lengths):
        alone = model((source[[row], :of_source], target_in[[row], :of_target]))
        np.testing.assert_allclose(together[row, :of_target], alone[0], rtol=1e-4, atol=1e-4)


def gradients(model, source, target_in):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model((source, target_in), training=True) ** 2)
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(loss, model.trainable_variables, unconnected_gradients=zero)
    return [tf.convert_to_tensor(gradient) for gradient in found]


def test_the_gradient_reaches_every_weight(model, rng):
    found = gradients(model, random_tokens(rng, [4, 3]), random_tokens(rng, [3, 2]))
    for variable, gradient in zip(model.trainable_variables, found, strict=True):
        assert np.all(np.isfinite(gradient)), variable.path
        assert np.any(gradient), variable.path


@pytest.mark.parametrize("case", cases([SMALL, *QUICK], [SMALL]))
def test_compiled_the_gradient_is_the_same(case, rng):
    model, tokens = random_model(config_of(*case), rng), tf.TensorSpec([None, None], tf.int32)
    batch = random_tokens(rng, [4, 3]), random_tokens(rng, [3, 2])
    compiled = tf.function(
        lambda source, target_in: gradients(model, source, target_in),
        input_signature=[tokens, tokens],
        autograph=False,
    )
    pairs = zip(compiled(*batch), gradients(model, *batch), strict=True)
    for variable, (ours, wanted) in zip(model.trainable_variables, pairs, strict=True):
        largest = np.max(np.abs(wanted))
        np.testing.assert_allclose(
            ours, wanted, rtol=1e-3, atol=1e-4 * largest, err_msg=variable.path
        )


def test_the_names_that_a_config_takes_are_those_that_are_built():
    assert set(parts.CELLS) == set(CELLS)
    assert set(KINDS) == set(ATTENTIONS)
    (decoder,) = [
        item for item in ModelConfig.__dataclass_fields__.values() if item.name == "decoder"
    ]
    assert set(decoder.metadata["choices"]) == set(LAYERS)


@pytest.mark.parametrize("name", KINDS)
def test_each_attention_is_the_mechanism_of_its_name(name):
    mechanism = parts.mechanism(config_of(attention=name))
    mechanism.build((None, 6), (None, None, 6))
    weights = {weight.name for weight in mechanism.trainable_weights}
    assert (type(mechanism).__name__, weights) == KINDS[name]


@pytest.mark.parametrize("name", CELLS)
def test_each_cell_is_that_of_its_name_in_encoder_and_decoder(name):
    kind = name.replace("_", "")
    config = config_of(name)
    layer, cell = parts.encoder_layer(config), parts.decoder_cell(config)
    assert type(layer).__name__.lower() == kind
    assert [type(one).__name__.lower() for one in cell.cell.cells] == [f"{kind}cell"] * 2
    assert parts.states_per_cell(config) == (2 if "lstm" in name else 1)


def test_sizes_and_options_of_the_config_reach_every_part():
    config = config_of(
        attention="multi_head",
        decoder="gnmt",
        model_recurrent_dropout=0.25,
        model_residual=False,
        model_attention_units=8,
        model_attention_heads=4,
    )
    layer, cell = parts.encoder_layer(config), parts.decoder_cell(config)
    assert (layer.cell.units, layer.cell.recurrent_dropout) == (3, 0.25)
    cells = [cell.bottom.cell, *cell.upper_cells]
    assert [(one.units, one.recurrent_dropout) for one in cells] == [(6, 0.25)] * 3
    assert (cell.attention.units, cell.attention.heads, cell.residual) == (8, 4, False)
    assert parts.decoder_cell(config_of(decoder="gnmt")).residual
    plain = parts.decoder_cell(config_of(model_input_feeding=False, model_tie_embeddings=False))
    assert (plain.input_feeding, plain.units) == (False, 6)
    assert parts.decoder_cell(config_of()).units == 5


@pytest.mark.parametrize(("cell", "decoder"), [("lstm", "gnmt"), ("layer_norm_gru", "conditional")])
def test_the_copy_bridge_starts_every_decoder(cell, decoder, rng):
    layers = LAYERS[decoder]
    config = config_of(cell, decoder=decoder, model_bridge="copy", model_encoder_layers=layers)
    model = random_model(config, rng)
    source = random_tokens(rng, [3, 2])
    start = model.encode(source)
    *_, last = keras.tree.flatten(start.states[0])
    top = model.encoder(source).states
    half = 2 if cell == "lstm" else 1
    both = np.concatenate([top[-half - 1], top[-1]], axis=-1)
    np.testing.assert_allclose(last, both, rtol=1e-6)
    assert len(keras.tree.flatten(start.states[0])) == layers * half


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("case", [*QUICK, *BEFORE], ids=" ".join)
def test_half_precision_is_near_float32(case, precision, rng):
    batch = random_tokens(rng, [4, 1, 3]), random_tokens(rng, [2, 4, 1])
    full = random_model(config_of(*case), rng, scale=0.3)
    half = build_model(config_of(*case, training_precision=precision))
    for variable, value in zip(half.trainable_variables, full.trainable_variables, strict=True):
        variable.assign(value)
    is_token = batch[1] != 0
    np.testing.assert_allclose(half(batch)[is_token], full(batch)[is_token], atol=0.06)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"decoder": "gnmt", "model_decoder_layers": 1},
            'model.decoder = "gnmt" needs model.decoder_layers to be at least 2. Received: 1.',
        ),
        (
            {"decoder": "conditional", "model_decoder_layers": 2},
            'model.decoder = "conditional" needs model.decoder_layers to be 1. Received: 2.',
        ),
        (
            {"attention": "multi_head", "model_attention_heads": 3},
            "[model] `MultiHeadDotAttention` needs `heads` to divide `units`. "
            "Received: heads=3, units=4. ",
        ),
        *(
            (
                {"cell": cell, "model_recurrent_dropout": 0.1},
                "model.recurrent_dropout needs a cell with a recurrent kernel. "
                f"Received: model.cell = '{cell}'. Set model.recurrent_dropout = 0.",
            )
            for cell in ("sru", "ssru")
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes, message):
    with pytest.raises(UserError) as caught:
        build_model(config_of(**changes))
    assert str(caught.value).startswith(message)
