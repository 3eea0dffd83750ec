"""NumPy oracles of cells around cells, written from the papers, given what was drawn.

A step is a function `(x, states) -> (output, states)`, as in `cells.py`. A mask `kept` is true
where an entry is kept, as a call draws it.
"""

import numpy as np
from reference.cells import sigmoid


def dropped(values, kept, rate):
    """Srivastava et al.: zeros, and what is left scaled so that its expectation stays."""
    result = np.zeros_like(values)
    result[kept] = values[kept] / (1 - rate)
    return result


def dropout_step(step, x, states, kept, rates):
    """Drop entries of the input, of the output, and of the first state."""
    kept_inputs, kept_output, kept_h = kept
    input_rate, output_rate, state_rate = rates
    states = [dropped(states[0], kept_h, state_rate), *states[1:]]
    output, states = step(dropped(x, kept_inputs, input_rate), states)
    return dropped(output, kept_output, output_rate), states


def zoneout_step(step, x, states, taken):
    """Krueger et al.: each unit is the new one where `taken`, and otherwise the one before."""
    _, new = step(x, states)
    states = [np.array(before) for before in states]
    for state, after, mask in zip(states, new, taken, strict=True):
        for unit in np.argwhere(mask):
            state[tuple(unit)] = after[tuple(unit)]
    return states[0], states


def expected_zoneout_step(step, x, states, rates):
    """Krueger et al. at inference: the expectation over the masks."""
    _, new = step(x, states)
    states = [r * o + (1 - r) * n for n, o, r in zip(new, states, rates, strict=True)]
    return states[0], states


def highway_step(step, x, states, transform_kernel, transform_bias):
    """Srivastava et al.: y = H(x) T(x) + x (1 - T(x))."""
    output, states = step(x, states)
    transform = sigmoid(x @ transform_kernel + transform_bias)
    return output * transform + x * (1 - transform), states


def deep_transition_step(first, others, x, states):
    """Miceli Barone et al.: the first reads the input, the others a state and nothing else.

    `others` are functions of the states alone.
    """
    output, states = first(x, states)
    for transition in others:
        output, states = transition(states)
    return output, states


def conditional_step(first, attention, second, x, states):
    """Sennrich et al.: s' = GRU1(y, s), c = ATT(s'), s = GRU2(c, s'); also c and the alignments."""
    between, between_states = first(x, states)
    context, alignments = attention(between)
    output, states = second(context, between_states)
    return output, states, context, alignments
