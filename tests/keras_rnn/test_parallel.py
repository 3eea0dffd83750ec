"""Layers that compute all steps at once: the result is that of the loop, whatever the options."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.training import assert_close, trained, weighted
from reference.twins import MASKS, assert_equal, give_random_weights

from keras_rnn import SRU, SSRU, Bidirectional, MinGRU, MinGRUCell, MinLSTM
from keras_rnn.layers import parallel as parallel_layers
from keras_rnn.scan.linear import linear_scan

LONG = {  # Forty steps, so that there are stretches.
    name: None if mask is None else np.repeat(mask, 8, axis=1) for name, mask in MASKS.items()
}
SHAPE = (3, 40, 4)
LAYERS = {
    "sru": lambda **options: SRU(4, gates_read_state=False, **options),
    "sru_projected": lambda **options: SRU(3, activation="tanh", gates_read_state=False, **options),
    "ssru": lambda **options: SSRU(3, **options),
    "min_gru": lambda **options: MinGRU(3, **options),
    "min_lstm": lambda **options: MinLSTM(3, **options),
}


def by_loop(keep, add, start, reverse=False):
    """Return all states in NumPy, step by step."""
    states, h = np.zeros_like(add), start
    steps = range(add.shape[1])
    for t in reversed(steps) if reverse else steps:
        h = keep[:, t] * h + add[:, t]
        states[:, t] = h
    return states


def pair(name, rng, **options):
    """Return the layer that computes all steps at once, and its twin that runs the loop."""
    layers = [LAYERS[name](parallel=choice, **options) for choice in (True, False)]
    for layer in layers:
        layer.build(SHAPE)
    weights = give_random_weights(layers[0], rng).get_weights()
    layers[1].set_weights(weights)
    return layers


@pytest.fixture
def scans(monkeypatch):
    """Return a list that grows by one at each scan of all steps at once."""
    seen = []

    def spied(*arguments, **options):
        seen.append(arguments)
        return linear_scan(*arguments, **options)

    monkeypatch.setattr(parallel_layers, "linear_scan", spied)
    return seen


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 15, 3), (3, 33, 2), (2, 100, 5), (64, 40, 256)])
def test_a_linear_scan_is_the_loop(shape, reverse, rng):
    keep, add = rng.uniform(-1.2, 1.2, size=shape), rng.normal(size=shape)
    start = rng.normal(size=(shape[0], shape[2]))
    expected = by_loop(keep, add, start, reverse)
    keep, add, start = (tf.constant(array) for array in (keep, add, start))
    np.testing.assert_allclose(linear_scan(keep, add, start, reverse), expected, 1e-12, 1e-12)


@pytest.mark.parametrize("low", [0.0, 0.999])
def test_two_thousand_steps_that_forget_all_or_nothing_are_as_exact_as_the_loop(low, rng):
    keep = rng.choice([low, 1.0, 0.5 + low / 2], size=(2, 2000, 3)).astype("float32")
    add = rng.normal(size=keep.shape).astype("float32")
    start = rng.normal(size=(2, 3)).astype("float32")
    found = linear_scan(tf.constant(keep), tf.constant(add), tf.constant(start))
    exact = by_loop(*(array.astype("float64") for array in (keep, add, start)))
    error = np.abs(found - exact).max()
    assert error <= 2 * np.abs(by_loop(keep, add, start) - exact).max() + 1e-6


@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_and_the_second_one_are_those_of_automatic_differentiation(reverse, rng):
    shape = (2, 35, 2)
    keep, add, start = (
        tf.constant(rng.normal(size=size)) for size in (shape, shape, (shape[0], shape[2]))
    )

    def written_out(keep, add, start, reverse):
        h, states = start, []
        for t in range(shape[1])[:: -1 if reverse else 1]:
            h = keep[:, t] * h + add[:, t]
            states.append(h)
        return tf.stack(states[:: -1 if reverse else 1], axis=1)

    def derivatives(scan):
        given = [0.5 * keep, add, start]
        with tf.GradientTape() as outer:
            outer.watch(given)
            with tf.GradientTape() as inner:
                inner.watch(given)
                loss = weighted(tf.sin(scan(*given, reverse)))
            first = inner.gradient(loss, given)
            norm = weighted([tf.cos(gradient) for gradient in first])
        return [*first, *outer.gradient(norm, given)]

    assert_close(derivatives(linear_scan), derivatives(written_out), 1e-11)


TOLERANCES = {"float32": 1e-5, "float64": 1e-12}


@pytest.mark.parametrize(
    ("name", "mask", "dtype"),
    [
        pytest.param(name, mask, dtype, marks=[pytest.mark.slow] * ((index + turn) % 2))
        for index, (name, mask) in enumerate(zip(LAYERS, LONG, strict=True))
        for turn, dtype in enumerate(TOLERANCES)
    ],
)
def test_all_steps_at_once_give_what_the_loop_gives(name, mask, dtype, rng, scans):
    flags = {
        "go_backwards": mask in {"right", "holes"},
        "zero_output_for_mask": mask in {"left", "holes"},
        "dropout": 0.5 if mask == "empty_row" else 0.0,
        "seed": 1,
    }
    options = {"return_sequences": True, "return_state": True, "dtype": dtype}
    ours, loop = pair(name, rng, **options, **flags)
    x = tf.constant(rng.normal(size=SHAPE), dtype)
    states = [tf.constant(rng.normal(size=(3, ours.units)), dtype)]
    call = {"mask": LONG[mask], "initial_state": states}
    found, wanted = (trained(layer, x, **call) for layer in (ours, loop))
    size = max(np.abs(tensor).max() for tensor in wanted)
    assert_close([t / size for t in found], [t / size for t in wanted], TOLERANCES[dtype])
    assert scans


flags = st.booleans()


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    name=st.sampled_from(list(LAYERS)),
    mask=st.sampled_from(list(LONG)),
    options=st.fixed_dictionaries(
        {
            "return_sequences": flags,
            "return_state": flags,
            "go_backwards": flags,
            "zero_output_for_mask": flags,
            "learn_initial_state": flags,
            "dropout": st.sampled_from([0.0, 0.5]),
            "use_bias": flags,
        }
    ),
    seed=st.integers(0, 99),
)
def test_both_ways_agree_whatever_the_options(name, mask, options, seed):
    rng = np.random.default_rng(seed)
    ours, loop = pair(name, rng, dtype="float64", seed=seed, **options)
    x = tf.constant(rng.normal(size=SHAPE))
    found, wanted = (trained(layer, x, mask=LONG[mask]) for layer in (ours, loop))
    assert_close(found, wanted, 1e-11)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_graph_of_unknown_batch_and_length_gives_what_the_loop_gives(jit_compile, rng, scans):
    ours, loop = pair("min_gru", rng, return_sequences=True, return_state=True)
    signature = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.bool)]
    step = tf.function(
        lambda x, mask: trained(ours, x, mask=mask),
        input_signature=signature,
        jit_compile=jit_compile,
    )
    for batch, time in ((3, 40), (1, 1)):
        x = tf.constant(rng.normal(size=(batch, time, 4)), "float32")
        mask = tf.constant(LONG["holes"][:batch, :time])
        assert_equal(step(x, mask), trained(loop, x, mask=mask), rtol=1e-4, atol=1e-4)
    assert scans


def test_the_compiled_step_of_known_shapes_gives_what_the_loop_gives(rng):
    ours, loop = pair("min_lstm", rng, return_sequences=True)
    x = tf.constant(rng.normal(size=SHAPE), "float32")
    found = tf.function(trained, jit_compile=True)(ours, x)
    assert_equal(found, trained(loop, x), rtol=1e-4, atol=1e-4)


def test_a_stateful_layer_goes_on_where_it_ended(rng):
    stateful = MinGRU(3, parallel=True, stateful=True, return_sequences=True)
    stateful.build((3, None, 4))
    give_random_weights(stateful, rng)
    whole = MinGRU(3, parallel=False, return_sequences=True)
    whole.build(SHAPE)
    whole.set_weights(stateful.get_weights())
    x = rng.normal(size=SHAPE).astype("float32")
    parts = [stateful(x[:, :17]), stateful(x[:, 17:])]
    assert_equal([tf.concat(parts, axis=1)], [whole(x)])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_keeps_its_type(policy, rng):
    ours, loop = pair("ssru", rng, dtype=policy, return_sequences=True)
    x = rng.normal(size=SHAPE)
    found, wanted = (layer(x, mask=LONG["right"]) for layer in (ours, loop))
    assert found.dtype == wanted.dtype == ours.compute_dtype
    assert_equal([tf.cast(found, "float32")], [tf.cast(wanted, "float32")], atol=0.05)


def test_a_batch_of_no_rows_gives_no_rows():
    layer = Bidirectional(MinGRU(3, parallel=True, return_sequences=True, return_state=True))
    outputs = layer(np.zeros((0, 40, 4)), mask=np.zeros((0, 40), bool))
    assert outputs[0].shape == (0, 40, 6)
    assert outputs[1].shape == (0, 3)


class TwiceCell(MinGRUCell):
    """A cell with a step of its own."""

    def step(self, projected, states, training=False, noise=None):
        h, states = super().step(projected, states)
        return 2 * h, [2 * h]


class Twice(MinGRU):
    """The layer around it."""

    cell_class = TwiceCell


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda **options: SRU(3, **options), "SRUCell"),
        (lambda **options: Twice(3, **options), "TwiceCell"),
        (lambda **options: MinGRU(3, unroll=True, **options), "unroll=True"),
        (lambda **options: SSRU(3, recompute=2, **options), "recompute=2"),
        (lambda **options: MinLSTM(3, truncation=(2, 4), **options), r"truncation=\(2, 4\)"),
    ],
)
def test_what_cannot_be_computed_at_once_is_looped_or_refused(make, reason, rng, scans):
    layer = make()
    layer(rng.normal(size=SHAPE), training=True)
    assert not scans
    with pytest.raises(ValueError, match=rf"for `parallel=True`. Received: .*{reason}.*'auto'"):
        make(parallel=True)


@pytest.mark.parametrize("gpus", [[], ["GPU:0"]])
def test_large_steps_are_looped_unless_all_are_asked_for_at_once(gpus, monkeypatch, scans):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    small, large = np.zeros((64, 2, 3), "float32"), np.zeros((65, 2, 3), "float32")
    signature = [tf.TensorSpec([None, None, 3])]
    for run, x, is_at_once in (
        (MinGRU(64), small, True),
        (MinGRU(64), large, bool(gpus)),
        (MinGRU(64, parallel=True), large, True),
        (tf.function(MinGRU(64), input_signature=signature), large, True),
    ):
        run(x)
        assert bool(scans) == is_at_once
        scans.clear()


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match=r"`MinGRU` needs `parallel` to be one of 'auto', True"):
        MinGRU(3, parallel="yes")


@pytest.mark.parametrize("parallel", ["auto", True, False])
def test_the_config_tells_the_way(parallel):
    layer = MinLSTM(3, parallel=parallel)
    assert MinLSTM.from_config(layer.get_config()).parallel == parallel
