"""The sequence loss against plain loops, for all ways of averaging."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from seq2seq.training import SequenceLoss, sequence_loss

FLAGS = (
    "average_across_timesteps",
    "average_across_batch",
    "sum_over_timesteps",
    "sum_over_batch",
)
COMBINATIONS = [
    dict(zip(FLAGS, values, strict=True)) for values in itertools.product([False, True], repeat=4)
]
MIXED = [
    flags
    for flags in COMBINATIONS
    if any(list(flags.values())[:2]) and any(list(flags.values())[2:])
]
VALID = [flags for flags in COMBINATIONS if flags not in MIXED]


def name_of(flags):
    return " ".join(name for name, is_set in flags.items() if is_set) or "none"


def entropies(logits, targets):
    found = np.zeros(targets.shape)
    for row, time in np.ndindex(targets.shape):
        exponentials = np.exp(np.float64(logits[row, time]))
        found[row, time] = -np.log(exponentials[targets[row, time]] / exponentials.sum())
    return found


def expected_loss(losses, weights, flags):
    """The docstring's table, cell by cell; a quotient by zero is zero."""
    rows, times = losses.shape
    batch = flags["average_across_batch"] or flags["sum_over_batch"]
    time = flags["average_across_timesteps"] or flags["sum_over_timesteps"]
    is_sum = flags["sum_over_batch"] or flags["sum_over_timesteps"]

    def quotient(places):
        total = sum(weights[place] * losses[place] for place in places)
        divisor = sum(float(weights[place] != 0) if is_sum else weights[place] for place in places)
        return total / divisor if divisor else 0.0

    if batch and time:
        return quotient(list(np.ndindex(rows, times)))
    if batch:
        return np.array([quotient([(row, t) for row in range(rows)]) for t in range(times)])
    if time:
        return np.array([quotient([(row, t) for t in range(times)]) for row in range(rows)])
    return weights * losses


@pytest.fixture
def batch(rng):
    """Logits, targets, and weights: a row and a column of zeros, and none that are alike."""
    logits = rng.normal(size=(4, 5, 6)).astype("float32")
    targets = rng.integers(0, 6, size=(4, 5)).astype("int32")
    weights = rng.uniform(0.2, 3, size=(4, 5)).astype("float32")
    weights[2], weights[:, 3], weights[0, 1] = 0, 0, 0
    return logits, targets, weights


def test_there_are_seven_ways_and_nine_that_are_refused():
    assert (len(VALID), len(MIXED)) == (7, 9)


@pytest.mark.parametrize("flags", VALID, ids=name_of)
def test_the_loss_equals_plain_loops(flags, batch):
    logits, targets, weights = batch
    expected = expected_loss(entropies(logits, targets), weights, flags)
    loss = sequence_loss(logits, targets, weights, **flags)
    assert loss.shape == np.shape(expected)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)


def test_by_default_it_averages_over_both(batch):
    logits, targets, weights = batch
    losses = entropies(logits, targets)
    expected = (weights * losses).sum() / weights.sum()
    np.testing.assert_allclose(sequence_loss(logits, targets, weights), expected, rtol=1e-5)


def test_a_loss_of_ones_own_gets_labels_and_logits_and_is_weighted_the_same(batch):
    logits, targets, weights = batch
    seen = []

    def squares(*, labels, logits):
        seen.append((labels, logits))
        return tf.reduce_sum((logits - tf.one_hot(labels, 6)) ** 2, axis=-1)

    losses = ((logits - np.eye(6)[targets]) ** 2).sum(-1)
    for flags in VALID:
        loss = sequence_loss(logits, targets, weights, softmax_loss_function=squares, **flags)
        np.testing.assert_allclose(loss, expected_loss(losses, weights, flags), rtol=1e-5)
    np.testing.assert_array_equal(seen[0][0], np.ravel(targets))
    np.testing.assert_array_equal(seen[0][1], np.reshape(logits, (-1, 6)))


@pytest.mark.parametrize("flags", VALID, ids=name_of)
def test_where_all_weights_are_zero_loss_and_gradient_are_zeros(flags, batch):
    logits, targets, weights = (tf.constant(one) for one in batch)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = sequence_loss(logits, targets, 0 * weights, **flags)
    np.testing.assert_array_equal(loss, np.zeros(loss.shape))
    np.testing.assert_array_equal(tape.gradient(loss, logits), np.zeros(logits.shape))


def test_the_gradient_is_finite_and_zero_where_the_weight_is(batch):
    logits, targets, weights = (tf.constant(one) for one in batch)
    for flags in VALID:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = sequence_loss(logits, targets, weights, **flags)
        gradient = tape.gradient(loss, logits).numpy()
        assert np.all(np.isfinite(gradient))
        np.testing.assert_array_equal(np.any(gradient, axis=-1), weights.numpy() != 0)


@pytest.mark.parametrize("flags", MIXED, ids=name_of)
def test_averaging_and_summing_at_once_is_refused(flags, batch):
    with pytest.raises(ValueError, match="axes to average or to sum over, not both") as caught:
        sequence_loss(*batch, **flags)
    assert all(f"{name}={value}" in str(caught.value) for name, value in flags.items())


@pytest.mark.parametrize(
    "shapes",
    [
        ((4, 6), (4, 5), (4, 5)),
        ((4, 5, 6), (4, 5, 1), (4, 5)),
        ((4, 5, 6), (4, 5), (4,)),
        ((4, 5, 6), (5, 4), (4, 5)),
        ((4, 5, 6), (4, 5), (5, 4)),
        ((4, 5, 6), (5, 4, 6), (4, 5)),
    ],
)
def test_other_shapes_are_refused(shapes):
    logits, targets, weights = (np.ones(shape, "float32") for shape in shapes)
    with pytest.raises(ValueError, match="needs logits `\\(batch, time, vocabulary") as caught:
        sequence_loss(logits, targets, weights)
    assert f"Received: shapes {', '.join(map(str, shapes))}." in str(caught.value)


def test_it_runs_in_a_graph_of_unknown_sizes(batch):
    logits, targets, weights = batch
    graph = tf.function(
        sequence_loss,
        input_signature=[
            tf.TensorSpec([None, None, 6]),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None]),
        ],
        autograph=False,
    )
    expected = sequence_loss(logits, targets, weights)
    np.testing.assert_allclose(graph(logits, targets, weights), expected, rtol=1e-6)


def test_targets_may_be_one_hot_and_weights_truth_values(batch):
    logits, targets, weights = batch
    is_word = weights > 0
    wanted = sequence_loss(logits, targets, is_word.astype("float32"))
    one_hot = np.eye(6, dtype="int32")[targets]
    for given in (is_word, is_word.astype("int32"), is_word.astype("float64")):
        for labels in (targets, one_hot, one_hot.astype("float32")):
            found = sequence_loss(logits, labels, given, name="loss")
            np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_soft_targets_are_averaged_over(batch, rng):
    logits, targets, weights = batch
    other = rng.integers(0, 6, size=targets.shape)
    both = 0.7 * np.eye(6)[targets] + 0.3 * np.eye(6)[other]
    wanted = 0.7 * sequence_loss(logits, targets, weights)
    wanted += 0.3 * sequence_loss(logits, other, weights)
    np.testing.assert_allclose(sequence_loss(logits, both, weights), wanted, rtol=1e-5)


def test_half_precision_is_summed_in_single(rng):
    logits = rng.normal(size=(100, 300, 4)).astype("float16")
    targets, weights = rng.integers(0, 4, size=(100, 300)), np.full((100, 300), 3.0)
    found = sequence_loss(logits, targets, weights)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, entropies(logits, targets).mean(), rtol=1e-4)


@pytest.mark.parametrize("flags", VALID, ids=name_of)
def test_as_an_object_it_is_the_same(flags, batch):
    logits, targets, weights = batch
    wanted = sequence_loss(logits, targets, weights, **flags)
    np.testing.assert_array_equal(SequenceLoss(**flags)(targets, logits, weights), wanted)


def test_an_object_sums_over_both_unless_told_and_is_saved_with_its_options(batch):
    logits, targets, weights = batch
    summed = {"sum_over_timesteps": True, "sum_over_batch": True}
    wanted = sequence_loss(logits, targets, weights, False, False, **summed)
    np.testing.assert_array_equal(SequenceLoss()(targets, logits, weights), wanted)
    stored = keras.losses.serialize(SequenceLoss(sum_over_batch=False, name="mine"))
    loss = keras.losses.deserialize(stored)
    assert loss.name == "mine"
    wanted = sequence_loss(logits, targets, weights, False, False, sum_over_timesteps=True)
    np.testing.assert_array_equal(loss(targets, logits, weights), wanted)


def test_a_model_compiled_with_it_leaves_padding_out_by_weights_or_by_its_mask(rng):
    words = keras.Input((4,), dtype="int32")
    embedded = keras.layers.Embedding(6, 5, mask_zero=True)(words)
    model = keras.Model(words, keras.layers.Dense(6)(embedded))
    model.compile("sgd", SequenceLoss())
    x, y = np.array([[1, 2, 0, 0], [3, 4, 5, 0]]), rng.integers(0, 6, (2, 4))
    weights = (x != 0).astype("float32")
    wanted = sequence_loss(tf.constant(model(x)), y, weights)
    for options in ({}, {"sample_weight": weights}):
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0, **options), wanted, rtol=1e-5)
    first = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert first[-1] < first[0]
