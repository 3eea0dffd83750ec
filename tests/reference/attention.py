"""NumPy oracles of attention, written query by query and memory step by memory step."""

import numpy as np


def additive_attention(query, values, query_kernel, memory_kernel, score_kernel, mask=None):
    """Return context and alignments of each query, `(batch, features)` and `(batch, time)`."""
    batch, time, features = values.shape
    contexts, alignments = np.zeros((batch, features)), np.zeros((batch, time))
    for row in range(batch):
        kept = [j for j in range(time) if mask is None or mask[row, j]]
        scores = {}
        for j in kept:
            hidden = np.tanh(query[row] @ query_kernel + values[row, j] @ memory_kernel)
            scores[j] = np.exp(hidden @ score_kernel[:, 0])
        for j in kept:
            alignments[row, j] = scores[j] / sum(scores.values())
            contexts[row] += alignments[row, j] * values[row, j]
    return contexts, alignments


def attention_step(
    x,
    states,
    cell_step,
    attend,
    attention_kernel,
    input_feeding,
    activation=np.tanh,
    output_attention=True,
):
    """One step of an attention cell.

    `cell_step` maps `(x, states)` to output and states, `attend` a query to context and alignments.
    Without an `attention_kernel`, what is attended is the context.
    """
    *cell_states, attended, _ = states
    seen = np.concatenate([x, attended], axis=-1) if input_feeding else x
    output, cell_states = cell_step(seen, cell_states)
    attended, alignments = attend(output)
    if attention_kernel is not None:
        both = np.concatenate([output, attended], axis=-1)
        attended = activation(both @ attention_kernel)
    return attended if output_attention else output, [*cell_states, attended, alignments]
