"""Attention in a model of Keras: the layer prepares the memory, and so trains and saves it all."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_rnn import (
    RNN,
    AttentionCell,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    ConditionalGRUCell,
    CoverageAttention,
    DropoutCell,
    GNMTCell,
    GRUCell,
    HighwayCell,
    LuongAttention,
    MultiHeadDotAttention,
    ResidualCell,
    SeveralAttentions,
    ZoneoutCell,
)

MECHANISMS = {
    "bahdanau": lambda: BahdanauAttention(4, normalize=True),
    "luong": lambda: LuongAttention(4, scale=True),
    "monotonic": lambda: BahdanauMonotonicAttention(3, mode="recursive"),
    "heads": lambda: MultiHeadDotAttention(4, heads=2),
    "several": lambda: SeveralAttentions([CoverageAttention(3), LuongAttention(4)]),
}
CELLS = {
    "attention": lambda attention: AttentionCell(GRUCell(4), attention, units=3),
    "conditional": lambda attention: ConditionalGRUCell(GRUCell(4), attention, GRUCell(4)),
    "gnmt": lambda attention: GNMTCell([GRUCell(4), GRUCell(4)], attention),
}
CASES = [("attention", name) for name in MECHANISMS] + [(c, "bahdanau") for c in CELLS][1:]


def model_of(cell_name, name, length=None):
    memory, inputs = keras.Input((length, 6)), keras.Input((None, 2))
    layer = RNN(CELLS[cell_name](MECHANISMS[name]()), return_sequences=True)
    return keras.Model([memory, inputs], layer(inputs, constants={"memory": memory}))


def inputs_of(rng):
    return [rng.normal(size=shape).astype("float32") for shape in ((3, 5, 6), (3, 4, 2))]


@pytest.mark.parametrize(("cell_name", "name"), CASES)
def test_a_model_trains_all_weights_and_gives_the_same_once_loaded(cell_name, name, rng, tmp_path):
    model, given = model_of(cell_name, name), inputs_of(rng)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(given) ** 2)
    gradients = tape.gradient(loss, model.trainable_weights)
    assert all(one is not None and np.any(one != 0) for one in gradients)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(given), model(given))
    other = model_of(cell_name, name, length=5)
    assert np.abs(other(given) - model(given)).max() > 1e-3
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(other(given), model(given), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["several", "monotonic"])
def test_an_exported_model_takes_the_memory_as_an_input(name, rng, tmp_path):
    model, given = model_of("attention", name), inputs_of(rng)
    model.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    for length in (5, 2):
        one = [given[0][:, :length], given[1]]
        np.testing.assert_allclose(served.serve(one), model(one), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell_name", CELLS)
def test_values_are_what_the_memory_made_of_them_is(cell_name, rng):
    cell, (values, x) = CELLS[cell_name](MECHANISMS["several"]()), inputs_of(rng)
    layer = RNN(cell, return_sequences=True)
    found = layer(x, constants={"memory": values})
    wanted = layer(x, constants={"memory": cell.attention.memory(tf.constant(values))})
    np.testing.assert_array_equal(found, wanted)


def test_a_cell_around_one_with_attention_passes_values_on(rng):
    values, x = inputs_of(rng)
    for wrap in (lambda cell: ZoneoutCell(cell, 0.2), DropoutCell, ResidualCell, HighwayCell):
        inner = AttentionCell(GRUCell(4), BahdanauAttention(4), units=2)
        inner.build((3, 2), values.shape)
        layer = RNN(wrap(inner))
        found = layer(x, constants={"memory": values})
        memory = inner.attention.memory(tf.constant(values))
        np.testing.assert_array_equal(found, layer(x, constants={"memory": memory}))


@pytest.mark.parametrize("cell_name", CELLS)
def test_the_states_of_the_cell_alone_will_do(cell_name, rng):
    cell, (values, x) = CELLS[cell_name](MECHANISMS["several"]()), inputs_of(rng)
    layer, given = RNN(cell, return_sequences=True), {"constants": {"memory": values}}
    zeros = layer(x, **given)
    first = cell.get_initial_state(3, cell.attention.memory(tf.constant(values)))
    _, *others = keras.tree.flatten(first)
    own = rng.normal(size=(3, 4)).astype("float32")
    if cell_name == "gnmt":
        own, others = [own, others[0]], others[1:]
    found = layer(x, initial_state=own, **given)
    whole = [*keras.tree.flatten(own), *others]
    np.testing.assert_array_equal(found, layer(x, initial_state=whole, **given))
    assert np.abs(found - zeros).max() > 1e-3
    with pytest.raises(ValueError, match=r"needs \d tensors in `initial_state`. Received: \d"):
        layer(x, initial_state=whole[:-1] if len(whole) > 3 else whole * 2, **given)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_mask_of_the_values_is_not_lost(policy, rng):
    tokens, x = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]]), rng.normal(size=(2, 3, 2))
    attention = BahdanauAttention(4, dtype=policy)
    layer = RNN(AttentionCell(GRUCell(4, dtype=policy), attention), return_state=True)
    memory, inputs = keras.Input((5,), dtype="int32"), keras.Input((3, 2))
    embedded = keras.layers.Embedding(5, 6, mask_zero=True)(memory)
    *_, alignments = layer(inputs, constants={"memory": embedded})
    found = keras.Model([memory, inputs], alignments)([tokens, x]).numpy()
    assert np.all((found > 0) == (tokens != 0))


def test_prepared_by_hand_the_mask_of_the_values_is_not_lost_either(rng):
    values = keras.layers.Embedding(5, 6, mask_zero=True)(np.array([[1, 2, 0], [3, 0, 0]]))
    attention = SeveralAttentions([LuongAttention(4), CoverageAttention(3)])
    attention.build((2, 4), values.shape)
    memory = attention.memory(values)
    for one in (memory, *memory.keys):
        np.testing.assert_array_equal(one.mask, [[True, True, False], [True, False, False]])
    whole = np.array([[1, 1, 1], [1, 1, 0]])
    np.testing.assert_array_equal(attention.memory(values, whole).mask, whole == 1)


VALUES = np.ones((3, 5, 6), "float32")


@pytest.mark.parametrize("is_built", [False, True])
@pytest.mark.parametrize("cell_name", CELLS)
@pytest.mark.parametrize(
    ("constants", "message"),
    [
        (None, "(constant `memory`|its memory).* Received: none. Call its layer with"),
        ({"mem": VALUES}, r"(constant `memory`|its memory).* Received: (\['mem'\]|none). Call its"),
        (VALUES, "needs `constants` to be a dictionary. Received: .* Pass"),
        ({"memory": VALUES[0]}, r"needs `values` of rank 3.* Received: shape \(5, 6\). Reshape"),
    ],
)
def test_a_layer_that_is_given_no_memory(cell_name, is_built, constants, message):
    cell = CELLS[cell_name](BahdanauAttention(4))
    if is_built:
        cell.build((3, 2), VALUES.shape)
    with pytest.raises(ValueError, match=message):
        RNN(cell)(np.ones((3, 4, 2)), constants=constants)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.array([5, 3, 5]), r"needs `mask` of rank 2, .* Received: shape \(3,\)."),
        ([5, 3, 5], "needs a mask of truth values, .* Received: list. Pass"),
        (np.ones((3, 4), bool), "needs a mask of the same time size as its input"),
    ],
)
@pytest.mark.parametrize("values", [VALUES, VALUES[:, :3]])
def test_lengths_are_no_mask_of_a_memory(values, mask, message):
    with pytest.raises(ValueError, match=message):
        LuongAttention().memory(values, mask)


def test_a_memory_that_has_not_been_prepared():
    for make in MECHANISMS.values():
        attention = make()
        attention.build((3, 4), VALUES.shape)
        with pytest.raises(ValueError, match=r"Attention.* needs a `Memory`. Received: .* Make"):
            attention(np.ones((3, 4)), tf.constant(VALUES))
    attention = BahdanauAttention(4)
    cell = AttentionCell(GRUCell(4), attention)
    with pytest.raises(
        ValueError, match=r"`BahdanauAttention` needs a `Memory`. Received: ndarray"
    ):
        cell.get_initial_state(3, VALUES)
    with pytest.raises(ValueError, match=r"in the call of a layer.* Received: a KerasTensor. Call"):
        attention.memory(keras.Input((5, 6)))


def test_the_shapes_of_a_memory_may_be_lists_as_they_are_when_loaded():
    shapes = (None, 7, 6), (None, 7, 4), (None, 7)
    for given in (shapes, [list(shape) for shape in shapes], (*shapes[:2], None)):
        mechanism = BahdanauAttention(4)
        cell = AttentionCell(GRUCell(5), mechanism)
        cell.build((None, 3), given)
        assert [tuple(weight.shape) for weight in mechanism.weights[:2]] == [(5, 4), (6, 4)]
