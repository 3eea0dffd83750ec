"""Attention that cannot be made of what it is given: who needs what, what came, what to do."""

import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import (
    AttentionCell,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    ConditionalGRUCell,
    CoverageAttention,
    GNMTCell,
    GRUCell,
    LocationAwareAttention,
    LSTMCell,
    LuongAttention,
    LuongMonotonicAttention,
    MultiHeadDotAttention,
    SeveralAttentions,
)

MONOTONIC = [BahdanauMonotonicAttention, LuongMonotonicAttention]
OF_UNITS = [
    *(BahdanauAttention, LuongAttention, *MONOTONIC, CoverageAttention),
    *(LocationAwareAttention, MultiHeadDotAttention),
]


def refuses(owner, needs):
    """What a message says: who needs what, what came, and what to do."""
    name = owner if isinstance(owner, str) else owner.__name__
    return pytest.raises(ValueError, match=rf"(?s)`{name}` needs {needs}.* Received: .*Pass ")


@pytest.mark.parametrize("units", [0, -3, 2.5, 1e10, "a", True])
@pytest.mark.parametrize("mechanism", OF_UNITS)
def test_units_that_are_no_size(mechanism, units):
    with refuses(mechanism, "`units` to be a positive integer"):
        mechanism(units)


@pytest.mark.parametrize("name", ["filters", "kernel_size"])
@pytest.mark.parametrize("value", [0, -1, 2.0, None])
def test_filters_of_no_size(name, value):
    with refuses(LocationAwareAttention, f"`{name}` to be a positive integer"):
        LocationAwareAttention(4, **{name: value})


@pytest.mark.parametrize("mechanism", [BahdanauAttention, LuongAttention, CoverageAttention])
@pytest.mark.parametrize("value", ["sparsemax", None, tf.nn.softmax])
def test_a_probability_that_is_not_known(mechanism, value):
    with refuses(mechanism, "`probability_fn` to be one of 'softmax', 'hardmax'"):
        mechanism(4, probability_fn=value)


@pytest.mark.parametrize(
    "make",
    [
        *MONOTONIC,
        lambda units, **options: MultiHeadDotAttention(units, heads=2, **options),
        lambda units, **options: SeveralAttentions([BahdanauAttention(units)], **options),
    ],
)
def test_a_probability_where_there_is_no_choice(make):
    with pytest.raises((TypeError, ValueError), match="probability_fn"):
        make(4, probability_fn="hardmax")


@pytest.mark.parametrize("mechanism", MONOTONIC)
def test_modes_that_are_none(mechanism):
    with refuses(mechanism, "`mode` to be one of 'parallel', 'recursive', 'hard'"):
        mechanism(4, mode="soft")
    with refuses(mechanism, "`mode` to be one of"):
        mechanism(4, mode=None)
    with refuses(mechanism, "`inference_mode` to be one of 'parallel', 'recursive', 'hard'"):
        mechanism(4, inference_mode="softmax")


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "a", None, True])
@pytest.mark.parametrize("mechanism", MONOTONIC)
def test_noise_that_is_no_deviation(mechanism, value):
    with refuses(mechanism, "`sigmoid_noise` to be a finite number of at least 0"):
        mechanism(4, sigmoid_noise=value)


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "a", None])
@pytest.mark.parametrize("mechanism", MONOTONIC)
def test_a_first_bias_that_is_no_number(mechanism, value):
    with refuses(mechanism, "`score_bias_init` to be a finite number"):
        mechanism(4, score_bias_init=value)


@pytest.mark.parametrize("value", [-1, 1.5, "a", True])
@pytest.mark.parametrize("mechanism", MONOTONIC)
def test_a_seed_that_is_none(mechanism, value):
    with refuses(mechanism, "`sigmoid_noise_seed` to be `None` or an integer of at least 0"):
        mechanism(4, sigmoid_noise_seed=value)


@pytest.mark.parametrize("heads", [0, -1, 1.5, None])
def test_heads_that_are_no_number(heads):
    with refuses(MultiHeadDotAttention, "`heads` to be a positive integer"):
        MultiHeadDotAttention(4, heads=heads)


def test_heads_that_do_not_divide_the_units():
    with refuses(MultiHeadDotAttention, "`heads` to divide `units`"):
        MultiHeadDotAttention(10, heads=4)
    with pytest.raises(ValueError, match=r"heads=4, units=10. Pass .*units=8, heads=4"):
        MultiHeadDotAttention(10, heads=4)


@pytest.mark.parametrize("mechanisms", [[], (), None, 3, BahdanauAttention(4)])
def test_several_that_are_no_list(mechanisms):
    with refuses(SeveralAttentions, "a list of at least one mechanism"):
        SeveralAttentions(mechanisms)


@pytest.mark.parametrize("other", [None, 3, "bahdanau", GRUCell(4), BahdanauAttention], ids=str)
@pytest.mark.parametrize(
    ("owner", "make"),
    [
        (SeveralAttentions, lambda other: SeveralAttentions([BahdanauAttention(4), other])),
        (AttentionCell, lambda other: AttentionCell(GRUCell(4), other)),
        (ConditionalGRUCell, lambda other: ConditionalGRUCell(GRUCell(4), other, GRUCell(4))),
        (GNMTCell, lambda other: GNMTCell([GRUCell(4), GRUCell(4)], other)),
    ],
)
def test_what_is_no_mechanism(owner, make, other):
    with refuses(owner, "`attention` to be a mechanism"):
        make(other)


@pytest.mark.parametrize("mechanism", [LuongAttention, LuongMonotonicAttention])
def test_a_query_of_another_size_than_the_keys(mechanism):
    with refuses(mechanism, "queries of the size of its keys"):
        mechanism(3).build((None, 4), (None, None, 6))
    with pytest.raises(ValueError, match=r"queries of size 4, keys of size 3, which is `units`"):
        mechanism(3).build((None, 4), (None, None, 6))
    with pytest.raises(
        ValueError, match=r"keys of size 6, which is the memory's .*`units`. Pass .*units=4"
    ):
        mechanism().build((None, 4), (None, None, 6))
    with refuses(mechanism, "queries of the size of its keys"):
        AttentionCell(GRUCell(4), mechanism(5)).build((None, 2), (None, None, 5))


@pytest.mark.parametrize("cells", [[], [GRUCell(4)], None, GRUCell(4)])
def test_a_stack_of_less_than_two_cells(cells):
    with refuses(GNMTCell, "a list of at least 2 cells"):
        GNMTCell(cells, BahdanauAttention(4))


def test_a_stack_of_what_is_no_cell():
    with refuses(GNMTCell, "a cell"):
        GNMTCell([GRUCell(4), 3], BahdanauAttention(4))
    inner = AttentionCell(GRUCell(4), BahdanauAttention(4))
    with pytest.raises(ValueError, match=r"`GNMTCell` needs cells whose states have fixed sizes"):
        GNMTCell([GRUCell(4), inner], BahdanauAttention(4))


def test_residuals_of_unequal_sizes():
    cells = [GRUCell(4), LSTMCell(3), GRUCell(4)]
    with refuses(GNMTCell, "outputs of equal sizes where it adds them"):
        GNMTCell(cells, BahdanauAttention(4), residual=True)
    with pytest.raises(ValueError, match=r"sizes \[3, 4\]"):
        GNMTCell(cells, BahdanauAttention(4), residual=True)


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: CoverageAttention(3), 1),
        (lambda: LocationAwareAttention(3), 1),
        (lambda: BahdanauMonotonicAttention(3), 1),
        (lambda: SeveralAttentions([CoverageAttention(3), LocationAwareAttention(3)]), 2),
        (lambda: BahdanauAttention(3), 0),
        (lambda: MultiHeadDotAttention(4, heads=2), 0),
    ],
)
def test_states_that_are_not_as_many_as_there_are(make, wanted):
    attention = make()
    attention.build((None, 4), (None, None, 6))
    memory, state = attention.memory(tf.ones((2, 5, 6))), tf.zeros((2, 5))
    for count in {0, 1, 2, 3} - {wanted}:
        with pytest.raises(ValueError, match=r"needs \d tensors in `states`. Received: \d"):
            attention(np.zeros((2, 4)), memory, [state] * count)
    attention(np.zeros((2, 4)), memory, [state] * wanted)


def test_a_mechanism_without_the_shape_of_its_memory():
    for mechanism in OF_UNITS:
        options = {"heads": 1} if mechanism is MultiHeadDotAttention else {}
        with pytest.raises(ValueError, match=f"`{mechanism.__name__}` needs the shape of its mem"):
            mechanism(4, **options).build((None, 4), None)


@pytest.mark.parametrize("mechanism", OF_UNITS)
def test_a_memory_before_there_are_weights(mechanism):
    options = {"heads": 1} if mechanism is MultiHeadDotAttention else {}
    with pytest.raises(ValueError, match=f"`{mechanism.__name__}` needs its weights before"):
        mechanism(4, **options).memory(tf.ones((2, 5, 6)))


@pytest.mark.parametrize(
    "mechanism", [BahdanauAttention(4), LuongAttention(4), MultiHeadDotAttention(4, heads=2)]
)
def test_a_memory_of_other_rows_than_the_query(mechanism):
    mechanism.build((None, 4), (None, None, 4))
    memory = mechanism.memory(tf.ones([2, 3, 4]))
    with refuses_rows(mechanism, r"\(2, 3, 4\)", r"\(6, 4\)"):
        mechanism(tf.ones([6, 4]), memory)


def refuses_rows(owner, values, queries):
    needs = "a memory of as many rows as it has queries"
    text = rf"`{type(owner).__name__}` needs {needs}\. Received: values of shape {values}, queries"
    return pytest.raises(ValueError, match=rf"{text} of shape {queries}\. .*for a beam, repeat")


def test_a_beam_that_forgot_to_repeat_its_memory():
    cell = AttentionCell(GRUCell(4), BahdanauAttention(4))
    cell.build((None, 3), (None, None, 4))
    memory = cell.attention.memory(tf.ones([2, 3, 4]))
    states = tf.nest.map_structure(
        lambda state: tf.repeat(state, 3, axis=0), cell.get_initial_state(2, memory)
    )
    with refuses_rows(cell.attention, r"\(2, 3, 4\)", r"\(6, 4\)"):
        cell(tf.ones([6, 3]), states, memory=memory)


@pytest.mark.parametrize(("of_memory", "of_query"), [(1, 6), (6, 1)])
def test_one_row_is_that_of_all(of_memory, of_query, rng):
    mechanism = BahdanauAttention(4)
    mechanism.build((None, 4), (None, None, 4))
    values = tf.constant(rng.normal(size=(of_memory, 3, 4)), "float32")
    query = tf.constant(rng.normal(size=(of_query, 4)), "float32")
    found = mechanism(query, mechanism.memory(values))
    query, values = (tf.repeat(one, 6 // one.shape[0], axis=0) for one in (query, values))
    repeated = mechanism(query, mechanism.memory(values))
    np.testing.assert_allclose(found.context, repeated.context, rtol=1e-5, atol=1e-6)
