"""The textbook's recurrent networks in NumPy, and their gradients with every sum written out.

One sequence at a time: `x` is `(time, features)`, and vectors are columns, so a matrix stands on
the left. `params` of a recurrence are `(U, W, b)`, and `f` is the name of its activation.
"""

import numpy as np

# What an activation is, and its slope in terms of its value.
ACTIVATIONS = {
    "tanh": (np.tanh, lambda s: 1 - s**2),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda s: s * (1 - s)),
}


def softmax(a):
    return np.exp(a) / np.sum(np.exp(a))


def states_of(x, params, f):
    """s_t = f(U x_t + W s_{t-1} + b); row t is s_t, counted from 1; row 0 is s_0 = 0."""
    U, W, b = params
    states = [np.zeros(len(b))]
    for x_t in x:
        states.append(ACTIVATIONS[f][0](U @ x_t + W @ states[-1] + b))
    return np.array(states)


def factors(s, params, f, t, k):
    """ds_t/ds_k = prod_{j=k+1..t} diag(f'(a_j)) W, steps counted from 1."""
    product = np.eye(s.shape[1])
    for j in range(k + 1, t + 1):
        product = np.diag(ACTIVATIONS[f][1](s[j])) @ params[1] @ product
    return product


def term(x, s, seed, params, f, t, k):
    """(dE_t/ds_t ds_t/ds_k) d+s_k/d(U, W, b), and the same with d+s_k/dx_k; `seed` is dE_t/ds_t."""
    at_k = seed @ factors(s, params, f, t, k)
    local = ACTIVATIONS[f][1](s[k]) * at_k
    x_k = x[k - 1]
    return [np.outer(local, x_k), np.outer(local, s[k - 1]), local], params[0].T @ local


def sums_over_time(x, s, seeds, params, f):
    """dE/d(U, W, b) = sum_t sum_{k<=t} term, and dE/dx; row t - 1 of `seeds` is dE_t/ds_t."""
    gradients, dx = [np.zeros_like(p) for p in params], np.zeros_like(x)
    for t in range(1, len(x) + 1):
        for k in range(1, t + 1):
            parts, dx_k = term(x, s, seeds[t - 1], params, f, t, k)
            dx[k - 1] += dx_k
            gradients = [g + part for g, part in zip(gradients, parts, strict=True)]
    return gradients, dx


def classify(s, V, labels, steps):
    """o_t = softmax(V s_t), E = -sum_t log o_t[label_t] over the given steps, from 0.

    With e_t one at the label and zero elsewhere, returns the outputs, E,
    dE/dV = sum_t (o_t - e_t) s_t^T and dE_t/ds_t = V^T (o_t - e_t).
    """
    loss, dV, seeds, outputs = 0.0, np.zeros_like(V), np.zeros_like(s), []
    for t in steps:
        o = softmax(V @ s[t])
        outputs.append(o)
        loss -= np.log(o[labels[t]])
        difference = o - np.eye(len(V))[labels[t]]
        dV += np.outer(difference, s[t])
        seeds[t] = V.T @ difference
    return np.array(outputs), loss, dV, seeds


def network(x, labels, params, V, f, last_only):
    """A recurrence and an output at every step, or at the last; outputs, E and its gradients."""
    s = states_of(x, params, f)
    steps = [len(x) - 1] if last_only else range(len(x))
    outputs, loss, dV, seeds = classify(s[1:], V, labels, steps)
    gradients, _ = sums_over_time(x, s, seeds, params, f)
    return outputs, loss, [*gradients, dV]


def read_both_ways(x, level):
    """y_t = g(U [hf_t; hb_t] + c); hb_t reads x_t and hb_{t+1}. Returns y, hf and hb from s_0."""
    forward, backward, (U, c), f, g = level
    hf, hb = states_of(x, forward, f), states_of(x[::-1], backward, f)
    both = [np.concatenate([hf[t + 1], hb[len(x) - t]]) for t in range(len(x))]
    return np.array([ACTIVATIONS[g][0](U @ h + c) for h in both]), hf, hb


def gradients_both_ways(x, seeds, level):
    """The gradients of forward, backward and (U, c), and dE/dx, from the dE/dy_t in `seeds`."""
    forward, backward, (U, c), f, g = level
    y, hf, hb = read_both_ways(x, level)
    dU, dc = np.zeros_like(U), np.zeros_like(c)
    into_forward, into_backward = np.zeros_like(hf[1:]), np.zeros_like(hb[1:])
    for t in range(len(x)):
        local = ACTIVATIONS[g][1](y[t]) * seeds[t]
        dU += np.outer(local, np.concatenate([hf[t + 1], hb[len(x) - t]]))
        dc += local
        into_forward[t], into_backward[len(x) - 1 - t] = np.split(U.T @ local, 2)
    of_forward, dx = sums_over_time(x, hf, into_forward, forward, f)
    of_backward, dx_reversed = sums_over_time(x[::-1], hb, into_backward, backward, f)
    return [*of_forward, *of_backward, dU, dc], dx + dx_reversed[::-1]


def deep_network(x, labels, levels, V):
    """Level i reads the y_t of level i - 1; o_t = softmax(V y_t) on top. Outputs, E, gradients."""
    read = [x]
    for level in levels:
        read.append(read_both_ways(read[-1], level)[0])
    outputs, loss, dV, seeds = classify(read[-1], V, labels, range(len(x)))
    gradients = [dV]
    for level, below in zip(reversed(levels), reversed(read[:-1]), strict=True):
        of_level, seeds = gradients_both_ways(below, seeds, level)
        gradients = of_level + gradients
    return outputs, loss, gradients


def sgd(params, gradients, rate):
    """Theta <- theta - rate * dE/dtheta."""
    return [p - rate * g for p, g in zip(params, gradients, strict=True)]
