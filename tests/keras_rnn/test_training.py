"""Training in a graph: compiled, with unknown shapes, in short types, by `fit`, on replicas."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from reference.contract_cells import ThirdPartyCell
from reference.training import (
    assert_close,
    automatically_trained,
    spy_on_written_out,
    trained,
    trained_in_graph,
    weighted,
)
from reference.twins import MASKS, give_random_weights

from keras_rnn import GRU, LSTM, RNN, Bidirectional

SHAPE = (3, 5, 2)


def built(layer, rng):
    layer.build(SHAPE)
    return give_random_weights(layer, rng)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: LSTM(3, return_sequences=True, go_backwards=True),
        lambda: GRU(3, reset_after=False, recompute=2),
    ],
    ids=["lstm", "gru_recomputed"],
)
def test_xla_gives_the_same_gradients(make, rng, monkeypatch):
    layer = built(make(), rng)
    x, mask = tf.constant(rng.normal(size=SHAPE), "float32"), MASKS["holes"]
    wanted = automatically_trained(layer, x, mask=mask)
    taken = spy_on_written_out(monkeypatch)
    compiled = tf.function(trained, jit_compile=True, autograph=False)
    assert_close(compiled(layer, x, mask=mask), wanted, 1e-5)
    assert len(taken) == 1


@pytest.mark.parametrize("return_sequences", [pytest.param(True, marks=pytest.mark.slow), False])
def test_batch_and_length_may_be_unknown(return_sequences, rng):
    layer = GRU(3, return_sequences=return_sequences, return_state=True, dtype="float64")
    built(layer, rng)
    signature = [tf.TensorSpec([None, None, 2], "float64"), tf.TensorSpec([None, None], tf.bool)]

    @tf.function(input_signature=signature, autograph=False)
    def step(x, mask):
        return trained(layer, x, mask=mask)

    for batch, time in ((3, 5), (1, 1), (2, 4), (0, 3)):
        x, mask = tf.constant(rng.normal(size=(batch, time, 2))), MASKS["holes"][:batch, :time]
        found = step(x, mask)
        assert_close(found, automatically_trained(layer, x, mask=mask))
        assert found[0].shape[0] == batch


def test_a_batch_without_rows_has_gradients_of_zero(rng):
    layer = built(LSTM(3, return_sequences=True, dtype="float64"), rng)
    outputs, d_x, *gradients = trained_in_graph(layer, tf.zeros((0, 5, 2), "float64"))
    assert outputs.shape == (0, 5, 3)
    assert d_x.shape == (0, 5, 2)
    for gradient, weight in zip(gradients, layer.trainable_weights, strict=True):
        np.testing.assert_array_equal(gradient, np.zeros(weight.shape))


@pytest.mark.parametrize(
    ("layer_class", "dtype", "near"),
    [(LSTM, "mixed_float16", 0.02), (GRU, "mixed_bfloat16", 0.1)],
)
def test_gradients_in_short_types_are_near_those_in_float32(
    layer_class, dtype, near, rng, monkeypatch
):
    wanted_of, layer = built(layer_class(3), rng), layer_class(3, dtype=dtype)
    layer.build(SHAPE)
    layer.set_weights(wanted_of.get_weights())
    x, mask = rng.normal(size=SHAPE).astype("float32"), MASKS["right"]
    taken = spy_on_written_out(monkeypatch)
    found = trained_in_graph(layer, tf.cast(x, layer.compute_dtype), mask=mask)
    assert len(taken) == 1
    wanted = automatically_trained(wanted_of, tf.constant(x), mask=mask)
    for ours, other in zip(found, wanted, strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(tf.cast(ours, "float32"), other, atol=near * scale)
    assert all(d.dtype == "float32" for d in found[2:])


def test_a_state_may_be_longer_than_the_kernel(rng):
    class Cell(ThirdPartyCell):
        """It keeps its state in float32 whatever it computes in."""

        def get_initial_state(self, batch_size=None):
            return [ops.zeros((batch_size, self.units), "float32")]

        def step(self, projected, states, training=False):
            h = ops.tanh(ops.add(projected, self.recur(states[0], self.recurrent_kernel)))
            return ops.cast(h, self.compute_dtype), [h]

    layer = built(RNN(Cell(dtype="mixed_bfloat16")), rng)
    x = tf.cast(rng.normal(size=SHAPE), "bfloat16")
    assert_close(trained_in_graph(layer, x), automatically_trained(layer, x), 0.05)


@pytest.mark.parametrize("what", ["outputs", "states"])
def test_rows_of_the_results_may_be_gathered(what, rng):
    layer = LSTM(3, return_sequences=True, return_state=True, dtype="float64")
    built(layer, rng)

    def gradients(x):
        with tf.GradientTape() as tape:
            outputs, *states = layer(x, training=True)
            chosen = outputs if what == "outputs" else states[1]
            loss = weighted(tf.gather(chosen, [2, 0]))
        return tape.gradient(loss, layer.trainable_weights)

    x = tf.constant(rng.normal(size=SHAPE))
    assert_close(tf.function(gradients, autograph=False)(x), gradients(x))


def test_a_shape_may_be_known_better_after_the_layer(rng):
    layer = built(LSTM(3, return_state=True, dtype="float64"), rng)

    def gradients(x):
        with tf.GradientTape() as tape:
            _, h, _ = layer(x, training=True)
            loss = weighted(tf.ensure_shape(h, (3, 3)))
        return tape.gradient(loss, layer.trainable_weights)

    signature = [tf.TensorSpec([None, None, 2], "float64")]
    x = tf.constant(rng.normal(size=SHAPE))
    in_graph = tf.function(gradients, input_signature=signature, autograph=False)
    assert_close(in_graph(x), gradients(x))


def test_a_constant_that_is_a_kernel_may_have_an_unknown_number_of_rows(rng):
    class Cell(ThirdPartyCell):
        def step(self, projected, states, training=False, *, memory):
            h = ops.softmax(self.recur(states[0], ops.transpose(memory)))
            return super().step(projected + self.recur(h, memory), states)

    layer = built(RNN(Cell(dtype="float64")), rng)
    signature = [tf.TensorSpec([None, None, 2], "float64"), tf.TensorSpec([None, 3], "float64")]

    @tf.function(input_signature=signature, autograph=False)
    def step(x, memory):
        return trained(layer, x, constants={"memory": memory})

    x, memory = tf.constant(rng.normal(size=SHAPE)), tf.constant(rng.normal(size=(4, 3)))
    wanted = automatically_trained(layer, x, constants={"memory": memory})
    assert_close(step(x, memory), wanted)


def test_a_stateful_layer_goes_on_from_its_states(rng, monkeypatch):
    layer = built(LSTM(3, stateful=True, dtype="float64"), rng)
    x, taken = tf.constant(rng.normal(size=SHAPE)), spy_on_written_out(monkeypatch)
    step = tf.function(lambda: trained(layer, x), autograph=False)
    found = [*step(), *step()]
    assert len(taken) == 1
    layer.reset_state()
    assert_close(found, [*trained(layer, x), *trained(layer, x)])
    assert np.abs(found[0] - found[len(found) // 2]).max() > 1e-3


def test_a_function_may_be_traced_for_one_length_after_another(rng):
    layer = built(GRU(3, return_sequences=True, dtype="float64"), rng)
    step = tf.function(trained, autograph=False)
    for time in (5, 2):
        x = tf.constant(rng.normal(size=(3, time, 2)))
        assert_close(step(layer, x), automatically_trained(layer, x))


def text_model(layer):
    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(7, 4, mask_zero=True)(tokens)
    return keras.Model(tokens, keras.layers.Dense(1)(layer(embedded)))


@pytest.mark.parametrize("is_functional", [pytest.param(True, marks=pytest.mark.slow), False])
def test_fit_takes_the_steps_that_automatic_differentiation_takes(
    is_functional, rng, monkeypatch, tmp_path
):
    x, y = rng.integers(0, 7, size=(8, 5)), rng.normal(size=(8, 1))
    x[0] = 0

    def model_of(unroll):
        layer = Bidirectional(LSTM(3, unroll=unroll), merge_mode="sum")
        if is_functional:
            return text_model(layer) if not unroll else text_model_of_known_length(layer)
        embedding = keras.layers.Embedding(7, 4, mask_zero=True)
        return keras.Sequential([keras.Input((5,)), embedding, layer, keras.layers.Dense(1)])

    def text_model_of_known_length(layer):
        tokens = keras.Input((5,), dtype="int32")
        embedded = keras.layers.Embedding(7, 4, mask_zero=True)(tokens)
        return keras.Model(tokens, keras.layers.Dense(1)(layer(embedded)))

    ours, theirs = model_of(unroll=False), model_of(unroll=True)
    theirs.set_weights(give_random_weights(ours, rng).get_weights())
    taken = spy_on_written_out(monkeypatch)
    for model in (theirs, ours):
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        assert not taken
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert len(taken) == 2
    assert_close(ours.get_weights(), theirs.get_weights(), 1e-5)
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_close([loaded(x)], [theirs(x)], 1e-5)


REPLICAS = """
import sys
import numpy as np
import tensorflow as tf

devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
from keras_rnn import LSTM
from keras_rnn.scan import loop

taken, scan = [], loop.keeping_scan
loop.keeping_scan = lambda *args, **options: taken.append(1) or scan(*args, **options)
x = tf.constant(np.random.default_rng(0).normal(size=(4, 5, 2)), "float32")


def gradients(layer, rows):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(rows, training=True) ** 2)
    return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])


for count in (1, 2):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"][:count])
    with strategy.scope():
        layer = LSTM(3)
        layer.build(x.shape)

    @tf.function(autograph=False)
    def step():
        rows = strategy.experimental_distribute_values_from_function(
            lambda context: x[context.replica_id_in_sync_group :: count]
        )
        found = strategy.run(gradients, args=(layer, rows))
        return [strategy.reduce("SUM", d, axis=None) for d in found]

    alone = LSTM(3, unroll=True)
    alone.build(x.shape)
    alone.set_weights(layer.get_weights())
    for one, other in zip(step(), gradients(alone, x), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    print("replicas", count, "scans", len(taken))
"""


@pytest.mark.slow
def test_replicas_in_threads_train_as_one_does():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", REPLICAS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["replicas 1 scans 1", "replicas 2 scans 3"]
