"""NumPy oracles of the further cells, written gate by gate from their papers.

As in `cells.py`, a step is a function of `(x, states)` and weights that returns `(output, states)`,
and `kept` is what multiplies a state where it meets a recurrent weight.
"""

import numpy as np
from reference.cells import sigmoid


def relu(x):
    return np.where(x > 0, x, 0.0)


def ind_rnn_step(x, states, kernel, recurrent, bias, kept=1.0):
    """Li et al., 2018: h_t = relu(W x_t + u * h_{t-1} + b)."""
    (h,) = states
    h = relu(x @ kernel + recurrent * (h * kept) + bias)
    return h, [h]


def mgu_step(x, states, kernel, recurrent_kernel, bias, kept=1.0):
    """Zhou et al., 2016: the forget gate f is the only one."""
    (h,) = states
    met = h * kept
    (w_f, w_h), (u_f, u_h) = np.split(kernel, 2, axis=1), np.split(recurrent_kernel, 2, axis=1)
    b_f, b_h = np.split(bias, 2)
    forget = sigmoid(x @ w_f + met @ u_f + b_f)
    candidate = np.tanh(x @ w_h + (forget * met) @ u_h + b_h)
    h = (1 - forget) * h + forget * candidate
    return h, [h]


def multiplicative_lstm_step(x, states, kernel, recurrent_kernel, bias, w_mx, w_mh, kept=1.0):
    """Krause et al., 2016: m_t = (W_mx x_t) * (W_mh h_{t-1}) stands for h_{t-1} in an LSTM."""
    h, c = states
    w_ix, w_fx, w_hx, w_ox = np.split(kernel, 4, axis=1)
    w_im, w_fm, w_hm, w_om = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_h, b_o = np.split(bias, 4)
    m = (x @ w_mx) * ((h * kept) @ w_mh)
    candidate = x @ w_hx + m @ w_hm + b_h
    input_gate = sigmoid(x @ w_ix + m @ w_im + b_i)
    output_gate = sigmoid(x @ w_ox + m @ w_om + b_o)
    forget_gate = sigmoid(x @ w_fx + m @ w_fm + b_f)
    c = forget_gate * c + input_gate * np.tanh(candidate)
    h = np.tanh(c) * output_gate
    return h, [h, c]


def projected_lstm_step(x, states, kernel, recurrent_kernel, bias, w_rm, kept=1.0):
    """Sak et al., 2014, without peepholes: r_t = W_rm m_t is what the gates read."""
    r, c = states
    met = r * kept
    w_ix, w_fx, w_cx, w_ox = np.split(kernel, 4, axis=1)
    w_ir, w_fr, w_cr, w_or = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    i = sigmoid(x @ w_ix + met @ w_ir + b_i)
    f = sigmoid(x @ w_fx + met @ w_fr + b_f)
    c = f * c + i * np.tanh(x @ w_cx + met @ w_cr + b_c)
    m = sigmoid(x @ w_ox + met @ w_or + b_o) * np.tanh(c)
    r = m @ w_rm
    return r, [r, c]


def slstm_step(x, states, kernel, recurrent_kernel, bias, forget_gate="sigmoid", kept=1.0):
    """Beck et al., 2024, without the stabiliser: the states are [h, c, n].

    Each head has a recurrent matrix of its own for each gate, which reads the head's part of h.
    """
    h, c, n = states
    met = h * kept
    w_i, w_f, w_z, w_o = np.split(kernel, 4, axis=1)
    b_i, b_f, b_z, b_o = np.split(bias, 4)
    size = recurrent_kernel.shape[1]
    read = np.zeros((4, *h.shape))
    for head, blocks in enumerate(recurrent_kernel):
        part = slice(head * size, (head + 1) * size)
        for gate, block in enumerate(np.split(blocks, 4, axis=1)):
            read[gate][:, part] = met[:, part] @ block
    r_i, r_f, r_z, r_o = read
    input_gate = np.exp(x @ w_i + r_i + b_i)
    pre_forget = x @ w_f + r_f + b_f
    forget = sigmoid(pre_forget) if forget_gate == "sigmoid" else np.exp(pre_forget)
    c = forget * c + input_gate * np.tanh(x @ w_z + r_z + b_z)
    n = forget * n + input_gate
    h = sigmoid(x @ w_o + r_o + b_o) * (c / n)
    return h, [h, c, n]


def sru_step(x, states, kernel, *weights, scale=3.0**0.5, skipped=None):
    """Lei et al., 2018; `weights` are v and b, or b alone: the first version has no v.

    `skipped` is what goes past the unit, if that is not the x that meets the kernel.
    """
    (c,) = states
    *v, bias = weights
    v_f, v_r = np.split(v[0], 2) if v else (0.0, 0.0)
    b_f, b_r = np.split(bias, 2)
    w_f, w_r, w, *w_x = np.split(kernel, kernel.shape[1] // c.shape[1], axis=1)
    forget = sigmoid(x @ w_f + v_f * c + b_f)
    reset = sigmoid(x @ w_r + v_r * c + b_r)
    c = forget * c + (1 - forget) * (x @ w)
    past = x @ w_x[0] if w_x else scale * (x if skipped is None else skipped)
    return reset * c + (1 - reset) * past, [c]


def ssru_step(x, states, kernel, bias):
    """Kim et al., 2019."""
    (c,) = states
    w_f, w = np.split(kernel, 2, axis=1)
    forget = sigmoid(x @ w_f + bias)
    c = forget * c + (1 - forget) * (x @ w)
    return relu(c), [c]


def min_gru_step(x, states, kernel, bias):
    """Feng et al., 2024, section 3.1."""
    (h,) = states
    (w_z, w_h), (b_z, b_h) = np.split(kernel, 2, axis=1), np.split(bias, 2)
    update = sigmoid(x @ w_z + b_z)
    h = (1 - update) * h + update * (x @ w_h + b_h)
    return h, [h]


def min_lstm_step(x, states, kernel, bias):
    """Feng et al., 2024, section 3.2: the two gates are scaled to a sum of one."""
    (h,) = states
    (w_f, w_i, w_h), (b_f, b_i, b_h) = np.split(kernel, 3, axis=1), np.split(bias, 3)
    forget, inp = sigmoid(x @ w_f + b_f), sigmoid(x @ w_i + b_i)
    total = forget + inp
    h = forget / total * h + inp / total * (x @ w_h + b_h)
    return h, [h]
