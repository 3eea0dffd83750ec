"""NumPy oracles of the cells and of the loop over time, written gate by gate from the papers.

A step is a function `(x, states) -> (output, states)` with `x` of shape `(batch, features)`. Where
a cell has dropout, `kept` is what multiplies the state where it meets a recurrent kernel, and
`written` what multiplies the candidate.
"""

import functools

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_step(x, states, kernel, recurrent_kernel, bias, activation=np.tanh, kept=1.0):
    (s,) = states
    s = activation(x @ kernel + (s * kept) @ recurrent_kernel + bias)
    return s, [s]


def lstm_step(x, states, kernel, recurrent_kernel, bias, kept=1.0, written=1.0):
    h, c = states
    met = h * kept
    w_i, w_f, w_g, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_g, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_g, b_o = np.split(bias, 4)
    input_gate = sigmoid(x @ w_i + met @ u_i + b_i)
    forget_gate = sigmoid(x @ w_f + met @ u_f + b_f)
    candidate = np.tanh(x @ w_g + met @ u_g + b_g)
    output_gate = sigmoid(x @ w_o + met @ u_o + b_o)
    c = forget_gate * c + input_gate * (candidate * written)
    h = output_gate * np.tanh(c)
    return h, [h, c]


def gru_step(x, states, kernel, recurrent_kernel, bias, reset_after=True, kept=1.0, written=1.0):
    (h,) = states
    met = h * kept
    w_z, w_r, w_g = np.split(kernel, 3, axis=1)
    u_z, u_r, u_g = np.split(recurrent_kernel, 3, axis=1)
    of_input, of_state = bias if reset_after else (bias, np.zeros_like(bias))
    b_z, b_r, b_g = np.split(of_input, 3)
    d_z, d_r, d_g = np.split(of_state, 3)
    update = sigmoid(x @ w_z + b_z + met @ u_z + d_z)
    reset = sigmoid(x @ w_r + b_r + met @ u_r + d_r)
    if reset_after:
        candidate = np.tanh(x @ w_g + b_g + reset * (met @ u_g + d_g))
    else:
        candidate = np.tanh(x @ w_g + b_g + (reset * met) @ u_g)
    h = update * h + (1 - update) * (candidate * written)
    return h, [h]


def with_weights(step, weights, **options):
    """Return `step` as a function of `(x, states)` alone."""

    def bound(x, states):
        return step(x, states, *weights, **options)

    return functools.wraps(step)(bound)


def run(step, x, states, mask=None, reverse=False, zero_output=False, size=None):
    """Loop over rows and, in each row, over time; skip the steps that the mask leaves out.

    Returns the outputs in the order in which they were computed, the last output, and the states.
    """
    batch, time = x.shape[:2]
    size = states[0].shape[-1] if size is None else size
    outputs = np.zeros((batch, time, size))
    last_output = np.zeros((batch, size))
    last_states = [np.array(state, dtype="float64") for state in states]
    for row in range(batch):
        mine = [state[row : row + 1] for state in last_states]
        output = np.zeros((1, size))
        for position, t in enumerate(reversed(range(time)) if reverse else range(time)):
            valid = mask is None or mask[row, t]
            if valid:
                output, mine = step(x[row : row + 1, t], mine)
            elif zero_output:
                output = np.zeros((1, size))
            outputs[row, position] = output[0]
        last_output[row] = output[0]
        for state, new in zip(last_states, mine, strict=True):
            state[row] = new[0]
    return outputs, last_output, last_states


def bidirectional(forward, backward, x, state_sizes, mask=None):
    """Return `[hf_t; hb_t]` at each position t, zeros where the mask is false; and the states."""
    zeros = [np.zeros((x.shape[0], size)) for size in state_sizes]
    read, _, forward_states = run(forward, x, zeros, mask, zero_output=True)
    back, _, backward_states = run(backward, x, zeros, mask, reverse=True, zero_output=True)
    merged = np.zeros((*x.shape[:2], 2 * state_sizes[0]))
    for t in range(x.shape[1]):
        merged[:, t] = np.concatenate([read[:, t], back[:, x.shape[1] - 1 - t]], axis=-1)
    return merged, forward_states + backward_states


def deep_bidirectional(pairs, x, state_sizes, mask=None, residual=False):
    """Stack bidirectional layers, each a pair of steps; every layer gets the mask."""
    output, all_states = x, []
    for index, (forward, backward) in enumerate(pairs):
        merged, states = bidirectional(forward, backward, output, state_sizes, mask)
        output = merged + output if residual and index > 0 else merged
        all_states += states
    return output, all_states
