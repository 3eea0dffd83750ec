"""Our layers against `keras.layers` with the same weights: outputs and gradients are equal."""

import itertools

import keras
import numpy as np
import pytest
from reference.twins import MASKS, assert_layers_equal, outputs_and_gradients, twins

import keras_rnn

SHAPE = (3, 5, 4)
UNITS = 3
LAYERS = {
    "simple": ("SimpleRNN", {}),
    "simple_sigmoid": ("SimpleRNN", {"activation": "sigmoid"}),
    "gru_after": ("GRU", {"reset_after": True}),
    "gru_before": ("GRU", {"reset_after": False}),
    "lstm": ("LSTM", {}),
}
KINDS = ["simple", "gru_after", "gru_before", "lstm"]
VARIANTS = {
    "last_output_only": {"return_sequences": False, "return_state": False},
    "backwards": {"go_backwards": True},
    "backwards_last": {"go_backwards": True, "return_sequences": False},
    "zero_output": {"zero_output_for_mask": True},
    "zero_output_last": {"zero_output_for_mask": True, "return_sequences": False},
    "unrolled": {"unroll": True},
    "unrolled_backwards": {"unroll": True, "go_backwards": True},
    "no_bias": {"use_bias": False},
}


def named_twins(name, rng, **options):
    class_name, own = LAYERS[name]
    options = {"return_sequences": True, "return_state": True, **own, **options}
    ours, theirs = (
        getattr(module, class_name)(UNITS, **options) for module in (keras_rnn, keras.layers)
    )
    return twins(ours, theirs, SHAPE, rng)


def cases(is_slow, *values):
    """All combinations, some of them slow: what they hold, others hold too."""
    return [
        pytest.param(*case, marks=[pytest.mark.slow] * is_slow(*case))
        for case in itertools.product(*values)
    ]


def is_held_under_other_masks(name, mask):
    """The activation does not know of masks, nor does when the GRU resets."""
    if name == "simple_sigmoid":
        return mask != "holes"
    return name == "gru_before" and mask not in ("holes", "empty_row")


@pytest.mark.parametrize(("name", "mask"), cases(is_held_under_other_masks, LAYERS, MASKS))
def test_outputs_states_and_gradients_are_equal(name, mask, rng):
    ours, theirs = named_twins(name, rng)
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS[mask])


def is_held_by_the_other_gru(name, variant):
    """Where the GRU resets matters to the bias and to the loop that is written out."""
    return name == "gru_before" and variant not in ("no_bias", "unrolled")


@pytest.mark.parametrize(("name", "variant"), cases(is_held_by_the_other_gru, KINDS, VARIANTS))
def test_variants_are_equal_with_holes_in_the_mask(name, variant, rng):
    ours, theirs = named_twins(name, rng, **VARIANTS[variant])
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["holes"])


@pytest.mark.parametrize("name", ["simple", "gru_after", "lstm"])
def test_initial_states_are_used_alike(name, rng):
    ours, theirs = named_twins(name, rng)
    states = [rng.normal(size=(3, UNITS)).astype("float32") for _ in range(2)]
    states = states[: 2 if name == "lstm" else 1]
    mask = MASKS["empty_row"]
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=mask, initial_state=states)


def bidirectional_twins(name, rng, merge_mode="concat", **options):
    class_name, own = LAYERS[name]
    ours, theirs = (
        module.Bidirectional(
            getattr(module, class_name)(UNITS, **own, **options), merge_mode=merge_mode
        )
        for module in (keras_rnn, keras.layers)
    )
    return twins(ours, theirs, SHAPE, rng)


@pytest.mark.parametrize(
    ("return_sequences", "return_state"),
    cases(lambda *both: both[0] != both[1], [False, True], [False, True]),
)
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "ave", "mul", None])
def test_bidirectional_is_equal_in_all_merge_modes(merge_mode, return_sequences, return_state, rng):
    options = {"return_sequences": return_sequences, "return_state": return_state}
    ours, theirs = bidirectional_twins("lstm", rng, merge_mode, **options)
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["empty_row"])


@pytest.mark.parametrize(
    ("name", "mask"),
    cases(
        lambda name, mask: name != "lstm" and mask != "holes",
        KINDS,
        ["none", "right", "left", "holes"],
    ),
)
def test_bidirectional_is_equal_under_all_masks(name, mask, rng):
    ours, theirs = bidirectional_twins(name, rng, return_sequences=True, return_state=True)
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS[mask])


def test_bidirectional_hands_out_initial_states_alike(rng):
    ours, theirs = bidirectional_twins("lstm", rng, return_sequences=True, return_state=True)
    states = [rng.normal(size=(3, UNITS)).astype("float32") for _ in range(4)]
    x, mask = rng.normal(size=SHAPE), MASKS["empty_row"]
    assert_layers_equal(ours, theirs, x, mask=mask, initial_state=states)


def test_a_backward_layer_of_ones_own_is_used_alike(rng):
    ours, theirs = (
        module.Bidirectional(
            module.GRU(UNITS, return_sequences=True),
            backward_layer=module.LSTM(2, return_sequences=True, go_backwards=True),
        )
        for module in (keras_rnn, keras.layers)
    )
    twins(ours, theirs, SHAPE, rng)
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["holes"])


@pytest.mark.parametrize(
    ("name", "stateful"),
    cases(lambda name, stateful: stateful and name != "lstm", LAYERS, [False, True]),
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_weights_have_the_names_and_shapes_of_keras_and_move_both_ways(
    name, wrapped, stateful, rng
):
    make = bidirectional_twins if wrapped else named_twins
    ours, theirs = make(name, rng, stateful=stateful, return_state=False)
    named = [
        [(*w.path.split("/")[-2:], tuple(w.shape)) for w in layer.weights]
        for layer in (ours, theirs)
    ]
    assert named[0] == named[1]
    theirs.set_weights([rng.normal(size=weight.shape) for weight in theirs.weights])
    ours.set_weights(theirs.get_weights())
    x = rng.normal(size=SHAPE).astype("float32")
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_cells_of_keras_and_a_list_of_cells_run_alike(rng):
    ours, theirs = (
        module.RNN([cells.GRUCell(UNITS), cells.LSTMCell(2)], return_sequences=True)
        for module, cells in ((keras_rnn, keras_rnn), (keras.layers, keras.layers))
    )
    twins(ours, theirs, SHAPE, rng)
    assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["holes"])


@pytest.mark.parametrize("name", ["gru_after", "gru_before", "lstm"])
def test_penalties_are_equal(name, rng):
    penalties = {f"{kind}_regularizer": "l2" for kind in ("kernel", "recurrent", "bias")}
    ours, theirs = named_twins(name, rng, activity_regularizer="l2", **penalties)
    x = rng.normal(size=SHAPE).astype("float32")
    for layer in (ours, theirs):
        outputs_and_gradients(layer, x)
    assert len(ours.losses) == len(theirs.losses)
    np.testing.assert_allclose(sum(ours.losses), sum(theirs.losses), rtol=1e-5)


def test_a_file_of_weights_written_by_keras_loads(rng, tmp_path):
    models = []
    for module in (keras.layers, keras_rnn):
        layers = [module.Bidirectional(module.LSTM(2, return_sequences=True)), module.GRU(2)]
        models.append(keras.Sequential([keras.Input((5, 4)), *layers]))
    theirs, ours = models
    theirs.save_weights(tmp_path / "keras.weights.h5")
    ours.load_weights(tmp_path / "keras.weights.h5")
    x = rng.normal(size=SHAPE).astype("float32")
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_a_config_written_by_keras_makes_our_layer():
    theirs = keras.layers.LSTM(UNITS, dropout=0.25, activation="relu", return_sequences=True)
    ours = keras_rnn.LSTM.from_config(theirs.get_config())
    config = {name: ours.get_config().get(name) for name in theirs.get_config()}
    assert config | {"dtype": None} == theirs.get_config() | {"dtype": None}
