"""Each attention mechanism against NumPy, under masks, in a graph, and made again."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.mechanism_cases import (
    BATCH,
    CASES,
    KINDS,
    LENGTH,
    MASK,
    QUERY,
    built,
    by_name,
    query_of,
    random_before,
    several,
    values_of,
)
from reference.training import assert_close

from keras_rnn import AttentionMechanism, LuongAttention

FLOAT64 = {"dtype": "float64"}
FAST = {"luong_monotonic", "location_cumulative", "three_heads"}
IN_GRAPH = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in KINDS]


def states_of(case, rng):
    before = random_before(case, rng)
    return [] if case.remembers == "nothing" else [tf.constant(before)]


def make_case(name, rng):
    case = CASES[name]
    return case, built(case.make(**FLOAT64), rng, case.features)


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
@pytest.mark.parametrize("name", CASES)
def test_a_mechanism_equals_the_numpy_reference(name, mask, rng):
    case, attention = make_case(name, rng)
    query, values = query_of(rng), values_of(rng, case.features)
    states = states_of(case, rng)
    before = np.asarray(states[0]) if states else None
    context, alignments = case.oracle(
        query.numpy(), values.numpy(), by_name(attention), mask, before
    )
    seen = attention(query, attention.memory(values, mask), states)
    assert_close([seen.context, seen.alignments], [context, alignments])
    wanted = {"nothing": [], "alignments": [alignments]}
    wanted["sum"] = [before + alignments] if states else []
    assert_close(seen.states, wanted[case.remembers])
    assert attention.state_count == len(states)
    assert attention.context_size(values.shape) == context.shape[1]


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
def test_several_mechanisms_look_side_by_side(mask, rng):
    attention, query, values = built(several(**FLOAT64), rng), query_of(rng), values_of(rng)
    cases = [CASES[name] for name in ("bahdanau", "coverage", "luong_monotonic", "three_heads")]
    before = [random_before(case, rng) for case in cases[1:3]]
    contexts, alignments = [], []
    for mechanism, case, own in zip(
        attention.mechanisms, cases, [None, *before, None], strict=True
    ):
        heads = {"heads": 2} if case is cases[3] else {}
        seen = case.oracle(query.numpy(), values.numpy(), by_name(mechanism), mask, own, **heads)
        contexts.append(seen[0])
        alignments.append(seen[1])
    seen = attention(query, attention.memory(values, mask), [tf.constant(b) for b in before])
    assert_close([seen.context], [np.concatenate(contexts, axis=1)])
    assert_close([seen.alignments], [sum(alignments) / 4])
    assert_close(seen.states, [before[0] + alignments[1], alignments[2]])
    assert attention.state_count == 2
    assert attention.context_size(values.shape) == seen.context.shape[1]


@pytest.mark.parametrize("name", CASES)
def test_where_all_is_padding_there_are_zeros_and_finite_gradients(name, rng):
    case, attention = make_case(name, rng)
    query, values, states = query_of(rng), values_of(rng, case.features), states_of(case, rng)
    with tf.GradientTape() as tape:
        tape.watch([query, values])
        seen = attention(query, attention.memory(values, MASK), states)
        loss = tf.reduce_sum(seen.context**2) + tf.reduce_sum(seen.alignments**2)
    np.testing.assert_array_equal(seen.context[2], np.zeros(seen.context.shape[1]))
    np.testing.assert_array_equal(np.asarray(seen.alignments)[~MASK], 0)
    sources = [query, values, *(weight.value for weight in attention.trainable_weights)]
    gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
    assert all(np.all(np.isfinite(gradient)) for gradient in gradients)
    np.testing.assert_array_equal(gradients[0][2], np.zeros(QUERY))
    np.testing.assert_array_equal(gradients[1][~MASK], 0)
    assert np.any(gradients[1][MASK])


@pytest.mark.parametrize("name", CASES)
def test_padding_the_memory_changes_nothing(name, rng):
    case, attention = make_case(name, rng)
    query, values, states = query_of(rng), values_of(rng, case.features), states_of(case, rng)
    seen = attention(query, attention.memory(values, MASK), states)
    garbage = tf.constant(rng.normal(size=(BATCH, 2, case.features)) * 100)
    memory = attention.memory(tf.concat([values, garbage], 1), np.pad(MASK, ((0, 0), (0, 2))))
    padded = attention(query, memory, [tf.pad(state, [[0, 0], [0, 2]]) for state in states])
    assert_close([padded.context, padded.alignments[:, :LENGTH]], seen[:2])
    np.testing.assert_array_equal(padded.alignments[:, LENGTH:], np.zeros((BATCH, 2)))


@pytest.mark.parametrize("name", CASES)
def test_a_mask_of_all_true_is_no_mask(name, rng):
    case, attention = make_case(name, rng)
    query, values, states = query_of(rng), values_of(rng, case.features), states_of(case, rng)
    looks = [
        attention(query, attention.memory(values, mask), states)
        for mask in (None, np.ones((BATCH, LENGTH), bool))
    ]
    assert_close(looks[0][:2], looks[1][:2])


@pytest.mark.parametrize("name", [*CASES, "several"])
def test_the_config_makes_the_same_mechanism_again(name, rng):
    attention = several() if name == "several" else CASES[name].make()
    config = attention.get_config()
    saved = keras.saving.serialize_keras_object(attention)
    again = type(attention).from_config(config)
    loaded = keras.saving.deserialize_keras_object(saved)
    assert again.get_config() == loaded.get_config() == config
    features, shapes = 6 if name == "several" else CASES[name].features, []
    for one in (attention, again, loaded):
        built(one, rng, features)
        shapes.append([(weight.name, weight.shape) for weight in one.weights])
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("name", IN_GRAPH)
def test_in_a_graph_sizes_may_be_unknown(name, rng):
    case, attention = make_case(name, rng)
    query, values = query_of(rng), values_of(rng, case.features)

    def two_looks(query, values, mask):
        memory = attention.memory(values, mask)
        states = attention.initial_state(tf.shape(query)[0], memory)
        first = attention(query, memory, states)
        return attention(-query, memory, first.states)[:2]

    spec = [
        tf.TensorSpec((None, QUERY), "float64"),
        tf.TensorSpec((None, None, case.features), "float64"),
        tf.TensorSpec((None, None), "bool"),
    ]
    mask = tf.constant(MASK)
    found = tf.function(two_looks, input_signature=spec)(query, values, mask)
    assert_close(found, two_looks(query, values, mask))


@pytest.mark.parametrize("name", KINDS)
def test_kernels_may_start_orthogonal(name):
    attention = CASES[name].make(kernel_initializer="orthogonal")
    attention.build((BATCH, QUERY), (BATCH, LENGTH, 6))
    kernel = attention.memory_kernel.numpy()
    smaller = kernel @ kernel.T if len(kernel) < len(kernel.T) else kernel.T @ kernel
    np.testing.assert_allclose(smaller, np.eye(len(smaller)), atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_half_precision_keeps_its_type_and_the_mask(name, rng):
    case, exact = make_case(name, rng)
    attention = built(case.make(dtype="mixed_float16"), rng, case.features)
    attention.set_weights(exact.get_weights())
    query, values = query_of(rng), values_of(rng, case.features)
    looks = []
    for one, dtype in ((exact, "float64"), (attention, "float16")):
        memory = one.memory(tf.cast(values, dtype), MASK)
        states = one.initial_state(BATCH, memory)
        looks.append(one(tf.cast(query, dtype), memory, states))
    assert all(tensor.dtype == "float16" for tensor in tf.nest.flatten(looks[1]))
    for found, wanted in zip(looks[1][:2], looks[0][:2], strict=True):
        np.testing.assert_allclose(tf.cast(found, "float64"), wanted, atol=0.02)
    np.testing.assert_array_equal(np.asarray(looks[1].alignments)[~MASK], 0)


@pytest.mark.parametrize("name", CASES)
def test_kernels_of_one_shape_do_not_start_equal(name):
    attention = CASES[name].make()
    attention.build((BATCH, QUERY), (BATCH, LENGTH, QUERY))
    kernels = [weight.numpy() for weight in attention.trainable_weights if weight.shape]
    drawn = [kernel for kernel in kernels if kernel.any()]
    for index, kernel in enumerate(drawn):
        for other in drawn[:index]:
            assert kernel.shape != other.shape or not np.array_equal(kernel, other)


def test_a_mechanism_without_kernels_builds_itself_when_called(rng):
    query, values = query_of(rng, "float32"), values_of(rng, QUERY, "float32")
    attention = LuongAttention(scale=True)
    context, _, states = attention(query, attention.memory(values, MASK))
    assert [weight.shape for weight in attention.weights] == [()]
    assert context.shape == (BATCH, QUERY)
    assert states == []


class DistanceAttention(AttentionMechanism):
    """A mechanism of one's own: nearer to the query is better."""

    def build(self, query_shape, memory_shape):
        self.sharpness = self.add_weight((), name="sharpness", initializer="ones")
        self.built = True

    def score(self, query, memory, states):
        return -self.sharpness * tf.reduce_sum((memory.keys - query[:, None]) ** 2, axis=-1)


def test_a_mechanism_of_ones_own_writes_its_score_alone(rng):
    attention = DistanceAttention(**FLOAT64)
    query, values = query_of(rng), values_of(rng, QUERY)
    seen = attention(query, attention.memory(values))
    weights = np.exp(-((values - query[:, None]) ** 2).numpy().sum(axis=-1))
    weights /= weights.sum(axis=1, keepdims=True)
    context = np.einsum("bj,bjf->bf", weights, values)
    assert_close([seen.alignments, seen.context], [weights, context])


def test_a_mechanism_without_a_score_says_what_to_write(rng):
    attention = AttentionMechanism()
    with pytest.raises(NotImplementedError, match=r"needs a method `score\(query, memory, states"):
        attention.score(None, None, [])
