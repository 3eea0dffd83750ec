"""`DropoutCell` and `ZoneoutCell` against NumPy, given the masks that were drawn."""

import keras
import numpy as np
import pytest
from keras import ops
from reference.cells import gru_step, lstm_step, with_weights
from reference.contract_cells import CountingCell, ThirdPartyCell
from reference.training import assert_close
from reference.twins import give_random_weights
from reference.wrapper_oracles import dropout_step, expected_zoneout_step, zoneout_step

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    DropoutCell,
    GRUCell,
    LSTMCell,
    NASCell,
    ResidualCell,
    StackedRNNCells,
    ZoneoutCell,
)
from keras_rnn.cells import EachStep

SHAPE = (3, 5, 2)
RATES = (0.25, 0.5, 0.4)
CELLS = {
    "gru": (lambda: GRUCell(4, dtype="float64"), gru_step),
    "lstm": (lambda: LSTMCell(4, dtype="float64"), lstm_step),
    "keras": (lambda: keras.layers.LSTMCell(4, dtype="float64"), lstm_step),
}


class LastIsOutputCell(ThirdPartyCell):
    """Its output is the second of its states."""

    def __init__(self, units=3, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [units, units]

    def step(self, projected, states, training=False):
        a, h = states
        h = ops.tanh(projected + self.recur(h, self.recurrent_kernel) + a)
        return h, [0.5 * a + h, h]


def layer_around(cell, rng):
    layer = RNN(cell, return_sequences=True, return_state=True)
    layer.build(SHAPE)
    return give_random_weights(layer, rng)


def drawn_by(cell, *size):
    """What a twin of the cell, of the same seed, draws first."""
    twin = type(cell).from_config(cell.get_config())
    return twin.draw_noise(*size).own


def looped(step, x, states):
    outputs = []
    for t in range(x.shape[1]):
        output, states = step(t, x[:, t], states)
        outputs.append(output)
    return [np.stack(outputs, axis=1), *states]


def random_states(cell, rng):
    return [rng.normal(size=zeros.shape) for zeros in cell.get_initial_state(batch_size=3)]


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_dropout_equals_the_numpy_reference(name, per_step, rng):
    make, step = CELLS[name]
    cell = DropoutCell(make(), *RATES, per_step=per_step, seed=3)
    own = drawn_by(cell, 3, 2, 5)
    layer, x, states = layer_around(cell, rng), rng.normal(size=SHAPE), random_states(cell, rng)
    oracle = with_weights(step, cell.cell.get_weights())

    def at(t, kept):
        return np.array(kept.values[:, t] if per_step else kept)

    def dropping(t, x, states):
        kept = at(t, own.inputs), at(t, own.output), at(t, own.states[0])
        return dropout_step(oracle, x, states, kept, RATES)

    assert all(kept is None for kept in own.states[1:])
    assert_close(layer(x, initial_state=states, training=True), looped(dropping, x, states))


@pytest.mark.parametrize("name", CELLS)
def test_zoneout_equals_the_numpy_reference(name, rng):
    make, step = CELLS[name]
    count = len(random_states(make(), rng))
    rates = [0.2, 0.6][:count]
    cell = ZoneoutCell(make(), rates, seed=3)
    own = drawn_by(cell, 3, 2, 5)
    layer, x, states = layer_around(cell, rng), rng.normal(size=SHAPE), random_states(cell, rng)
    oracle = with_weights(step, cell.cell.get_weights())

    def zoning(t, x, states):
        taken = [np.array(each.values[:, t]) for each in own]
        return zoneout_step(oracle, x, states, taken)

    def expecting(t, x, states):
        return expected_zoneout_step(oracle, x, states, rates)

    assert_close(layer(x, initial_state=states, training=True), looped(zoning, x, states))
    assert_close(layer(x, initial_state=states), looped(expecting, x, states))


@pytest.mark.parametrize("training", [False, True])
def test_zoneout_gives_the_state_that_is_the_output_wherever_it_stands(training, rng):
    cell = ZoneoutCell(LastIsOutputCell(dtype="float64"), [0.9, 0.5], seed=1)
    outputs, _, h = layer_around(cell, rng)(rng.normal(size=SHAPE), training=training)
    np.testing.assert_array_equal(outputs[:, -1], h)
    stack = StackedRNNCells([GRUCell(3, dtype="float64"), LSTMCell(3, dtype="float64")])
    outputs, _, (h, _) = layer_around(ZoneoutCell(stack, 0.5, seed=1), rng)(
        rng.normal(size=SHAPE), training=training
    )
    np.testing.assert_array_equal(outputs[:, -1], h)


@pytest.mark.parametrize("training", [False, True])
def test_zoneout_leaves_an_output_alone_that_is_no_state(training, rng):
    x, zeros = rng.normal(size=(3, 4)), [np.zeros((3, 4))]
    for make in (ResidualCell, lambda cell: DropoutCell(cell, output_dropout=1e-9)):
        inner = make(GRUCell(4, dtype="float64"))
        cell = ZoneoutCell(inner, 0.5, seed=1)
        output, (h,) = cell(x, zeros, training=training)
        wanted, (whole,) = inner(x, zeros)
        assert_close([output], [wanted], 1e-6)
        assert np.abs(h - whole).max() > 1e-3


def test_of_a_stack_the_first_state_of_each_cell_is_dropped():
    inner = StackedRNNCells([LSTMCell(2), GRUCell(3), LSTMCell(4)])
    for cell in (inner, ZoneoutCell(inner, 0.5), keras.layers.StackedRNNCells(inner.cells)):
        states = drawn_by(DropoutCell(cell, state_dropout=0.5), 5, 1).states
        assert [None if s is None else s.shape[1] for s in states] == [2, None, 3, 4, None]
    around = AttentionCell(inner, BahdanauAttention(3), 6)
    states = drawn_by(DropoutCell(around, state_dropout=0.5), 5, 1).states
    assert [s is not None for s in states] == [True, False, True, True, False, False, False]


def test_masks_keep_the_wanted_share():
    kept = DropoutCell(GRUCell(50), 0.2, 0.5, 0.75, seed=1).draw_noise(40, 60).own
    for mask, rate, size in ((kept.inputs, 0.2, 60), (kept.output, 0.5, 50)):
        assert mask.shape == (40, size)
        np.testing.assert_allclose(np.mean(mask), 1 - rate, atol=0.05)
    np.testing.assert_allclose(np.mean(kept.states[0]), 0.25, atol=0.05)
    h, c = ZoneoutCell(LSTMCell(50), [0.1, 0.6], seed=1).draw_noise(40, 60, 3).own
    assert h.values.shape == c.values.shape == (40, 3, 50)
    np.testing.assert_allclose([np.mean(h.values), np.mean(c.values)], [0.9, 0.4], atol=0.05)


def test_each_step_has_masks_of_its_own_only_where_asked():
    cell = DropoutCell(GRUCell(9), 0.5, 0.5, 0.5, per_step=True, seed=1)
    own = cell.draw_noise(4, 9, 3).own
    masks = [
        own.inputs,
        own.output,
        own.states[0],
        *ZoneoutCell(GRUCell(9), 0.5).draw_noise(4, 9, 3).own,
    ]
    for mask in masks:
        assert isinstance(mask, EachStep)
        assert np.any(np.not_equal(mask.values[:, 0], mask.values[:, 1]))
    assert not np.array_equal(masks[0].values, masks[1].values)


MAKERS = {
    "dropout": lambda seed: DropoutCell(GRUCell(4), 0.5, 0.5, 0.5, seed=seed),
    "dropout_per_step": lambda seed: DropoutCell(GRUCell(4), 0.5, per_step=True, seed=seed),
    "zoneout": lambda seed: ZoneoutCell(GRUCell(4), 0.5, seed=seed),
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_seed_reproduces_the_masks_and_each_call_draws_new_ones(name, rng):
    x, weights = rng.normal(size=SHAPE).astype("float32"), None
    found = []
    for seed in (3, 3, 4):
        layer = RNN(MAKERS[name](seed))
        layer.build(SHAPE)
        weights = weights or give_random_weights(layer, rng).get_weights()
        layer.set_weights(weights)
        found += [layer(x, training=True), layer(x, training=True)]
    first, second, first_again, second_again, other, _ = found
    np.testing.assert_array_equal(first, first_again)
    np.testing.assert_array_equal(second, second_again)
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.parametrize("name", MAKERS)
def test_inference_draws_nothing(name, rng):
    layer, x = RNN(MAKERS[name](3)), rng.normal(size=SHAPE)
    first, generator = layer(x), layer.cell.seed_generator
    before = generator.state.numpy()
    np.testing.assert_array_equal(layer(x), first)
    np.testing.assert_array_equal(generator.state.numpy(), before)


def test_dropout_changes_nothing_at_inference(rng):
    cell = DropoutCell(LSTMCell(4), *RATES, per_step=True)
    x, states = rng.normal(size=(3, 2)), random_states(cell, rng)
    (output, after), (wanted, wanted_states) = cell(x, states), cell.cell(x, states)
    for one, other in zip([output, *after], [wanted, *wanted_states], strict=True):
        np.testing.assert_array_equal(one, other)


def test_rates_of_zero_draw_nothing_and_rates_of_one_leave_nothing(rng):
    assert DropoutCell(GRUCell(4)).draw_noise(3, 2) is None
    assert ZoneoutCell(GRUCell(4), 0.0).draw_noise(3, 2) is None
    x, h = rng.normal(size=(3, 2)), rng.normal(size=(3, 4)).astype("float32")
    output, (after,) = DropoutCell(GRUCell(4), 1.0, 1.0, 1.0)(x, [h], training=True)
    np.testing.assert_array_equal(output, np.zeros((3, 4)))
    np.testing.assert_array_equal(after, np.zeros((3, 4)))
    for training in (False, True):
        output, (after,) = ZoneoutCell(GRUCell(4), 1.0)(x, [h], training=training)
        np.testing.assert_array_equal(after, h)


@pytest.mark.parametrize("training", [False, True])
def test_zoneout_counts_on_where_a_state_is_an_integer(training, rng):
    layer = layer_around(ZoneoutCell(CountingCell(), 0.5), rng)
    _, _, count = layer(rng.normal(size=SHAPE), training=training)
    np.testing.assert_array_equal(count, np.full((3, 1), 5))


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), "a", None, True])
def test_rates_outside_zero_and_one_are_refused(rate):
    for name in ("input_dropout", "output_dropout", "state_dropout"):
        with pytest.raises(ValueError, match=f"`DropoutCell` needs `{name}` to be a rate from 0"):
            DropoutCell(GRUCell(4), **{name: rate})
    for rates in (rate, [0.5, rate]):
        with pytest.raises(ValueError, match=r"`ZoneoutCell` needs `rates` to be a rate from 0"):
            ZoneoutCell(LSTMCell(4), rates)


@pytest.mark.parametrize("rates", [[], [0.1], [0.1, 0.2, 0.3]])
def test_another_number_of_rates_than_of_states_is_refused(rates):
    with pytest.raises(ValueError, match=r"`ZoneoutCell` needs as many `rates` as.*\[4, 4\]"):
        ZoneoutCell(LSTMCell(4), rates)


def test_a_state_of_no_fixed_size_is_never_zoned_out():
    cell = AttentionCell(GRUCell(4), BahdanauAttention(3), 6)
    *zoned, alignments = ZoneoutCell(cell, 0.5).draw_noise(2, 3).own
    assert [each.values.shape[1] for each in zoned] == [4, 6]
    assert alignments is None
    assert ZoneoutCell(cell, [0.5, 0.5, 0.0]).rates == [0.5, 0.5, 0.0]
    with pytest.raises(ValueError, match=r"0 for a state of no fixed size.*\[4, 6, None\]"):
        ZoneoutCell(cell, [0.5, 0.5, 0.5])


def test_of_a_cell_whose_gates_read_its_second_state_that_one_is_dropped():
    for cell in (NASCell(4), ZoneoutCell(NASCell(4), 0.1)):
        kept = DropoutCell(cell, state_dropout=0.5).draw_noise(3, 2).own.states
        assert [part is not None for part in kept] == [False, True]
