"""Draw docs/gradient_flow.png: memory that fades, stays, and explodes.

    python docs/gradient_flow.py docs/gradient_flow.png

The networks are untrained. Each reads the same sequences of noise, and has its loss at every step.
"""

import sys

import keras
import numpy as np

from keras_rnn import GRU, LSTM, SimpleRNN, gradient_flow, plot_gradient_flow
from keras_rnn.layers import RNN

TIME, FEATURES, UNITS = 50, 4, 32


def simple_network(radius: float) -> RNN:
    """Return a `SimpleRNN` whose recurrent kernel has the given spectral radius."""
    layer = SimpleRNN(UNITS)
    layer.build((None, TIME, FEATURES))
    kernel = np.random.default_rng(0).normal(size=(UNITS, UNITS))
    kernel *= radius / np.abs(np.linalg.eigvals(kernel)).max()
    layer.cell.recurrent_kernel.assign(kernel)
    return layer


def lstm_network(forget_bias: float) -> RNN:
    """Return an `LSTM` whose forget gates have the given bias."""
    layer = LSTM(UNITS)
    layer.build((None, TIME, FEATURES))
    bias = np.zeros(4 * UNITS)
    bias[UNITS : 2 * UNITS] = forget_bias
    layer.cell.bias.assign(bias)
    return layer


def main(path: str) -> None:
    """Draw the picture."""
    keras.utils.set_random_seed(0)
    inputs = np.random.default_rng(1).normal(size=(4, TIME, FEATURES)) * 0.1
    networks = {
        "SimpleRNN, spectral radius 4": simple_network(4.0),
        "LSTM, forget bias 2": lstm_network(2.0),
        "LSTM, forget bias 1 (default)": lstm_network(1.0),
        "SimpleRNN, spectral radius 0.8": simple_network(0.8),
        "GRU": GRU(UNITS),
    }
    flows = {
        name: gradient_flow(layer, inputs, lambda outputs: outputs**2)
        for name, layer in networks.items()
    }
    plot_gradient_flow(flows, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
