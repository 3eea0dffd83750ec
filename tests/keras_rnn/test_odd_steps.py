"""Odd steps: products in branches, learned noise, gathered rows, complex numbers."""

import keras
import pytest
import tensorflow as tf
from keras import ops
from reference.contract_cells import GatheringCell, ThirdPartyCell
from reference.training import assert_close, automatically_trained, trained, trained_in_graph

from keras_rnn import RNN

SHAPE = (3, 5, 2)


def built(layer, rng):
    layer.build(SHAPE)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return layer


@pytest.mark.parametrize("kind", ["cond", "while_loop"])
def test_a_product_may_stand_in_a_branch_or_a_loop(kind, rng):
    class Cell(ThirdPartyCell):
        def step(self, projected, states, training=False):
            def more(h):
                return ops.tanh(projected + self.recur(h, self.recurrent_kernel))

            (h,) = states
            if kind == "cond":
                h = tf.cond(tf.reduce_sum(projected) > 0, lambda: more(h), lambda: 0.5 * h)
            else:
                h = tf.while_loop(lambda i, h: i < 2, lambda i, h: (i + 1, more(h)), (0, h))[1]
            return h, [h]

    layer = built(RNN(Cell(dtype="float64"), return_sequences=True), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    assert_close(trained_in_graph(layer, x), automatically_trained(layer, x))


def test_the_gradient_of_weights_in_the_noise_is_not_lost(rng):
    class BayesianCell(ThirdPartyCell):
        """Its kernel is drawn once a call, around a mean that is learned."""

        def draw_noise(self, batch_size, features, length=None):
            return self.recurrent_kernel + keras.random.normal((3, 3), seed=3, dtype="float64")

        def step(self, projected, states, training=False, noise=None):
            h = ops.tanh(projected + self.recur(states[0], noise))
            return h, [h]

    layer = built(RNN(BayesianCell(dtype="float64")), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    assert_close(trained_in_graph(layer, x), automatically_trained(layer, x))


def test_a_step_may_gather_rows(rng):
    layer = built(RNN(GatheringCell(dtype="float64"), return_sequences=True), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    assert_close(trained_in_graph(layer, x), automatically_trained(layer, x))


class ComplexStateCell(ThirdPartyCell):
    def get_initial_state(self, batch_size=None):
        return [tf.zeros((batch_size, self.units), "complex128")]

    def step(self, projected, states, training=False):
        turned = states[0] * tf.complex(ops.cos(self.recurrent_kernel[0]), self.recurrent_kernel[1])
        after = turned + tf.cast(projected, "complex128")
        return tf.math.real(after) * tf.math.imag(after), [after]


class ComplexProjectionCell(ThirdPartyCell):
    def project(self, inputs):
        projected = super().project(inputs)
        return tf.complex(projected, 2 * projected)

    def step(self, projected, states, training=False):
        return super().step(tf.math.imag(projected * tf.constant(0.3 + 0.4j, "complex128")), states)


@pytest.mark.parametrize("cell_class", [ComplexStateCell, ComplexProjectionCell])
def test_complex_numbers_have_gradients_too(cell_class, rng):
    layer = built(RNN(cell_class(dtype="float64"), return_sequences=True), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    assert_close(trained_in_graph(layer, x), automatically_trained(layer, x))


def test_a_cell_without_a_built_sublayer_is_built_in_the_first_training_step(rng):
    class LazyCell(ThirdPartyCell):
        def add_more(self):
            self.dense = keras.layers.Dense(self.units, dtype="float64")

        def step(self, projected, states, training=False):
            return super().step(self.dense(projected), states)

    layer = RNN(LazyCell(dtype="float64"))
    layer.build(SHAPE)
    x = tf.constant(rng.normal(size=SHAPE))
    step = tf.function(trained, autograph=False)
    first = step(layer, x)
    assert len(layer.trainable_weights) == 4
    assert_close(first, automatically_trained(layer, x))


def test_a_sublayer_in_float32_keeps_its_precision_in_a_cell_of_a_short_type():
    class Cell(ThirdPartyCell):
        def add_more(self):
            self.exact = keras.layers.Dense(3, use_bias=False, dtype="float32")
            self.exact.build((None, 3))

        def step(self, projected, states, training=False):
            product = self.exact(tf.ones(ops.shape(projected)))
            h = ops.cast((product - 1) * 1000, projected.dtype)
            return h, [h]

    layer = RNN(Cell(dtype="mixed_bfloat16"))
    layer.build(SHAPE)
    layer.cell.exact.set_weights([1.001 * tf.eye(3).numpy()])
    outputs = trained_in_graph(layer, tf.ones(SHAPE, "bfloat16"))[0]
    assert_close([tf.cast(outputs, "float32")], [tf.ones((3, 3))], 0.01)


@pytest.mark.parametrize(
    "options", [{}, {"recompute": 2}, {"truncation": (2, 5)}, {"state_dtype": "float64"}]
)
def test_states_may_be_whole_numbers_and_truth_values(options, rng):
    class Cell(ThirdPartyCell):
        def get_initial_state(self, batch_size=None):
            zeros = tf.zeros((batch_size, self.units), self.compute_dtype)
            return [zeros, tf.zeros((batch_size, 1), "int32"), tf.zeros((batch_size, 1), "bool")]

        def step(self, projected, states, training=False):
            h, count, is_odd = states
            h = ops.tanh(projected + self.recur(h, self.recurrent_kernel))
            h = tf.where(is_odd, h, 0.5 * h)
            return h, [h, count + 1, count % 2 == 0]

    layer = built(RNN(Cell(dtype="float64"), **options), rng)
    x = tf.constant(rng.normal(size=SHAPE))
    other = RNN(layer.cell)
    assert_close(trained_in_graph(layer, x), automatically_trained(other, x))
