"""Monotonic mechanisms: where they start and go, their noise in training, and their modes."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.mechanism_cases import BATCH, LENGTH, QUERY, built, query_of, values_of
from reference.training import assert_close

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauMonotonicAttention,
    ConditionalGRUCell,
    GNMTCell,
    GRUCell,
    LuongMonotonicAttention,
    SeveralAttentions,
)

MECHANISMS = [BahdanauMonotonicAttention, LuongMonotonicAttention]
NOISE = {"sigmoid_noise": 0.5, "sigmoid_noise_seed": 1}
FLOAT64 = {"dtype": "float64"}
MODES = ["recursive", "hard"]


def cell_around(attention, rng):
    cell = AttentionCell(GRUCell(QUERY, **FLOAT64), attention, 3)
    cell.build((BATCH, 2), (BATCH, LENGTH, 6))
    for weight in cell.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))
    return cell


def run(cell, x, values, **options):
    constants = {"memory": cell.attention.memory(values)}
    layer = RNN(cell, return_sequences=True, return_state=True)
    return layer(x, constants=constants, **options)


def noise_in(alignments):
    """Return e of p_j = sigmoid(e), from the alignments of the first step."""
    left = 1 - np.cumsum(alignments, axis=-1) + alignments
    choose = np.asarray(alignments / left)
    return np.log(choose / (1 - choose))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_before_the_first_step_it_stands_on_the_first_of_the_memory(mechanism, rng):
    attention = built(mechanism(QUERY), rng)
    (state,) = attention.initial_state(2, attention.memory(tf.zeros((2, 3, 6))))
    np.testing.assert_array_equal(state, [[1, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize("mode", ["parallel", "recursive", "hard"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_padding_before_the_memory_is_passed(mechanism, mode, rng):
    attention = built(mechanism(QUERY, mode=mode, **FLOAT64), rng)
    query, values = query_of(rng), values_of(rng)
    padded = tf.concat([100 * tf.ones((BATCH, 2, 6), "float64"), values], axis=1)
    mask = np.array([[False] * 2 + [True] * LENGTH] * BATCH)
    looks = []
    for memory in (attention.memory(values), attention.memory(padded, mask)):
        first = attention(query, memory, attention.initial_state(BATCH, memory))
        looks.append((first, attention(-query, memory, first.states)))
    for seen, of_padded in zip(*looks, strict=True):
        assert_close([of_padded.alignments[:, 2:], of_padded.context], seen[1::-1])
        np.testing.assert_array_equal(of_padded.alignments[:, :2], np.zeros((BATCH, 2)))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), mechanism=st.sampled_from(MECHANISMS))
def test_in_hard_mode_it_never_looks_before_where_it_looked(seed, mechanism):
    rng = np.random.default_rng(seed)
    attention = built(mechanism(QUERY, mode="hard", **FLOAT64), rng)
    memory = attention.memory(values_of(rng), rng.uniform(size=(BATCH, LENGTH)) < 0.8)
    states, places = attention.initial_state(BATCH, memory), []
    for _ in range(5):
        seen = attention(query_of(rng) * 3, memory, states)
        states, found = seen.states, seen.alignments.numpy()
        assert set(found.flat) <= {0, 1}
        places.append(np.where(found.any(axis=1), found.argmax(axis=1), LENGTH))
    assert np.all(np.diff(places, axis=0) >= 0)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_bias_of_the_scores_starts_where_it_is_asked_to(mechanism, rng):
    attention = mechanism(QUERY, score_bias_init=-1.5)
    attention.build((BATCH, QUERY), (BATCH, LENGTH, 6))
    assert attention.score_bias.numpy() == -1.5
    assert mechanism(QUERY, score_bias_init=-1.5).get_config()["score_bias_init"] == -1.5


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_inference_mode_holds_when_not_training_alone(mechanism, rng):
    soft, hard = (built(mechanism(QUERY, mode=mode, **FLOAT64), rng) for mode in MODES)
    both = built(mechanism(QUERY, mode=MODES[0], inference_mode=MODES[1], **FLOAT64), rng)
    for attention in (soft, hard):
        attention.set_weights(both.get_weights())
    query, values = query_of(rng), values_of(rng)
    memory = both.memory(values)
    states = both.initial_state(BATCH, memory)
    for training, other in ((True, soft), (False, hard)):
        wanted = other(query, memory, states)
        assert_close(both(query, memory, states, training=training)[:2], wanted[:2])
    cell = cell_around(both, rng)
    x = tf.constant(rng.normal(size=(BATCH, 3, 2)))
    found = [cell.alignments(run(cell, x, values, training=t)[1:]) for t in (True, False)]
    assert not set(found[0].numpy().flat) <= {0, 1}
    assert set(found[1].numpy().flat) <= {0, 1}


def test_the_noise_is_normal_of_the_given_deviation_and_of_each_entry(rng):
    attention = built(LuongMonotonicAttention(QUERY, **NOISE, mode="recursive", **FLOAT64), rng)
    attention.score_bias.assign(0)
    memory = attention.memory(tf.zeros((400, 10, 6), "float64"))
    states = attention.initial_state(400, memory)
    noise = attention.draw_noise(400, None)
    seen = attention(tf.ones((400, QUERY)), memory, states, training=True, noise=noise)
    found = noise_in(seen.alignments.numpy()) / 0.5
    assert abs(found.mean()) < 0.06
    np.testing.assert_allclose(found.std(), 1, atol=0.04)
    correlations = np.corrcoef(found.T) - np.eye(10)
    assert np.abs(correlations).max() < 0.25
    assert np.abs(np.corrcoef(found)[0, 1:]).max() < 0.999


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_what_is_drawn_decides_and_without_it_there_is_no_noise(mechanism, rng):
    attention = built(mechanism(QUERY, **NOISE, **FLOAT64), rng)
    query, memory = query_of(rng), attention.memory(values_of(rng))
    states = attention.initial_state(BATCH, memory)
    first, second = (attention.draw_noise(BATCH, None) for _ in range(2))

    def alignments(noise):
        return attention(query, memory, states, training=True, noise=noise).alignments

    np.testing.assert_array_equal(alignments(first), alignments(first))
    assert np.abs(alignments(first) - alignments(second)).max() > 1e-3
    assert np.abs(alignments(first) - alignments(None)).max() > 1e-3
    np.testing.assert_array_equal(alignments(None), attention(query, memory, states).alignments)
    assert mechanism(QUERY).draw_noise(BATCH, None) is None


def test_each_step_of_a_call_has_noise_of_its_own():
    drawn = BahdanauMonotonicAttention(4, **NOISE).draw_noise(2, 30).values
    assert drawn.shape == (2, 30, 2)
    assert len({tuple(seed) for seed in np.max(drawn, axis=0)}) == 30


@pytest.mark.parametrize("is_among_others", [False, True])
def test_noise_is_new_in_each_training_call_and_never_drawn_at_inference(is_among_others, rng):
    attention = LuongMonotonicAttention(QUERY, **NOISE, **FLOAT64)
    if is_among_others:
        others = [BahdanauMonotonicAttention(3, **FLOAT64), attention]
        attention = SeveralAttentions(others, **FLOAT64)
    cell = cell_around(attention, rng)
    x, values = tf.constant(rng.normal(size=(BATCH, 3, 2))), values_of(rng)
    noise = cell.draw_noise(BATCH, 2, 3)
    assert noise[0] is None
    assert (noise[1][0] is None) if is_among_others else noise[1].values.shape == (BATCH, 3, 2)
    for call in (run, tf.function(run, autograph=False)):
        first, second = (call(cell, x, values, training=True)[0] for _ in range(2))
        assert np.abs(first - second).max() > 1e-4
    before = [variable.numpy() for variable in cell.variables]
    np.testing.assert_array_equal(run(cell, x, values)[0], run(cell, x, values)[0])
    for variable, value in zip(cell.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize(
    "around",
    [
        lambda gru, attention: ConditionalGRUCell(gru(), attention, gru()),
        lambda gru, attention: GNMTCell([gru(), gru()], attention),
    ],
    ids=["conditional", "gnmt"],
)
def test_other_cells_hand_the_noise_on(around, rng):
    attention = LuongMonotonicAttention(QUERY, **NOISE, **FLOAT64)
    cell = around(lambda: GRUCell(QUERY, **FLOAT64), attention)
    cell.build((BATCH, 2), (BATCH, LENGTH, 6))
    x, values = tf.constant(rng.normal(size=(BATCH, 3, 2))), values_of(rng)
    looks = [cell.alignments(run(cell, x, values, training=t)[1:]) for t in (True, True, False)]
    assert np.abs(looks[0] - looks[1]).max() > 1e-4
    assert np.abs(looks[0] - looks[2]).max() > 1e-4
    np.testing.assert_array_equal(looks[2], cell.alignments(run(cell, x, values)[1:]))


def test_mechanisms_of_one_seed_draw_the_same(rng):
    cells = [cell_around(LuongMonotonicAttention(QUERY, **NOISE, **FLOAT64), rng) for _ in "ab"]
    for mine, other in zip(cells[0].trainable_weights, cells[1].trainable_weights, strict=True):
        other.assign(mine)
    x, values = tf.constant(rng.normal(size=(BATCH, 3, 2))), values_of(rng)
    first, second = (run(cell, x, values, training=True)[0] for cell in cells)
    np.testing.assert_array_equal(first, second)
