"""Cells of the conformance suite that are not in the library, and oracles for its table."""

import keras
import numpy as np
from keras import ops
from reference.attention import additive_attention, attention_step
from reference.cells import gru_step, lstm_step

from keras_rnn import Memory
from keras_rnn.cells import CellWrapper, contract
from keras_rnn.cells.noise import draw_kept
from keras_rnn.cells.wrapper import NO_NOISE

MEMORY_SHAPE = (4, 2)  # Steps and features.


@keras.saving.register_keras_serializable(package="conformance")
class WithMemory(CellWrapper):
    """A cell that looks at a memory, which is here a weight: so it stands where any cell can."""

    @property
    def state_size(self):
        return [MEMORY_SHAPE[0] if size is None else size for size in self.cell.state_size]

    def build(self, input_shape):
        self.values = self.add_weight(MEMORY_SHAPE, name="values")
        if not self.cell.built:  # A cell that was saved comes built.
            self.cell.build(input_shape, memory_shape=(None, *MEMORY_SHAPE))

    def step(self, projected, states, training=False, noise=NO_NOISE):
        batch = ops.shape(states[-1])[0]
        values = ops.broadcast_to(self.values, (batch, *MEMORY_SHAPE))
        memory = self.cell.attention.memory(values)
        return super().step(projected, states, training, noise, memory=memory)

    def get_initial_state(self, batch_size=None):
        values = ops.zeros((batch_size, *MEMORY_SHAPE), self.compute_dtype)
        return contract.initial_state(self.cell, batch_size, memory=Memory(values, values, None))


@keras.saving.register_keras_serializable(package="conformance")
class HoldsCell(CellWrapper):
    """A cell whose first state stays as it was where a mask says so: another at each step."""

    def __init__(self, cell, rate=0.5, seed=None, **kwargs):
        super().__init__(cell, **kwargs)
        self.rate, self.seed = rate, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw_own_noise(self, batch_size, features, length):
        return draw_kept(batch_size, length, self.output_size, self.rate, self.seed_generator)

    def step(self, projected, states, training=False, noise=NO_NOISE):
        output, after = super().step(projected, states, training, noise)
        if noise.own is not None:
            after = [ops.where(noise.own.values, after[0], states[0]), *after[1:]]
        return output, after

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def by_weights(step, **options):
    """Return an oracle `(x, states, *weights)` as a reference `(inputs, states, weights)`."""
    return lambda inputs, states, weights: step(inputs, states, *weights, **options)


def stack_step(inputs, states, weights):
    """A GRU below an LSTM."""
    below, gru_states = gru_step(inputs, states[0], *weights[:3])
    output, lstm_states = lstm_step(below, states[1], *weights[3:])
    return output, [gru_states, lstm_states]


def attention_gru_step(inputs, states, weights):
    """A GRU with input feeding and additive attention over a memory."""
    values, attention_kernel, *others = weights
    (h,), attended, alignments = states
    memory = np.broadcast_to(values, (len(inputs), *values.shape))

    def step(x, states):
        return gru_step(x, states, *others[:3])

    def attend(query):
        return additive_attention(query, memory, *others[3:])

    flat = [h, attended, alignments]
    output, (h, *rest) = attention_step(inputs, flat, step, attend, attention_kernel, True)
    return output, [[h], *rest]
