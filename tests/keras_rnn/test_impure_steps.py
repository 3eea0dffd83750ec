"""Cells whose steps are no functions of their arguments: left to automatic differentiation."""

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
)
from reference.twins import MASKS

from keras_rnn import GRU, LSTM, RNN, GRUCell, LSTMCell, StackedRNNCells

SHAPE = (3, 5, 2)


class AssertingCell(ThirdPartyCell):
    def step(self, projected, states, training=False):
        tf.debugging.assert_less(projected, ops.cast(1e9, projected.dtype))
        return super().step(projected, states)


class PrintingCell(ThirdPartyCell):
    def step(self, projected, states, training=False):
        tf.print("a step", output_stream="file:///dev/null")
        return super().step(projected, states)


class ForeignVariableCell(ThirdPartyCell):
    def add_more(self):
        self.foreign = tf.Variable(tf.ones(3, "float64"))

    def step(self, projected, states, training=False):
        return super().step(projected * self.foreign, states)


class CapturingCell(ThirdPartyCell):
    captured = 1.0

    def step(self, projected, states, training=False):
        return super().step(projected * self.captured, states)


class CountingVariableCell(ThirdPartyCell):
    def add_more(self):
        self.count = self.add_weight((), initializer="zeros", trainable=False)

    def step(self, projected, states, training=False):
        self.count.assign_add(1.0)
        return super().step(projected, states)


class BatchNormalisedCell(ThirdPartyCell):
    def add_more(self):
        self.norm = keras.layers.BatchNormalization(dtype="float64")
        self.norm.build((None, self.units))

    def step(self, projected, states, training=False):
        return super().step(self.norm(projected, training=training), states)


class DrawingCell(ThirdPartyCell):
    """Its output is what it draws at each step, from Keras' global generator."""

    def draw(self, shape):
        return keras.random.uniform(shape)

    def step(self, projected, states, training=False):
        _, states = super().step(projected, states)
        return ops.cast(self.draw(ops.shape(projected)), projected.dtype), states


class SeededDrawingCell(DrawingCell):
    def add_more(self):
        self.generator = keras.random.SeedGenerator(1)

    def draw(self, shape):
        return keras.random.uniform(shape, seed=self.generator)


class TensorFlowDrawingCell(DrawingCell):
    def draw(self, shape):
        return tf.random.uniform(shape)


class PlainCell(keras.layers.Layer):
    """A cell as Keras has it, with `call` only."""

    state_size = output_size = 3

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 3))
        self.recurrent_kernel = self.add_weight((3, 3))

    def call(self, inputs, states):
        h = ops.tanh(inputs @ self.kernel + states[0] @ self.recurrent_kernel)
        return h, [h]


def lstm_cell(**options):
    return LSTMCell(3, dtype="float64", **options)


CELLS = {
    "asserts": lambda: AssertingCell(dtype="float64"),
    "prints": lambda: PrintingCell(dtype="float64"),
    "reads_a_foreign_variable": lambda: ForeignVariableCell(dtype="float64"),
    "plain": lambda: PlainCell(dtype="float64"),
    "of_keras": lambda: keras.layers.LSTMCell(3, dtype="float64"),
    "stack_with_an_asserting_cell": lambda: StackedRNNCells(
        [lstm_cell(), AssertingCell(dtype="float64")]
    ),
    "stack_with_a_dropping_cell_of_keras": lambda: StackedRNNCells(
        [lstm_cell(), keras.layers.GRUCell(3, dropout=0.5, seed=1, dtype="float64")]
    ),
}


def built(layer, rng):
    layer.build(SHAPE)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


@pytest.mark.parametrize("name", CELLS)
def test_an_impure_step_is_differentiated_automatically(name, rng, monkeypatch):
    layer = built(RNN(CELLS[name](), return_sequences=True), rng)
    x, mask = tf.constant(rng.normal(size=SHAPE)), MASKS["holes"]
    wanted = automatically_trained(layer, x, mask=mask)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x, mask=mask), wanted)
    assert not taken


def test_the_gradient_of_a_tensor_that_a_step_captures_is_not_lost(rng, monkeypatch):
    layer = built(RNN(CapturingCell(dtype="float64")), rng)
    x, scale = tf.constant(rng.normal(size=SHAPE)), tf.constant(rng.normal(size=3))

    def gradient(layer, scale):
        with tf.GradientTape() as tape:
            tape.watch(scale)
            layer.cell.captured = 2 * scale
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, scale)

    wanted = gradient(layer, scale)
    taken = spy_on_written_out(monkeypatch)
    found = tf.function(gradient, autograph=False)(layer, scale)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    assert np.abs(wanted).min() > 0
    assert not taken


def test_a_variable_is_written_once_a_step(rng):
    layer = built(RNN(CountingVariableCell(dtype="float64")), rng)
    step = tf.function(trained, autograph=False)
    x = tf.constant(rng.normal(size=SHAPE))
    for _ in range(2):
        step(layer, x)
    assert layer.cell.count.numpy() == 2 * SHAPE[1]


def test_a_batch_normalisation_in_a_step_is_trained(rng, monkeypatch):
    layer = built(RNN(BatchNormalisedCell(dtype="float64"), return_sequences=True), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    wanted = automatically_trained(layer, x)
    taken = spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x), wanted)
    assert np.abs(layer.cell.norm.moving_mean.numpy()).min() > 0
    assert not taken


def test_a_variable_of_somebody_else_is_written_once_a_step(rng):
    count = keras.Variable(0.0)

    class Cell(ThirdPartyCell):
        def step(self, projected, states, training=False):
            count.assign_add(1.0)
            return super().step(projected, states)

    trained_in_graph(built(RNN(Cell(dtype="float64")), rng), tf.constant(rng.normal(size=SHAPE)))
    assert count.numpy() == SHAPE[1]


@pytest.mark.parametrize(
    "cell_class",
    [TensorFlowDrawingCell, SeededDrawingCell, DrawingCell],
)
def test_what_a_step_draws_is_new_at_every_step_and_call(cell_class, rng, monkeypatch):
    layer = built(RNN(cell_class(dtype="float64"), return_sequences=True), rng)
    x, taken = tf.constant(rng.normal(size=SHAPE)), spy_on_written_out(monkeypatch)
    step = tf.function(lambda: layer(x, training=True), autograph=False)
    drawn = [call[:, time] for call in (step().numpy(), step().numpy()) for time in range(5)]
    assert len({values.tobytes() for values in drawn}) == 10
    assert not taken


@pytest.mark.parametrize("layer_class", [LSTM, GRU])
def test_an_eager_call_is_left_to_automatic_differentiation(layer_class, rng, monkeypatch):
    layer = built(layer_class(3, dtype="float64"), rng)
    x, taken = tf.constant(rng.normal(size=SHAPE)), spy_on_written_out(monkeypatch)
    assert_close(trained(layer, x), automatically_trained(layer, x))
    assert not taken


@pytest.mark.parametrize("options", [{"recompute": 2}, {"truncation": (1, 2)}])
def test_an_impure_step_cannot_be_recomputed_or_truncated(options, rng):
    layer = built(RNN(AssertingCell(dtype="float64"), **options), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    with pytest.raises(ValueError, match=r"need a cell that follows the contract.*writes nothing"):
        layer(x, training=True)


def test_a_stack_of_ours_and_of_keras_without_dropout_is_pure(rng, monkeypatch):
    cells = [GRUCell(3, dtype="float64"), keras.layers.LSTMCell(3, dtype="float64")]
    layer = built(RNN(cells, return_sequences=True), rng)
    x, taken = tf.constant(rng.normal(size=SHAPE)), spy_on_written_out(monkeypatch)
    assert_close(trained_in_graph(layer, x), automatically_trained(layer, x))
    assert len(taken) == 1


def test_a_loss_that_a_step_adds_is_not_lost_in_silence(rng):
    class Cell(ThirdPartyCell):
        def step(self, projected, states, training=False):
            self.add_loss(ops.sum(projected))
            return super().step(projected, states)

    layer = built(RNN(Cell(dtype="float64")), rng)
    with pytest.raises(Exception, match=r"out of scope|inaccessible|captured"):
        tf.function(lambda x: (layer(x, training=True), layer.losses), autograph=False)(
            tf.constant(rng.normal(size=SHAPE))
        )


@pytest.mark.parametrize("in_graph", [False, True])
def test_a_stack_of_keras_draws_new_masks_at_each_call(in_graph, rng):
    cells = [keras.layers.LSTMCell(4, dropout=0.5), keras.layers.GRUCell(3, recurrent_dropout=0.5)]
    layer = RNN(keras.layers.StackedRNNCells(cells))

    def call(x):
        return layer(x, training=True)

    run = tf.function(call, autograph=False) if in_graph else call
    x = tf.constant(rng.normal(size=SHAPE), "float32")
    first, second = run(x).numpy(), run(x).numpy()
    assert np.abs(first - second).max() > 1e-3
    assert run(x[:2]).shape == (2, 3)
