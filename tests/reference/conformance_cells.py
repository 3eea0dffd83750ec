"""Cells of the conformance suite that are not in the library, and oracles for its table."""

import keras
import numpy as np
from keras import ops
from reference.attention import additive_attention, attention_step
from reference.cells import lstm_step, sigmoid, simple_step
from reference.further_oracles import slstm_step
from reference.mechanisms import gnmt_step
from reference.wrapper_oracles import (
    conditional_step,
    deep_transition_step,
    expected_zoneout_step,
    highway_step,
)

from keras_rnn import (
    AttentionCell,
    BahdanauAttention,
    ConditionalGRUCell,
    DeepTransitionCell,
    GNMTCell,
    Memory,
)
from keras_rnn.cells import CellWrapper, contract
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
        attention = self.cell.attention
        memory = attention.memory(values) if attention.built else Memory(values, values, None)
        return contract.initial_state(self.cell, batch_size, memory=memory)


# What wraps cells wraps simple ones, the smallest that show its faults; to learn, it wraps GRUs.
def transitions_of(cell):
    return lambda units: DeepTransitionCell([cell(units), cell(units)])


def attention_of(cell):
    return lambda units: WithMemory(AttentionCell(cell(units), BahdanauAttention(2), units))


def conditional_of(cell):
    return lambda units: WithMemory(
        ConditionalGRUCell(cell(units), BahdanauAttention(2), cell(units))
    )


def gnmt_of(cell):
    return lambda units: WithMemory(
        GNMTCell([cell(units) for _ in range(3)], BahdanauAttention(2), residual=True)
    )


def by_weights(step, **options):
    """Return an oracle `(x, states, *weights)` as a reference `(inputs, states, weights)`."""
    return lambda inputs, states, weights: step(inputs, states, *weights, **options)


def by_names(step, *names, **options):
    """Return an oracle `(x, states, weights by name)` as a reference."""
    return lambda inputs, states, weights: step(
        inputs, states, dict(zip(names, weights, strict=True)), **options
    )


def stabilised_slstm_step(inputs, states, weights, forget_gate="sigmoid"):
    """Beck et al. (2024), equation 15: all but m is what it is without m, divided by exp(m)."""
    h, c, n, m = states
    kernel, recurrent_kernel, bias = weights
    parts = zip(np.split(h, len(recurrent_kernel), axis=1), recurrent_kernel, strict=True)
    by_head = [np.split(part @ block, 4, axis=1) for part, block in parts]
    of_h = np.concatenate([of_head[gate] for gate in range(4) for of_head in by_head], axis=1)
    log_i, z_f, _, _ = np.split(inputs @ kernel + of_h + bias, 4, axis=1)
    log_f = z_f if forget_gate == "exponential" else np.log(sigmoid(z_f))
    states = [h, c * np.exp(m), n * np.exp(m)]
    output, (h, c, n) = slstm_step(inputs, states, *weights, forget_gate=forget_gate)
    m = np.maximum(log_f + m, log_i)
    return output, [h, c * np.exp(-m), n * np.exp(-m), m]


def zoneout_lstm_step(inputs, states, weights, rates):
    """The expectation that stands for zoneout at inference."""
    return expected_zoneout_step(
        lambda x, states: lstm_step(x, states, *weights), inputs, states, rates
    )


def residual_step(inputs, states, weights):
    """A simple cell, and its input past it."""
    output, states = simple_step(inputs, states, *weights)
    return output + inputs, states


def highway_simple_step(inputs, states, weights):
    """A simple cell, its input past it, and a gate between the two."""
    transform_kernel, transform_bias, *others = weights
    return highway_step(
        lambda x, states: simple_step(x, states, *others),
        inputs,
        states,
        transform_kernel,
        transform_bias,
    )


def two_transitions_step(inputs, states, weights):
    """A simple cell that reads the input, then one that reads nothing."""
    nothing = np.zeros((len(inputs), 1))
    return deep_transition_step(
        lambda x, states: simple_step(x, states, *weights[:3]),
        [lambda states: simple_step(nothing, states, *weights[3:])],
        inputs,
        states,
    )


def stack_step(inputs, states, weights):
    """A simple cell below an LSTM."""
    below, simple_states = simple_step(inputs, states[0], *weights[:3])
    output, lstm_states = lstm_step(below, states[1], *weights[3:])
    return output, [simple_states, lstm_states]


def attention_simple_step(inputs, states, weights):
    """A simple cell with input feeding and additive attention over a memory."""
    values, attention_kernel, *others = weights
    (h,), attended, alignments = states
    memory = np.broadcast_to(values, (len(inputs), *values.shape))

    def step(x, states):
        return simple_step(x, states, *others[:3])

    def attend(query):
        return additive_attention(query, memory, *others[3:])

    flat = [h, attended, alignments]
    output, (h, *rest) = attention_step(inputs, flat, step, attend, attention_kernel, True)
    return output, [[h], *rest]


def conditional_simple_step(inputs, states, weights):
    """Two simple cells, and additive attention over a memory between them."""
    values, *others = weights
    memory = np.broadcast_to(values, (len(inputs), *values.shape))
    output, after, _, alignments = conditional_step(
        lambda x, states: simple_step(x, states, *others[:3]),
        lambda query: additive_attention(query, memory, *others[6:]),
        lambda x, states: simple_step(x, states, *others[3:6]),
        inputs,
        states[0],
    )
    return output, [after, alignments]


def gnmt_simple_step(inputs, states, weights):
    """Three simple cells, attention in the lowest; the topmost adds what is below it."""
    values, *others = weights
    memory = np.broadcast_to(values, (len(inputs), *values.shape))
    cells = [
        lambda x, states, of_cell=others[start : start + 3]: simple_step(x, states, *of_cell)
        for start in (0, 6, 9)
    ]
    return gnmt_step(
        inputs,
        states,
        cells,
        lambda query: additive_attention(query, memory, *others[3:6]),
        use_new_attention=True,
        residual=True,
    )
