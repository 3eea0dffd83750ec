"""All mechanisms in all cells that look at a memory: step by step, in training, made again."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from reference.attention import attention_step
from reference.cells import gru_step, with_weights
from reference.mechanism_cases import (
    CASES,
    KINDS,
    LENGTH,
    MASK,
    QUERY,
    by_name,
    several,
    values_of,
)
from reference.mechanisms import bahdanau
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained_in_graph,
)
from reference.twins import MASKS

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    ConditionalGRUCell,
    CoverageAttention,
    GNMTCell,
    GRUCell,
    LuongMonotonicAttention,
    Memory,
)

SHAPE = (3, 5, 2)
DROPOUT = {"dropout": 0.3, "recurrent_dropout": 0.3, "seed": 1}


def gru(**options):
    return GRUCell(QUERY, dtype="float64", **options)


CELLS = {
    "attention": lambda attention: AttentionCell(gru(), attention, 3),
    "bare": lambda attention: AttentionCell(gru(**DROPOUT), attention, output_attention=False),
    "unfed": lambda attention: AttentionCell(gru(), attention, None, input_feeding=False),
    "conditional": lambda attention: ConditionalGRUCell(gru(), attention, gru(**DROPOUT), True),
    "gnmt": lambda attention: GNMTCell([gru(**DROPOUT), gru()], attention),
}


def mechanism(name):
    if name == "several":
        return several(dtype="float64")
    noise = {"sigmoid_noise": 0.5, "sigmoid_noise_seed": 2} if "monotonic" in name else {}
    return CASES[name].make(dtype="float64", **noise)


def cell_of(cell_name, name, rng):
    cell = CELLS[cell_name](mechanism(name))
    features = 6 if name == "several" else CASES[name].features
    cell.build((3, 2), (3, LENGTH, features))
    for weight in cell.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return cell, values_of(rng, features)


NAMES = [*KINDS, "several"]
FAST = {
    *{("attention", name) for name in NAMES},
    *{(cell_name, "several") for cell_name in CELLS},
}
IN_GRAPH = {("attention", "luong_monotonic")}


def pairs(fast):
    return [
        pytest.param(cell, name, marks=() if (cell, name) in fast else pytest.mark.slow)
        for cell in CELLS
        for name in NAMES
    ]


@pytest.mark.parametrize(("cell_name", "name"), pairs(FAST))
def test_step_by_step_equals_the_whole_sequence(cell_name, name, rng):
    cell, values = cell_of(cell_name, name, rng)
    memory, x = cell.attention.memory(values, MASK), tf.constant(rng.normal(size=SHAPE))
    layer = RNN(cell, return_sequences=True, return_state=True)
    whole, *last_states = layer(x, constants={"memory": memory})
    states, steps = cell.get_initial_state(3, memory), []
    for t in range(SHAPE[1]):
        output, states = cell(x[:, t], states, memory=memory)
        steps.append(output)
    assert_close(
        [whole, *tf.nest.flatten(last_states)], [np.stack(steps, 1), *tf.nest.flatten(states)]
    )
    assert output.shape[1] == cell.output_size
    alignments = cell.alignments(states)
    assert alignments.shape == (3, LENGTH)
    np.testing.assert_array_equal(alignments[~MASK], 0)
    assert np.all(np.sum(alignments, axis=1) <= 1 + 1e-9)


@pytest.mark.parametrize(("cell_name", "name"), pairs(IN_GRAPH))
def test_both_ways_back_give_equal_gradients(cell_name, name, rng, monkeypatch):
    cell, values = cell_of(cell_name, name, rng)
    layer = RNN(cell, return_sequences=True, return_state=True)
    layer.build(SHAPE)
    memory = cell.attention.memory(values, MASK)
    memory = tf.nest.map_structure(parted, memory)
    call = {"constants": {"memory": memory}, "mask": MASKS["holes"]}
    x = tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x, **call)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, **call), wanted)
    assert len(taken) == 1
    assert sum(np.any(np.asarray(tensor) != 0) for tensor in wanted) > len(cell.trainable_weights)


def parted(part):
    """Return the part as a tensor of its own: keys may be the values, of which it is one."""
    return tf.identity(part) if tf.is_tensor(part) else part


@pytest.mark.parametrize("output_attention", [True, False])
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("units", [None, 3])
@pytest.mark.parametrize("input_feeding", [True, False])
def test_the_options_of_the_cell_equal_numpy(
    units, activation, output_attention, input_feeding, rng
):
    attention = BahdanauAttention(5, dtype="float64")
    cell = AttentionCell(
        gru(), attention, units, input_feeding, activation, output_attention=output_attention
    )
    cell.build((3, 2), (3, LENGTH, 6))
    cell.set_weights([rng.normal(size=weight.shape) for weight in cell.weights])
    values = values_of(rng)
    step = functools.partial(
        attention_step,
        cell_step=with_weights(gru_step, cell.cell.get_weights()),
        attend=lambda query: bahdanau(query, values.numpy(), by_name(attention), MASK),
        attention_kernel=cell.attention_kernel.numpy() if units else None,
        input_feeding=input_feeding,
        activation=(lambda x: np.maximum(x, 0)) if activation else (lambda x: x),
        output_attention=output_attention,
    )
    memory, x = attention.memory(values, MASK), rng.normal(size=SHAPE)
    states = cell.get_initial_state(3, memory)
    wanted_states = [state.numpy() for state in tf.nest.flatten(states)]
    for t in range(2):
        output, states = cell(x[:, t], states, memory=memory)
        wanted, wanted_states = step(x[:, t], wanted_states)
        assert_close([output, *tf.nest.flatten(states)], [wanted, *wanted_states])
    assert cell.output_size == wanted.shape[1]
    assert len(cell.weights) == 3 + 3 + bool(units)


@pytest.mark.parametrize("name", ["coverage", "location_cumulative", "luong_monotonic"])
def test_what_a_mechanism_remembers_goes_from_step_to_step(name, rng):
    case = CASES[name]
    cell, values = cell_of("attention", name, rng)
    attention, memory = cell.attention, cell.attention.memory(values)
    step = with_weights(gru_step, cell.cell.get_weights())
    before = np.eye(LENGTH)[[0] * 3] if "monotonic" in name else np.zeros((3, LENGTH))
    states, x = [np.zeros((3, size)) for size in (QUERY, 3, LENGTH)], rng.normal(size=SHAPE)
    for t in range(SHAPE[1]):
        wanted, states = attention_step(
            x[:, t],
            states,
            step,
            lambda query, before=before: case.oracle(
                query, values.numpy(), by_name(attention), None, before
            ),
            cell.attention_kernel.numpy(),
            input_feeding=True,
        )
        before = before + states[-1] if case.remembers == "sum" else states[-1]
    layer = RNN(cell, return_state=True)
    output, *found = layer(x, constants={"memory": memory})
    assert_close([output, *tf.nest.flatten(found)], [wanted, *states, before])


@pytest.mark.parametrize("cell_name", CELLS)
def test_a_masked_step_leaves_what_a_mechanism_remembers(cell_name, rng):
    cell, values = cell_of(cell_name, "coverage", rng)
    x, constants = rng.normal(size=SHAPE), {"memory": cell.attention.memory(values)}
    layer = RNN(cell, return_state=True)
    masked = layer(x, constants=constants, mask=MASKS["right"])
    for row, length in enumerate(MASKS["right"].sum(axis=1)):
        alone = layer(x[:, :length], constants=constants)
        rows = ([tensor[row] for tensor in tf.nest.flatten(list(one))] for one in (masked, alone))
        assert_close(*rows)


@pytest.mark.parametrize("cell_name", CELLS)
def test_padding_the_memory_changes_nothing(cell_name, rng):
    cell, values = cell_of(cell_name, "location_cumulative", rng)
    padded = tf.concat([values, 100 * tf.ones((3, 2, 6), "float64")], axis=1)
    layer, x, found = RNN(cell, return_sequences=True), rng.normal(size=SHAPE), []
    for given, mask in ((values, MASK), (padded, np.pad(MASK, ((0, 0), (0, 2))))):
        found.append(layer(x, constants={"memory": cell.attention.memory(given, mask)}))
    assert_close(found[:1], found[1:])


@pytest.mark.parametrize("cell_name", CELLS)
def test_the_config_makes_the_same_cell_again(cell_name, rng):
    cell, _ = cell_of(cell_name, "several", rng)
    again = type(cell).from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    again.build((3, 2), (3, LENGTH, 6))
    shapes = [[(w.name, w.shape) for w in one.weights] for one in (cell, again)]
    assert shapes[0] == shapes[1]
    assert again.output_size == cell.output_size
    assert again.state_size == cell.state_size


@pytest.mark.parametrize("cell_name", CELLS)
def test_a_call_builds_the_cell_around_a_built_mechanism(cell_name, rng):
    attention = CoverageAttention(5, dtype="float64")
    attention.build((3, QUERY), (3, LENGTH, 6))
    memory, cell = attention.memory(values_of(rng)), CELLS[cell_name](attention)
    states = cell.get_initial_state(3, memory)
    output, after = cell(np.zeros((3, 2)), states, memory=memory)
    assert output.shape == (3, cell.output_size)
    flat = [tf.nest.flatten(one) for one in (states, after)]
    assert [state.shape for state in flat[0]] == [state.shape for state in flat[1]]


@pytest.mark.parametrize(
    ("cell_name", "policy"),
    [
        ("attention", "mixed_bfloat16"),
        ("gnmt", "mixed_float16"),
        pytest.param("attention", "mixed_float16", marks=pytest.mark.slow),
        pytest.param("gnmt", "mixed_bfloat16", marks=pytest.mark.slow),
    ],
)
def test_mixed_precision_keeps_the_type_and_stays_near(cell_name, policy, rng):
    make = {
        "attention": lambda **o: AttentionCell(GRUCell(QUERY, **o), several(**o), **o),
        "gnmt": lambda **o: GNMTCell([GRUCell(QUERY, **o) for _ in range(3)], several(**o), **o),
    }[cell_name]
    x, values, found = rng.normal(size=SHAPE), values_of(rng, dtype="float32"), []
    weights = None
    for dtype in (policy, "float32"):
        cell = make(dtype=dtype)
        cell.build((3, 2), (3, LENGTH, 6))
        weights = weights or [rng.normal(size=w.shape) * 0.5 for w in cell.trainable_weights]
        for weight, value in zip(cell.trainable_weights, weights, strict=True):
            weight.assign(value)
        memory = cell.attention.memory(tf.cast(values, cell.compute_dtype), MASK)
        layer = RNN(cell, return_sequences=True, return_state=True)
        found.append(tf.nest.flatten(layer(x, constants={"memory": memory})))
    assert {tensor.dtype.name for tensor in found[0]} == {policy.removeprefix("mixed_")}
    for half, single in zip(*found, strict=True):
        np.testing.assert_allclose(tf.cast(half, "float32"), single, atol=0.1)


def test_a_cell_computes_in_its_own_type_around_a_mechanism_of_another(rng):
    attention = LuongMonotonicAttention(QUERY, mode="hard", dtype="float32")
    cell = AttentionCell(gru(), attention, 3)
    cell.build((3, 2), (3, LENGTH, 6))
    memory = attention.memory(values_of(rng, dtype="float32"))
    assert isinstance(memory, Memory)
    output, states = cell(np.zeros((3, 2)), cell.get_initial_state(3, memory), memory=memory)
    assert {tensor.dtype.name for tensor in [output, *tf.nest.flatten(states)]} == {"float64"}
