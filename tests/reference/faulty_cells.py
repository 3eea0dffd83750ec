"""Cells with one fault each, and one cell without."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_rnn import RecurrentCell

register = keras.saving.register_keras_serializable(package="faulty")


@register
class SoundCell(RecurrentCell):
    """`h = tanh(x U + (keep * h) W)`, without a fault."""

    def __init__(self, units=3, keep=0.5, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.keep = keep

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, self.units), name="recurrent_kernel")

    def project(self, inputs):
        return ops.matmul(inputs, self.kernel)

    def step(self, projected, states, training=False):
        h = ops.tanh(projected + self.recur(self.keep * states[0], self.recurrent_kernel))
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "keep": self.keep}


def sound_step(inputs, states, weights, keep=0.5):
    kernel, recurrent_kernel = weights
    h = np.tanh(inputs @ kernel + keep * states[0] @ recurrent_kernel)
    return h, [h]


@register
class ForgetsArgumentCell(SoundCell):
    """Its config lacks an argument."""

    def get_config(self):
        config = super().get_config()
        del config["keep"]
        return config


@register
class ForgetsConstraintCell(SoundCell):
    """Its config lacks a constraint."""

    def __init__(self, bound="non_neg", units=3, keep=0.5, **kwargs):
        super().__init__(units, keep, **kwargs)
        self.bound = keras.constraints.get(bound)


@register
class ForgetsHiddenArgumentCell(SoundCell):
    """Its config lacks an argument that it keeps under another name."""

    def __init__(self, units=3, leak=0.1, **kwargs):
        super().__init__(units, keep=1 - leak)

    def get_config(self):
        return {"units": self.units}


@register
class KeepsStateCell(SoundCell):
    """It keeps a state on itself."""

    def step(self, projected, states, training=False):
        before = getattr(self, "before", 0.0)
        self.before = ops.mean(projected)
        h, states = super().step(projected + before, states)
        return h, states


@register
class LeavesTensorCell(SoundCell):
    """It leaves a tensor on itself, though it does not read it."""

    def step(self, projected, states, training=False):
        self.seen = projected
        return super().step(projected, states)


@register
class CountsCell(SoundCell):
    """It counts its steps in a variable."""

    def build(self, input_shape):
        super().build(input_shape)
        self.count = self.add_weight((), initializer="zeros", trainable=False, name="count")

    def step(self, projected, states, training=False):
        self.count.assign_add(1.0)
        return super().step(projected, states)


@register
class NoisyCell(SoundCell):
    """It draws noise at inference."""

    def step(self, projected, states, training=False):
        return super().step(projected + tf.random.normal((3,), dtype=projected.dtype), states)


@register
class OtherCallCell(SoundCell):
    """Its `call` does not do what its `project` and `step` do."""

    def call(self, inputs, states, training=False):
        h = ops.tanh(self.project(inputs) + self.recur(states[0], self.recurrent_kernel))
        return h, [h]

    def step(self, projected, states, training=False):
        return super().step(projected, states)


@register
class MixesStepsCell(SoundCell):
    """Its `project` looks at all steps at once, padding too."""

    def project(self, inputs):
        if len(inputs.shape) == 3:
            inputs = inputs - ops.mean(inputs, axis=1, keepdims=True)
        return super().project(inputs)


@register
class MixesRowsCell(SoundCell):
    """Its step reads another row of the batch."""

    def step(self, projected, states, training=False):
        return super().step(projected + 0.1 * ops.roll(projected, 1, axis=0), states)


@register
class ReadsFirstRowCell(SoundCell):
    """Its step reads the first row of the batch."""

    def step(self, projected, states, training=False):
        return super().step(projected + 0.1 * projected[:1], states)


@register
class FixedFeaturesCell(SoundCell):
    """It is built for four features, whatever it reads."""

    def build(self, input_shape):
        super().build((None, 4))


@register
class SameNoiseCell(SoundCell):
    """It draws the same mask in each call."""

    def draw_noise(self, batch_size, features, length=None):
        return keras.random.uniform((batch_size, self.units), dtype=self.compute_dtype, seed=3)

    def project(self, inputs, noise=None):
        return super().project(inputs)

    def step(self, projected, states, training=False, noise=1.0):
        h, states = super().step(projected, states)
        return h * noise, states


@register
class FrozenNoiseCell(SameNoiseCell):
    """It draws from NumPy's generator, so that a graph draws once for all calls."""

    def draw_noise(self, batch_size, features, length=None):
        return ops.full(
            (batch_size, self.units),
            float(np.random.default_rng().random()),
            dtype=self.compute_dtype,
        )


@register
class StopsGradientCell(SoundCell):
    """Its gradient stops short of the state."""

    def step(self, projected, states, training=False):
        return super().step(projected, [ops.stop_gradient(states[0])])


@register
class EagerCell(SoundCell):
    """It computes something else in a graph."""

    def step(self, projected, states, training=False):
        return super().step(projected * (1.0 if tf.executing_eagerly() else 1.01), states)


@register
class NumpyCell(SoundCell):
    """Its step runs Python, which neither XLA nor another process can."""

    def step(self, projected, states, training=False):
        shape = projected.shape
        projected = tf.numpy_function(lambda x: x + 1, [projected], projected.dtype)
        return super().step(tf.ensure_shape(projected, shape), states)


@register
class OverflowsCell(SoundCell):
    """It overflows in float16."""

    def step(self, projected, states, training=False):
        h = ops.log(1 + ops.exp(projected + self.recur(states[0], self.recurrent_kernel)))
        return h, [h]


@register
class LosesGradientCell(SoundCell):
    """Its gradient is lost in a short type."""

    def project(self, inputs):
        projected = super().project(inputs)
        return ops.stop_gradient(projected) if self.compute_dtype == "float16" else projected


@register
class RoundsCell(SoundCell):
    """It adds a large number and takes it off again, which a short type does not survive."""

    def step(self, projected, states, training=False):
        return super().step(projected + 300 - 300, states)


@register
class WrongTypeCell(SoundCell):
    """It computes in float32 whatever its type."""

    def step(self, projected, states, training=False):
        h, states = super().step(projected, states)
        return ops.cast(h, "float32"), states


@register
class NoMemoryCell(SoundCell):
    """It remembers nothing."""

    def step(self, projected, states, training=False):
        return super().step(projected, [0 * states[0]])


@register
class LaterNumberCell(SoundCell):
    """It remembers the last number that was marked."""

    def step(self, projected, states, training=False):
        number, mark = ops.split(projected, 2, axis=-1)
        h = mark * number + (1 - mark) * states[0]
        return h, [h]

    def project(self, inputs):
        return inputs


class UnregisteredCell(SoundCell):
    """It is not registered, so that no file can name it."""


@register
class UnsavedWeightCell(SoundCell):
    """It saves one weight of two."""

    def save_own_variables(self, store):
        store["kernel"] = self.kernel.numpy()

    def load_own_variables(self, store):
        self.kernel.assign(store["kernel"])
