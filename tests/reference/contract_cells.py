"""Cells as a third party writes them, with `project` and `step`, each odd in one way."""

import tensorflow as tf
from keras import ops, random

from keras_rnn import RecurrentCell


class ThirdPartyCell(RecurrentCell):
    """What they share: a kernel, a square recurrent kernel, and one state that is the output."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = self.output_size = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, self.units), name="recurrent_kernel")
        self.add_more()
        self.built = True

    def add_more(self):
        """Add further weights."""

    def project(self, inputs, noise=None):
        return ops.matmul(inputs, self.kernel)

    def step(self, projected, states, training=False):
        h = ops.tanh(projected + self.recur(states[0], self.recurrent_kernel))
        return h, [h]


class PeepholeCell(ThirdPartyCell):
    """Its gates see the carry through vectors."""

    def __init__(self, units=3, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [units, units]

    def add_more(self):
        self.peepholes = self.add_weight((2, self.units), name="peepholes")

    def step(self, projected, states, training=False):
        h, c = states
        z = projected + self.recur(h, self.recurrent_kernel)
        c = c * ops.sigmoid(z + c * self.peepholes[0]) + ops.tanh(z)
        h = ops.sigmoid(z + c * self.peepholes[1]) * ops.tanh(c)
        return h, [h, c]


class SeveralKernelsCell(ThirdPartyCell):
    """One kernel is used twice, one with a bias, and one product reads another."""

    def add_more(self):
        self.bias = self.add_weight((self.units,), name="bias")
        self.second_kernel = self.add_weight((self.units, 2), name="second_kernel")
        self.third_kernel = self.add_weight((2, self.units), name="third_kernel")

    def step(self, projected, states, training=False):
        (h,) = states
        once = ops.tanh(self.recur(h, self.recurrent_kernel, self.bias))
        twice = self.recur(once * h, self.recurrent_kernel)
        below = ops.sigmoid(self.recur(twice + projected, self.second_kernel))
        h = ops.tanh(projected + once + self.recur(below, self.third_kernel))
        return h, [h]


class WeightNormalisedCell(ThirdPartyCell):
    """Its kernel is computed from weights: rows of length one, times a gain."""

    def add_more(self):
        self.gain = self.add_weight((self.units, 1), name="gain")

    def step(self, projected, states, training=False):
        v = ops.convert_to_tensor(self.recurrent_kernel)
        kernel = self.gain * v * ops.rsqrt(ops.sum(v * v, axis=1, keepdims=True))
        h = ops.tanh(projected + self.recur(states[0], kernel) + 0.1 * self.gain[:, 0])
        return h, [h]


class HyperCell(ThirdPartyCell):
    """Its kernels depend on the state and on the input, so they are new at every step."""

    def step(self, projected, states, training=False):
        (h,) = states
        of_state = self.recurrent_kernel * ops.tanh(ops.mean(h))
        of_input = self.recurrent_kernel + ops.mean(projected)
        h = ops.tanh(projected + self.recur(h, of_state) + self.recur(h, of_input, projected[0]))
        return h, [h]


class NestedCell(ThirdPartyCell):
    """Its states are a list in a list, and none of them is its output."""

    def __init__(self, units=3, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [[units, 2], units]

    def get_initial_state(self, batch_size=None):
        zeros = [ops.zeros((batch_size, size), self.compute_dtype) for size in (self.units, 2)]
        return [zeros, zeros[0]]

    def step(self, projected, states, training=False):
        (a, b), c = states
        a = ops.tanh(projected + self.recur(a, self.recurrent_kernel) + b[:, :1])
        return a * c + 1, [[a, 0.5 * b + a[:, :2]], 0.5 * c + a]


class CountingCell(ThirdPartyCell):
    """It counts its steps in an integer state, by which it lets go of the past."""

    def __init__(self, units=3, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [units, 1]

    def get_initial_state(self, batch_size=None):
        zeros = ops.zeros((batch_size, self.units), self.compute_dtype)
        return [zeros, ops.zeros((batch_size, 1), "int32")]

    def step(self, projected, states, training=False):
        h, count = states
        keep = 1 / (1 + ops.cast(count, h.dtype))
        h = ops.tanh(projected + self.recur(h * keep, self.recurrent_kernel))
        return h, [h, count + 1]


class SeededCell(CountingCell):
    """It draws a seed once a call, from which each step draws numbers without a state."""

    def draw_noise(self, batch_size, features, length=None):
        return ops.convert_to_tensor([1, 2], "int32")

    def step(self, projected, states, training=False, noise=(1, 2)):
        h, count = states
        seed = noise + count[0]
        kept = tf.random.stateless_uniform(tf.shape(h), seed, dtype=h.dtype)
        h = kept * ops.tanh(projected + self.recur(h, self.recurrent_kernel))
        return h, [h, count + 1]


class DropConnectCell(ThirdPartyCell):
    """Its noise drops entries of the recurrent kernel, the same ones at all steps of a call."""

    def draw_noise(self, batch_size, features, length=None):
        return {
            "kept": random.dropout(ops.ones((self.units,) * 2, self.compute_dtype), 0.5, seed=3)
        }

    def step(self, projected, states, training=False, noise=None):
        kernel = self.recurrent_kernel * (1.0 if noise is None else noise["kept"])
        h = ops.tanh(projected + self.recur(states[0], kernel))
        return h, [h]


class AutonomousCell(ThirdPartyCell):
    """It does not look at its input."""

    def step(self, projected, states, training=False):
        h = ops.tanh(0.3 + self.recur(states[0], self.recurrent_kernel))
        return h, [h]


class ForgetfulCell(ThirdPartyCell):
    """It looks at neither of its states, passes one on as it is and sets the other anew."""

    def __init__(self, units=3, **kwargs):
        super().__init__(units, **kwargs)
        self.state_size = [units, units]

    def step(self, projected, states, training=False):
        h = ops.tanh(self.recur(projected, self.recurrent_kernel))
        return h, [states[0], h]


class GatheringCell(ThirdPartyCell):
    """It looks rows of a weight up, and picks rows of its state."""

    def add_more(self):
        self.table = self.add_weight((6, self.units), name="table")

    def step(self, projected, states, training=False):
        (h,) = states
        found = ops.take(self.table, ops.argmax(h, axis=-1), axis=0)
        kernel = ops.take(self.table, [2, 0, 1], axis=0)
        others = ops.take(h, ops.flip(ops.arange(ops.shape(h)[0])), axis=0)
        h = ops.tanh(projected + self.recur(others, kernel) + found)
        return h, [h]


class MemoryCell(ThirdPartyCell):
    """The constant `memory` is a kernel of its products, and scales a vector."""

    def step(self, projected, states, training=False, *, memory):
        scores = ops.softmax(self.recur(states[0], ops.transpose(memory["rows"])))
        h = ops.tanh(projected * memory["scale"] + self.recur(scores, memory["rows"]))
        return h, [h]
