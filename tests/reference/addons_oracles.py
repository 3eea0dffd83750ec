"""NumPy oracles of the cells that TensorFlow Addons had, and of a layer-normalised GRU.

Each is written gate by gate from its paper. A step takes the weights by name, in a dictionary, a
bias that is not there being zero; `kept` is what multiplies the state where it meets a kernel.
"""

import numpy as np
from reference.cells import sigmoid


def named_weights(cell):
    """Return the values of a cell's weights by their paths within the cell."""
    return {
        weight.path.split(f"{cell.name}/")[-1]: np.array(weight.numpy(), "float64")
        for weight in cell.weights
    }


def normalized(a, weights, name, epsilon):
    """Layer normalisation, Ba et al. (2016), equations 3 and 4: one row at a time."""
    rows = []
    for row in np.reshape(a, (-1, a.shape[-1])):
        mean = sum(row) / len(row)
        variance = sum((entry - mean) ** 2 for entry in row) / len(row)
        rows.append((row - mean) / np.sqrt(variance + epsilon))
    gain, shift = weights.get(f"{name}/gamma", 1.0), weights.get(f"{name}/beta", 0.0)
    return np.reshape(rows, a.shape) * gain + shift


def layer_norm_lstm_step(x, states, weights, kept=1.0, epsilon=1e-3):
    """Ba et al. (2016), supplementary material: LSTM; but the carry passes on normalised."""
    h, c = states
    of_state = normalized(
        (h * kept) @ weights["recurrent_kernel"], weights, "recurrent_norm", epsilon
    )
    of_input = normalized(x @ weights["kernel"], weights, "kernel_norm", epsilon)
    z_i, z_f, z_g, z_o = np.split(of_state + of_input + weights.get("bias", 0.0), 4, axis=-1)
    c = sigmoid(z_f) * c + sigmoid(z_i) * np.tanh(z_g)
    c = normalized(c, weights, "state_norm", epsilon)
    h = sigmoid(z_o) * np.tanh(c)
    return h, [h, c]


def layer_norm_gru_step(x, states, weights, kept=1.0, epsilon=1e-3):
    """Ba et al. (2016), supplementary material: GRU; z is here what they call 1 - z."""
    (h,) = states
    size = h.shape[-1]
    of_input, of_state = x @ weights["kernel"], (h * kept) @ weights["recurrent_kernel"]
    bias = weights.get("bias", np.zeros(3 * size))
    gates = (
        normalized(of_state[:, : 2 * size], weights, "recurrent_gates_norm", epsilon)
        + normalized(of_input[:, : 2 * size], weights, "kernel_gates_norm", epsilon)
        + bias[: 2 * size]
    )
    z, r = sigmoid(gates[:, :size]), sigmoid(gates[:, size:])
    candidate = np.tanh(
        normalized(of_input[:, 2 * size :], weights, "kernel_candidate_norm", epsilon)
        + r * normalized(of_state[:, 2 * size :], weights, "recurrent_candidate_norm", epsilon)
        + bias[2 * size :]
    )
    h = z * h + (1 - z) * candidate
    return h, [h]


def layer_norm_simple_step(x, states, weights, kept=1.0, epsilon=1e-5):
    """Ba et al. (2016), equation 4."""
    (s,) = states
    a = x @ weights["kernel"] + (s * kept) @ weights["recurrent_kernel"]
    s = np.tanh(normalized(a, weights, "layernorm", epsilon) + weights.get("bias", 0.0))
    return s, [s]


def peephole_lstm_step(x, states, weights, kept=1.0):
    """Gers and Schmidhuber (2000), in the notation of Sak et al. (2014): diagonal peepholes."""
    h, c = states
    u_i, u_f, u_c, u_o = np.split(weights["kernel"], 4, axis=1)
    w_i, w_f, w_c, w_o = np.split(weights["recurrent_kernel"], 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(weights.get("bias", np.zeros(4 * h.shape[-1])), 4)
    p_i, p_f, p_o = (
        np.diag(weights[f"{gate}_gate_peephole_weights"]) for gate in ("input", "forget", "output")
    )
    met = h * kept
    i = sigmoid(x @ u_i + met @ w_i + c @ p_i + b_i)
    f = sigmoid(x @ u_f + met @ w_f + c @ p_f + b_f)
    c = f * c + i * np.tanh(x @ u_c + met @ w_c + b_c)
    o = sigmoid(x @ u_o + met @ w_o + c @ p_o + b_o)
    h = o * np.tanh(c)
    return h, [h, c]


def nas_step(x, states, weights):
    """Zoph and Le (2017), the cell found on Penn Treebank: a tree of three layers over 8 leaves."""
    c, m = states
    leaves = zip(
        np.split(x @ weights["kernel"], 8, axis=-1),
        np.split(m @ weights["recurrent_kernel"] + weights.get("bias", 0.0), 8, axis=-1),
        (np.add, np.add, np.add, np.multiply, np.add, np.add, np.add, np.add),
        (sigmoid, relu, sigmoid, relu, np.tanh, sigmoid, np.tanh, sigmoid),
        strict=True,
    )
    first = [activation(joined(of_x, of_m)) for of_x, of_m, joined, activation in leaves]
    second = [
        np.tanh(first[0] * first[1]),
        np.tanh(first[2] + first[3]),
        np.tanh(first[4] * first[5]),
        sigmoid(first[6] + first[7]),
    ]
    second[0] = np.tanh(second[0] + c)
    c = second[0] * second[1]
    m = np.tanh(c * np.tanh(second[2] + second[3]))
    if "projection_weights" in weights:
        m = m @ weights["projection_weights"]
    return m, [c, m]


def relu(a):
    return np.maximum(a, 0)


def esn_step(x, states, weights, leaky=1.0):
    """Jaeger (2001): the update of the reservoir, with leaky integration."""
    (h,) = states
    rows = np.concatenate([x, h], axis=-1)
    into = np.concatenate([weights["kernel"], weights["recurrent_kernel"]], axis=0)
    new = np.tanh(rows @ into + weights.get("bias", 0.0))
    h = h + leaky * (new - h)
    return h, [h]
