"""`Bidirectional` and `StackedRNN` against NumPy, under masks and padding, and their errors."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.cells import bidirectional, deep_bidirectional, gru_step, lstm_step, with_weights
from reference.twins import MASKS, assert_equal, give_random_weights

from keras_rnn import GRU, LSTM, RNN, Bidirectional, GRUCell, SimpleRNN, StackedRNN, StackedRNNCells

SHAPE = (3, 5, 4)


def ready(layer, rng, shape=SHAPE):
    layer.build(shape)
    return give_random_weights(layer, rng, scale=0.5)


def deep_layer(rng, residual=True, count=3, **options):
    layers = [
        Bidirectional(LSTM(3, return_sequences=True, return_state=True)) for _ in range(count)
    ]
    return ready(StackedRNN(layers, residual=residual, **options), rng)


def oracle_pair(layer, step):
    return [
        with_weights(step, one.get_weights()) for one in (layer.forward_layer, layer.backward_layer)
    ]


@pytest.mark.parametrize("mask", ["none", "right", "empty_row"])
@pytest.mark.parametrize("residual", [False, True])
def test_a_deep_bidirectional_stack_equals_the_numpy_reference(mask, residual, rng):
    stack = deep_layer(rng, residual)
    x = rng.normal(size=SHAPE)
    pairs = [oracle_pair(layer, lstm_step) for layer in stack.layers]
    expected, states = deep_bidirectional(pairs, x, [3, 3], MASKS[mask], residual)
    assert_equal(stack(x, mask=MASKS[mask]), [expected, *states])


@pytest.mark.parametrize("mask", MASKS)
def test_bidirectional_equals_the_numpy_reference(mask, rng):
    layer = ready(Bidirectional(GRU(3, return_sequences=True, return_state=True)), rng)
    x = rng.normal(size=SHAPE)
    expected, states = bidirectional(*oracle_pair(layer, gru_step), x, [3], MASKS[mask])
    assert_equal(layer(x, mask=MASKS[mask]), [expected, *states])


def test_the_output_layer_computes_g_of_u_times_both_directions_plus_c(rng):
    dense = keras.layers.Dense(2, activation="tanh")
    layer = Bidirectional(SimpleRNN(3, return_sequences=True), output_layer=dense)
    ready(layer, rng)
    plain = Bidirectional(SimpleRNN(3, return_sequences=True))
    plain.build(SHAPE)
    plain.set_weights(layer.get_weights()[:6])
    x = rng.normal(size=SHAPE)
    u, c = layer.output_layer.get_weights()
    both = plain(x, mask=MASKS["right"]).numpy()
    assert_equal([layer(x, mask=MASKS["right"])], [np.tanh(both @ u + c)])


STACK = deep_layer(np.random.default_rng(5), dropout=0.5, count=2)
LENGTHS = st.lists(st.integers(0, 4), min_size=1, max_size=3)


@settings(max_examples=7, deadline=None)
@given(lengths=LENGTHS, padding=st.integers(0, 3), seed=st.integers(0, 99))
def test_padding_changes_nothing_in_a_deep_bidirectional_stack(lengths, padding, seed):
    rng = np.random.default_rng(seed)
    time = max(*lengths, 1)
    x = rng.normal(size=(len(lengths), time + padding, 4)) * 10
    mask = np.arange(time + padding)[None] < np.array(lengths)[:, None]
    output, *states = STACK(x, mask=mask)
    np.testing.assert_array_equal(output.numpy()[~mask], 0)
    assert_equal([output[:, :time], *states], STACK(x[:, :time], mask=mask[:, :time]))
    for row, length in enumerate(lengths):
        if length:
            alone, *last = STACK(x[row : row + 1, :length])
            assert_equal([output[row : row + 1, :length]], [alone])
            assert_equal([state[row : row + 1] for state in states], last)


def test_one_way_stacks_hand_the_mask_to_every_layer(rng):
    stack = ready(StackedRNN([GRU(3, return_sequences=True), LSTM(3)]), rng)
    x, mask = rng.normal(size=SHAPE), MASKS["left"]
    first, second = stack.layers
    assert_equal([stack(x, mask=mask)], [second(first(x, mask=mask), mask=mask)])
    assert np.abs(stack(x, mask=mask) - stack(x)).max() > 1e-3


def both_ways(**options):
    return Bidirectional(GRU(3, return_sequences=True, return_state=True), **options)


@pytest.mark.parametrize(
    "make",
    [
        both_ways,
        lambda: both_ways(merge_mode=None),
        lambda: both_ways(output_layer=keras.layers.Dense(2)),
        lambda: StackedRNN([both_ways(), both_ways()], residual=True),
    ],
)
def test_the_mask_of_an_embedding_reaches_every_layer_and_goes_on(make):
    embedding, layer, last = keras.layers.Embedding(6, 4, mask_zero=True), make(), LSTM(2)
    tokens = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    outputs = layer(embedding(tokens))
    assert_equal(outputs, layer(embedding(tokens).numpy(), mask=tokens != 0))
    assert_equal([last(outputs[0])], [last(outputs[0].numpy(), mask=tokens != 0)])


def test_states_go_in_and_out_in_the_order_of_the_layers(rng):
    layers = [Bidirectional(LSTM(3, return_sequences=True, return_state=True))]
    stack = ready(StackedRNN([*layers, GRU(2, return_state=True)]), rng)
    x = rng.normal(size=SHAPE).astype("float32")
    states = [rng.normal(size=(3, size)).astype("float32") for size in (3, 3, 3, 3, 2)]
    below, top = stack.layers
    middle, *below_states = below(x, initial_state=states[:4])
    output, top_state = top(middle, initial_state=states[4:])
    assert_equal(stack(x, initial_state=states), [output, *below_states, top_state])


def test_a_stateful_stack_goes_on_where_it_ended_until_it_is_reset(rng):
    layers = [Bidirectional(GRU(3, stateful=True, return_sequences=True)), LSTM(2, stateful=True)]
    stack = ready(StackedRNN(layers), rng)
    x = rng.normal(size=SHAPE)
    first, second = stack(x), stack(x)
    assert np.abs(first - second).max() > 1e-3
    stack.reset_state()
    assert_equal([stack(x)], [first])


def test_dropout_between_layers_applies_in_training_only(rng):
    stack, plain = deep_layer(rng, count=2, dropout=0.5), deep_layer(rng, count=2)
    plain.set_weights(stack.get_weights())
    x = rng.normal(size=SHAPE)
    assert_equal(stack(x), plain(x))
    first, second = stack(x, training=True)[0], stack(x, training=True)[0]
    assert np.abs(first - second).max() > 1e-3
    assert_equal(plain(x, training=True), plain(x))


def test_dropout_does_not_touch_the_input_of_the_bottom_layer(rng):
    stack = ready(StackedRNN([GRU(3)], dropout=0.9), rng)
    x = rng.normal(size=SHAPE)
    assert_equal([stack(x, training=True)], [stack(x)])


def test_what_is_added_to_the_output_of_a_layer_is_not_dropped(rng):
    layers = [GRU(3, return_sequences=True), GRU(3, return_sequences=True)]
    stack = ready(StackedRNN(layers, dropout=1.0, residual=True), rng)
    x = rng.normal(size=SHAPE)
    below = layers[0](x)
    assert_equal([stack(x, training=True)], [layers[1](0 * below) + below])


def test_the_seed_reproduces_the_dropout_between_layers(rng):
    stack = deep_layer(rng, count=2, dropout=0.5, seed=4)
    again = StackedRNN.from_config(stack.get_config())
    again.build(SHAPE)
    again.set_weights(stack.get_weights())
    x = rng.normal(size=SHAPE)
    assert_equal(stack(x, training=True), again(x, training=True))


def test_nothing_is_added_where_the_sizes_differ(rng):
    layers = [GRU(3, return_sequences=True), GRU(2, return_sequences=True), GRU(2)]
    stack, plain = (StackedRNN(layers, residual=residual) for residual in (True, False))
    ready(stack, rng)
    x = rng.normal(size=SHAPE)
    assert_equal([stack(x)], [plain(x)])


WRAPPED = {
    "bidirectional": lambda: Bidirectional(
        GRU(3, return_sequences=True),
        merge_mode="sum",
        backward_layer=LSTM(3, return_sequences=True, go_backwards=True),
        output_layer=keras.layers.Dense(2, activation="tanh"),
    ),
    "of_a_stack_of_cells": lambda: Bidirectional(RNN([GRUCell(3), keras.layers.LSTMCell(2)])),
    "stacked": lambda: StackedRNN(
        [Bidirectional(SimpleRNN(2, return_sequences=True), name="below"), LSTM(4)],
        dropout=0.25,
        residual=True,
        seed=3,
        name="deep",
    ),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_config_makes_the_same_layer_again(name, rng):
    layer = ready(WRAPPED[name](), rng)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    again.build(SHAPE)
    again.set_weights(layer.get_weights())
    x = rng.normal(size=SHAPE)
    assert_equal([again(x, mask=MASKS["holes"])], [layer(x, mask=MASKS["holes"])])


def test_given_weights_are_those_of_the_forward_and_then_the_backward_layer(rng):
    weights = [rng.normal(size=shape) for shape in ((4, 3), (3, 3), (3,)) * 2]
    layer = Bidirectional(SimpleRNN(3), weights=weights)
    layer.build(SHAPE)
    assert_equal(layer.get_weights(), weights, rtol=1e-6, atol=0)


def backwards(**options):
    return LSTM(3, go_backwards=True, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Bidirectional(keras.layers.Dense(3)),
            "needs a recurrent layer.*no `go_backwards`",
        ),
        (lambda: Bidirectional(GRU(3), "add"), "`merge_mode` to be one of 'concat'.*'add'"),
        (lambda: Bidirectional(GRU(3), backward_layer=GRU(3)), "opposite directions"),
        (
            lambda: Bidirectional(GRU(3), backward_layer=backwards(return_state=True)),
            "same `return_state` in both of its parts. Received: False and True",
        ),
        (
            lambda: Bidirectional(GRU(4), "sum", backward_layer=backwards()),
            "same `output size` in both of its parts. Received: 4 and 3",
        ),
        (
            lambda: Bidirectional(GRU(4), None, output_layer=keras.layers.Dense(2)),
            "`merge_mode` to be one of 'concat'.*merge_mode=None",
        ),
        (lambda: StackedRNN([]), r"a list of at least one layer. Received: layers=\[\]"),
        (lambda: StackedRNN(GRU(3)), r"a list of at least one layer. Received: layers=<GRU"),
        (lambda: StackedRNN([GRU(3, name="a"), GRU(3)]), r"layer 0 \(a\) with return_sequences"),
        (lambda: StackedRNN([GRU(3)], dropout=1.5), "`StackedRNN` needs `dropout` to be a rate"),
        (
            lambda: StackedRNN([GRU(3, return_sequences=True, return_state=True), GRU(3)]),
            r"same `return_state`. Received: \[True, False\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_stack_of_cells_under_a_stack_of_layers_counts_its_states(rng):
    rnn = RNN(StackedRNNCells([GRUCell(3), GRUCell(2)]), return_sequences=True, return_state=True)
    stack = ready(StackedRNN([rnn, LSTM(2, return_state=True)]), rng)
    x = rng.normal(size=SHAPE)
    states = [rng.normal(size=(3, size)) for size in (3, 2, 2, 2)]
    changed = [states[0] + 1, *states[1:]]
    assert np.abs(stack(x, initial_state=states)[0] - stack(x, initial_state=changed)[0]).max() > 0
    assert len(stack.compute_output_shape(SHAPE)) == len(stack(x)) == 5


@pytest.mark.parametrize("count", [1, 3])
def test_a_stack_refuses_states_of_the_wrong_number(count):
    stack, states = StackedRNN([LSTM(2)]), [np.zeros((1, 2))] * count
    with pytest.raises(ValueError, match=f"needs 2 tensors in `initial_state`. Received: {count}"):
        stack(np.zeros((1, 3, 2)), initial_state=states)
    stateful = StackedRNN([LSTM(2, stateful=True)])
    stateful(np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match=f"needs 2 tensors in `states`. Received: {count}"):
        stateful.reset_state(states)
