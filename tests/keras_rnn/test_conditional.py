"""`ConditionalGRUCell` against NumPy, in a layer, and in training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.attention import additive_attention
from reference.cells import gru_step, lstm_step, with_weights
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained_in_graph,
)
from reference.twins import MASKS, give_random_weights
from reference.wrapper_oracles import conditional_step

from keras_rnn import (
    RNN,
    BahdanauAttention,
    ConditionalGRU,
    ConditionalGRUCell,
    DeepTransitionCell,
    DropoutCell,
    GRUCell,
    LSTMCell,
    Memory,
    SimpleRNNCell,
    WeightDropCell,
    ZoneoutCell,
)

SHAPE, VALUES = (3, 5, 2), (3, 4, 6)
MASK = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]], dtype=bool)
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.3}
STEPS = {"gru": (GRUCell, gru_step), "lstm": (LSTMCell, lstm_step)}


def conditional(rng, first, second, **options):
    attention = BahdanauAttention(7, dtype="float64")
    cell = ConditionalGRUCell(first, attention, second, **options)
    cell.build((3, 2), VALUES)
    return give_random_weights(cell, rng)


def memory_of(cell, rng, mask=None):
    return cell.attention.memory(tf.constant(rng.normal(size=VALUES)), mask)


@pytest.mark.parametrize("output_context", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_step_equals_the_numpy_reference(name, output_context, rng):
    make, step = STEPS[name]
    cells = [make(4, dtype="float64") for _ in range(2)]
    cell = conditional(rng, *cells, output_context=output_context)
    memory, x = memory_of(cell, rng), rng.normal(size=(3, 2))
    states = [rng.normal(size=(3, 4)) for _ in cells[0].get_initial_state(3)]
    first, second = (with_weights(step, one.get_weights()) for one in cells)
    weights = cell.attention.get_weights()
    output, after, context, alignments = conditional_step(
        first,
        lambda query: additive_attention(query, memory.values.numpy(), *weights),
        second,
        x,
        states,
    )
    found, (found_states, found_alignments) = cell(x, [states, np.zeros((3, 4))], memory=memory)
    wanted = np.concatenate([output, context], axis=1) if output_context else output
    assert_close([found, *found_states, found_alignments], [wanted, *after, alignments])
    assert cell.output_size == wanted.shape[1]


CELLS = {
    "paper": lambda: (GRUCell(3, dtype="float64", seed=1), GRUCell(3, dtype="float64", seed=2)),
    "dropped": lambda: (
        GRUCell(3, dtype="float64", seed=1, **DROPOUT),
        GRUCell(3, dtype="float64", seed=2, **DROPOUT),
    ),
    "deep": lambda: (
        ZoneoutCell(SimpleRNNCell(3, dtype="float64"), 0.3, seed=1),
        DeepTransitionCell([SimpleRNNCell(3, dtype="float64", **DROPOUT) for _ in range(2)]),
    ),
    "keras": lambda: (GRUCell(3, dtype="float64"), keras.layers.GRUCell(3, dtype="float64")),
}


@pytest.mark.parametrize("name", CELLS)
def test_step_by_step_equals_the_whole_sequence(name, rng):
    cell = conditional(rng, *CELLS[name](), output_context=True)
    memory, x = memory_of(cell, rng, MASK), tf.constant(rng.normal(size=SHAPE))
    layer = RNN(cell, return_sequences=True, return_state=True)
    whole, *last_states = layer(x, constants={"memory": memory})
    states, steps = cell.get_initial_state(3, memory), []
    for t in range(5):
        output, states = cell(x[:, t], states, memory=memory)
        steps.append(output)
    assert_close(
        [whole, *tf.nest.flatten(last_states)], [np.stack(steps, 1), *tf.nest.flatten(states)], 1e-6
    )
    np.testing.assert_array_equal(np.greater(states[-1], 0), MASK)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dropped", "deep"])
def test_both_ways_back_give_equal_gradients(name, rng, monkeypatch):
    cell = conditional(rng, *CELLS[name]())
    layer = RNN(cell, return_sequences=True)
    layer.build(SHAPE)
    values, keys = tf.constant(rng.normal(size=VALUES)), tf.constant(rng.normal(size=(3, 4, 7)))
    call = {"constants": {"memory": Memory(values, keys, None)}, "mask": MASKS["left"]}
    x = tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, **call)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, **call), wanted)
    assert len(taken) == 1


@pytest.mark.parametrize(
    "around",
    [
        lambda cell: DropoutCell(cell, 0.3, 0.3, 0.3, seed=1),
        lambda cell: ZoneoutCell(WeightDropCell(cell, 0.3, seed=1), 0.3, seed=2),
    ],
)
def test_what_is_around_it_passes_the_memory_on(around, rng):
    inner = conditional(rng, *CELLS["paper"]())
    cell, memory = around(inner), memory_of(inner, rng)
    x, states = tf.constant(rng.normal(size=SHAPE)), cell.get_initial_state(3, memory=memory)
    output, _ = cell(x[:, 0], states, memory=memory)
    layer = RNN(cell, return_sequences=True)
    assert_close([layer(x, constants={"memory": memory})[:, 0]], [output])
    constants = {"memory": memory}
    first, second = (layer(x, constants=constants, training=True) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_the_second_cell_drops_entries_of_the_context(rng):
    cells = GRUCell(3), GRUCell(3, dropout=0.5)
    cell = ConditionalGRUCell(cells[0], BahdanauAttention(7), cells[1])
    cell.build((3, 2), VALUES)
    first, second, of_mechanism = cell.draw_noise(3, 2)
    assert first is of_mechanism is None
    assert second.inputs.shape == (3, 6)
    plain = ConditionalGRUCell(GRUCell(3), BahdanauAttention(7), GRUCell(3))
    assert plain.draw_noise(3, 2) is None


def test_a_second_cell_that_drops_all_of_its_input_does_not_know_the_memory(rng):
    cell = conditional(rng, GRUCell(3, dtype="float64"), GRUCell(3, dropout=1.0, dtype="float64"))
    x, found = tf.constant(rng.normal(size=SHAPE)), []
    for training in (True, True, False, False):
        constants = {"memory": memory_of(cell, rng)}
        found.append(RNN(cell)(x, constants=constants, training=training))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[2] - found[3]).max() > 1e-3


def test_config_makes_the_same_cell_again():
    cell = ConditionalGRUCell(GRUCell(3), BahdanauAttention(7), GRUCell(3, reset_after=False), True)
    again = ConditionalGRUCell.from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    assert [again.first_cell.reset_after, again.second_cell.reset_after] == [True, False]
    again.build((None, 2), VALUES)
    assert again.output_size == 9


def test_a_call_builds_the_cell_around_a_built_mechanism(rng):
    attention = BahdanauAttention(7)
    attention.build((None, 3), VALUES)
    memory = attention.memory(tf.constant(rng.normal(size=VALUES), "float32"))
    cell = ConditionalGRUCell(GRUCell(3), attention, GRUCell(3))
    output, _ = cell(np.zeros((3, 2)), cell.get_initial_state(3, memory), memory=memory)
    assert output.shape == (3, 3)


def test_parts_that_do_not_fit_are_refused(rng):
    attention = BahdanauAttention(7)
    with pytest.raises(ValueError, match="`ConditionalGRUCell` needs a cell with `call"):
        ConditionalGRUCell(GRUCell(3), attention, 3)
    with pytest.raises(ValueError, match=r"`ConditionalGRUCell` needs cells with states of equal"):
        ConditionalGRUCell(GRUCell(3), attention, LSTMCell(3))
    cell = ConditionalGRUCell(GRUCell(3), attention, GRUCell(3))
    with pytest.raises(ValueError, match=r"`ConditionalGRUCell` needs the shape of its memory"):
        RNN(cell)(np.zeros(SHAPE))


def test_the_layer_is_the_cell_over_time(rng):
    layer = ConditionalGRU(GRUCell(4), BahdanauAttention(3), GRUCell(4), return_sequences=True)
    layer.cell.build((None, 2), memory_shape=(None, None, 5))
    memory = layer.attention.memory(
        keras.ops.convert_to_tensor(rng.normal(size=(3, 6, 5)), "float32")
    )
    x = rng.normal(size=(3, 5, 2)).astype("float32")
    wanted = RNN(layer.cell, return_sequences=True)(x, constants={"memory": memory})
    np.testing.assert_array_equal(layer(x, constants={"memory": memory}), wanted)
    again = ConditionalGRU.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.attention.units == 3
