"""Truncated backpropagation through time, the textbook's sums written out in NumPy.

    dE/dW = sum over blocks, over t in the block, over k from the window's start to t, of
            dE_t/ds_t (prod_{j = k + 1 .. t} ds_j/ds_{j-1}) ds_k/dW

for the simple cell `s_t = tanh(x_t U + s_{t-1} W + b)`; all vectors are rows.
"""

import numpy as np


def windows(length, ahead, back):
    """Return `(t, start)` for every step t and the first step to which its gradient goes."""
    pairs = []
    for first in range(0, length, ahead):
        stop = min(first + ahead, length)
        pairs += [(t, max(stop - back, 0)) for t in range(first, stop)]
    return pairs


def truncated_gradients(x, s, kernel, recurrent_kernel, bias, d_outputs, ahead, back):
    """Return the gradients of x, of the initial state, and of the three weights."""
    states = [s]
    for t in range(x.shape[1]):
        states.append(np.tanh(x[:, t] @ kernel + states[-1] @ recurrent_kernel + bias))
    d_x, d_s = np.zeros_like(x), np.zeros_like(s)
    d_weights = [np.zeros_like(w) for w in (kernel, recurrent_kernel, bias)]
    for row in range(x.shape[0]):
        for t, start in windows(x.shape[1], ahead, back):
            for k in range(start, t + 1):
                d = d_outputs[row, t]
                for j in range(t, k, -1):  # ds_j/ds_{j-1} = diag(1 - s_j^2) W^T
                    d = (d * (1 - states[j + 1][row] ** 2)) @ recurrent_kernel.T
                d = d * (1 - states[k + 1][row] ** 2)
                d_x[row, k] += d @ kernel.T
                d_weights[0] += np.outer(x[row, k], d)
                d_weights[1] += np.outer(states[k][row], d)
                d_weights[2] += d
                if k == 0:
                    d_s[row] += d @ recurrent_kernel.T
    return [d_x, d_s, *d_weights]
