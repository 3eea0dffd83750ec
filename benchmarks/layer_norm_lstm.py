"""The layer-normalised LSTM cell of TensorFlow Addons, written on the contract of keras_rnn."""

from typing import Any

from keras import ops

from keras_rnn import RecurrentCell


def normalize(x: Any, gain: Any, shift: Any) -> Any:
    """Return x of mean 0 and variance 1 along its last axis, times the gain, plus the shift."""
    mean, variance = ops.moments(x, axes=[-1], keepdims=True)
    return (x - mean) * ops.rsqrt(variance + 1e-3) * gain + shift


class LayerNormLSTMCell(RecurrentCell):
    """An LSTM cell that normalises what comes from the input, from the state, and the carry."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = self.output_size = units
        self.state_size = [units, units]

    def build(self, input_shape: Any) -> None:
        """Create the kernels, the bias and three pairs of gain and shift."""
        columns = 4 * self.units
        self.kernel = self.add_weight((input_shape[-1], columns), name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, columns), name="recurrent_kernel")
        self.bias = self.add_weight((columns,), initializer="zeros", name="bias")
        self.norms = {}
        for name, size in (("input", columns), ("state", columns), ("carry", self.units)):
            gain = self.add_weight((size,), initializer="ones", name=f"{name}_gain")
            shift = self.add_weight((size,), initializer="zeros", name=f"{name}_shift")
            self.norms[name] = (gain, shift)

    def project(self, inputs: Any) -> Any:
        """Return what the input says to the gates, normalised."""
        return normalize(ops.matmul(inputs, self.kernel), *self.norms["input"]) + self.bias

    def step(self, projected: Any, states: Any, training: bool = False) -> Any:
        """Return h and `[h, c]`."""
        h, c = states
        z = projected + normalize(self.recur(h, self.recurrent_kernel), *self.norms["state"])
        i, f, g, o = ops.split(z, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        c = normalize(c, *self.norms["carry"])
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]
