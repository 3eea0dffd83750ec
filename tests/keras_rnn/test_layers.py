"""`RNN`, `SimpleRNN`, `GRU` and `LSTM` as layers: state, shapes, saving, errors."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.cells import gru_step, lstm_step, run, with_weights
from reference.twins import MASKS, assert_equal, assert_layers_equal, give_random_weights, twins

from keras_rnn import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNN,
    StackedRNNCells,
)

SHAPE = (3, 5, 4)
NAMED = [SimpleRNN, GRU, LSTM]


def ready(layer, rng, shape=SHAPE):
    layer.build(shape)
    return give_random_weights(layer, rng)


def assert_close(one, other):
    assert_equal(tf.nest.flatten(one), tf.nest.flatten(other))


@pytest.mark.parametrize("layer_class", [GRU, LSTM])
def test_a_layer_equals_the_numpy_loop_under_a_mask_from_given_states(layer_class, rng):
    layer = ready(layer_class(3, return_sequences=True, return_state=True), rng)
    step = with_weights(lstm_step if layer_class is LSTM else gru_step, layer.get_weights())
    x, states = (
        rng.normal(size=SHAPE),
        [rng.normal(size=(3, 3)) for _ in layer.get_initial_state(3)],
    )
    for mask in MASKS.values():
        outputs, _, last = run(step, x, states, mask)
        assert_close(layer(x, mask=mask, initial_state=states), [outputs, *last])


@pytest.mark.parametrize("layer_class", NAMED)
def test_a_stateful_layer_goes_on_where_it_ended(layer_class, rng):
    stateful = ready(layer_class(3, stateful=True, return_sequences=True), rng, (3, None, 4))
    whole = layer_class(3, return_sequences=True)
    whole.build(SHAPE)
    whole.set_weights(stateful.get_weights())
    x = rng.normal(size=SHAPE).astype("float32")
    parts = [stateful(x[:, :2]), stateful(x[:, 2:])]
    assert_close(tf.concat(parts, axis=1), whole(x))
    stateful.reset_state()
    assert_close(stateful(x[:, :2]), whole(x[:, :2]))


def test_a_stateful_stack_of_cells_carries_all_states(rng):
    layer = ready(RNN([GRUCell(2), LSTMCell(3)], stateful=True), rng)
    x = rng.normal(size=SHAPE)
    first, second = layer(x), layer(x)
    assert np.abs(first - second).max() > 1e-3
    layer.reset_state()
    assert_close(layer(x), first)


def test_no_gradient_passes_from_one_stateful_call_to_the_next(rng):
    layer = ready(GRU(3, stateful=True), rng)
    first, second = (tf.constant(rng.normal(size=SHAPE), "float32") for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        layer(first)
        loss = tf.reduce_sum(layer(second))
    of_first, of_second = tape.gradient(loss, [first, second])
    assert of_first is None
    assert np.abs(of_second).max() > 0


def test_a_functional_model_takes_any_length_a_mask_and_states(rng):
    sequences, state = keras.Input((None, 4)), keras.Input((3,))
    masked = keras.layers.Masking()(sequences)
    outputs = GRU(3, return_sequences=True)(masked, initial_state=[state])
    model = keras.Model([sequences, state], Bidirectional(LSTM(2))(outputs))
    x, h = rng.normal(size=SHAPE).astype("float32"), rng.normal(size=(3, 3)).astype("float32")
    padded = np.concatenate([x, np.zeros((3, 2, 4), "float32")], axis=1)
    assert_close(model([x, h]), model([padded, h]))
    assert np.abs(model([x, h]) - model([x, 0 * h])).max() > 1e-4


def test_a_saved_model_loads_and_predicts_the_same(rng, tmp_path):
    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(6, 4, mask_zero=True)(tokens)
    deep = StackedRNN(
        [Bidirectional(GRU(3, return_sequences=True, reset_after=False)) for _ in range(2)],
        dropout=0.25,
        residual=True,
    )
    cells = RNN([SimpleRNNCell(3, activation="sigmoid"), LSTMCell(2)], return_state=True)
    model = keras.Model(tokens, cells(deep(embedded)))
    give_random_weights(model, rng)
    model.save(tmp_path / "model.keras")
    ids = np.array([[1, 2, 3, 0], [5, 0, 0, 0]])
    again = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(tf.nest.flatten(again(ids)), tf.nest.flatten(model(ids)), rtol=0, atol=0)
    padded = np.pad(ids, ((0, 0), (0, 3)))
    assert_close(again(padded), model(ids))


@pytest.mark.parametrize("layer_class", NAMED)
def test_a_batch_of_no_rows_gives_no_rows(layer_class):
    layer = Bidirectional(layer_class(3, return_sequences=True, return_state=True))
    outputs = layer(np.zeros((0, 5, 4)), mask=np.zeros((0, 5), bool))
    assert outputs[0].shape == (0, 5, 6)
    assert outputs[1].shape == (0, 3)


def test_keras_cells_run_in_our_rnn_as_in_theirs(rng):
    for make in (keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell):
        ours, theirs = RNN(make(3), return_state=True), keras.layers.RNN(make(3), return_state=True)
        twins(ours, theirs, SHAPE, rng)
        assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["holes"])


def test_our_cells_run_in_the_rnn_of_keras_as_in_ours(rng):
    for make in (
        lambda: LSTMCell(3),
        lambda: GRUCell(3),
        lambda: SimpleRNNCell(3),
        lambda: StackedRNNCells([GRUCell(3), LSTMCell(2)]),
    ):
        options = {"return_sequences": True, "return_state": True}
        ours, theirs = RNN(make(), **options), keras.layers.RNN(make(), **options)
        twins(ours, theirs, SHAPE, rng)
        assert_layers_equal(ours, theirs, rng.normal(size=SHAPE), mask=MASKS["empty_row"])


def test_dropout_of_keras_cells_in_our_rnn_draws_new_masks_each_call(rng):
    layer = RNN([keras.layers.LSTMCell(4, dropout=0.5, recurrent_dropout=0.5), GRUCell(3)])
    x = rng.normal(size=SHAPE)
    first, second = layer(x, training=True), layer(x, training=True)
    assert np.abs(first - second).max() > 1e-4
    assert_close(layer(x), layer(x))


class DecayCell(keras.layers.Layer):
    """A cell with nothing but `call`, no `training`, and a state that is no list."""

    state_size = 4

    def call(self, inputs, states):
        (h,) = states
        h = 0.5 * h + inputs
        return 2 * h, h


class ShiftCell(RecurrentCell):
    """A cell of the contract without `project` and with an output of another size."""

    state_size = (4,)
    output_size = 2

    def step(self, projected, states, training=False):
        (h,) = states
        return h[:, :2], [projected]


def test_a_cell_with_only_call_runs(rng):
    x = rng.normal(size=SHAPE).astype("float32")
    outputs, state = RNN(DecayCell(), return_sequences=True, return_state=True)(x)
    expected, h = [], 0
    for t in range(SHAPE[1]):
        h = 0.5 * h + x[:, t]
        expected.append(2 * h)
    assert_close([outputs, state], [np.stack(expected, axis=1), h])


def test_a_cell_may_have_an_output_of_another_size_than_its_state(rng):
    x = rng.normal(size=SHAPE).astype("float32")
    layer = RNN(ShiftCell(), return_sequences=True)
    assert layer.compute_output_shape(SHAPE) == (3, 5, 2)
    assert_close(layer(x), np.pad(x[:, :-1, :2], ((0, 0), (1, 0), (0, 0))))


class DoubledCell(LSTMCell):
    """A subclass that changes `call` and leaves `step` alone, as subclasses of Keras cells do."""

    def call(self, inputs, states, training=False):
        output, states = super().call(inputs, states, training=training)
        return 2 * output, states


def test_a_subclass_with_a_call_of_its_own_is_stepped_by_it(rng):
    doubled, plain = RNN(DoubledCell(3)), RNN(LSTMCell(3))
    twins(doubled, plain, SHAPE, rng)
    x = rng.normal(size=SHAPE).astype("float32")
    assert_close(doubled(x), 2 * plain(x))


FLAGS = list(itertools.product([False, True], repeat=2))
SHAPED = {
    "simple": lambda **flags: SimpleRNN(3, **flags),
    "lstm": lambda **flags: LSTM(3, **flags),
    "stack_of_cells": lambda **flags: RNN([GRUCell(2), LSTMCell(3)], **flags),
    "bidirectional": lambda **flags: Bidirectional(LSTM(3, **flags)),
    "bidirectional_unmerged": lambda **flags: Bidirectional(GRU(3, **flags), merge_mode=None),
    "output_layer": lambda **flags: Bidirectional(
        GRU(3, **flags), merge_mode="sum", output_layer=keras.layers.Dense(7)
    ),
    "deep": lambda **flags: StackedRNN(
        [Bidirectional(LSTM(3, **(flags | {"return_sequences": True}))), GRU(2, **flags)]
    ),
}


@pytest.mark.parametrize("name", SHAPED)
@pytest.mark.parametrize(("return_sequences", "return_state"), FLAGS)
def test_the_computed_shape_is_the_real_shape(name, return_sequences, return_state, rng):
    layer = SHAPED[name](return_sequences=return_sequences, return_state=return_state)
    symbolic = layer(keras.Input((5, 4)))
    computed = tf.nest.flatten(layer.compute_output_shape(SHAPE))
    real = [tuple(tensor.shape) for tensor in tf.nest.flatten(layer(rng.normal(size=SHAPE)))]
    assert computed == tf.nest.flatten(real)
    assert [tensor.shape[1:] for tensor in tf.nest.flatten(symbolic)] == [s[1:] for s in real]


def test_sequences_of_no_steps_are_refused():
    with pytest.raises(ValueError, match=r"needs at least one time step.*\(2, 0, 4\)"):
        LSTM(3)(np.zeros((2, 0, 4)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 6), r"mask of the same time size.*mask \(3, 6\), input \(3, 5, 4\)"),
        ((2, 5), r"mask of the same batch size.*mask \(2, 5\), input \(3, 5, 4\)"),
        ((3, 5, 1), r"`mask` of rank 2, \(batch, time\).*\(3, 5, 1\)"),
    ],
)
def test_a_mask_of_another_shape_is_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        GRU(3)(np.zeros(SHAPE), mask=np.ones(shape, bool))


def test_an_input_of_another_rank_is_refused():
    with pytest.raises(ValueError, match=r"`sequences` of rank 3.*shape \(3, 4\)"):
        GRU(3)(np.zeros((3, 4)))


def test_a_stateful_layer_needs_one_known_batch_size(rng):
    with pytest.raises(ValueError, match="needs a known batch size for `stateful=True`"):
        GRU(3, stateful=True)(keras.Input((5, 4)))
    layer = ready(GRU(3, stateful=True), rng)
    with pytest.raises(ValueError, match=r"needs the batch size 3.*\(2, 5, 4\)"):
        layer(np.zeros((2, 5, 4)))


def test_a_plain_cell_need_not_say_what_size_its_output_has():
    class Cell(keras.layers.Layer):
        state_size = 3

        def call(self, inputs, states):
            return keras.ops.stack([inputs, inputs], axis=-1), [states[0] + 1]

    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    for layer in (
        RNN(Cell(), return_sequences=True),
        keras.layers.RNN(Cell(), return_sequences=True),
    ):
        np.testing.assert_array_equal(layer(x), np.stack([x, x], axis=-1))


@pytest.mark.parametrize("options", [{"recompute": 2}, {"truncation": (2, 2)}])
def test_a_plain_cell_cannot_be_recomputed_or_truncated(options):
    with pytest.raises(ValueError, match=r"`RNN` needs a cell with `project` and `step` for"):
        RNN(keras.layers.LSTMCell(3), **options)
