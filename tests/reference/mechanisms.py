"""NumPy oracles of the attention mechanisms, query by query and memory step by memory step.

A mechanism is a function `(query, values, weights, mask, before)` that returns contexts and
alignments, `(batch, context_size)` and `(batch, time)`. `weights` are arrays by name, `before` are
the alignments, or the sum of alignments, that it remembers.
"""

import numpy as np
from reference.cells import sigmoid


def softmax(row, scores, time):
    """Bahdanau et al., 2015, equation 6: `scores` maps the steps that count to numbers."""
    total = sum(np.exp(score) for score in scores.values())
    return {j: np.exp(score) / total for j, score in scores.items()}


def one_at_the_largest(row, scores, time):
    largest = max(scores.values(), default=None)
    first = next((j for j, score in scores.items() if score == largest), None)
    return {j: float(j == first) for j in scores}


def attend(values, score, probability, mask=None):
    """Score each step that counts by `score(row, j)`, and average the memory."""
    batch, time, features = values.shape
    contexts, alignments = np.zeros((batch, features)), np.zeros((batch, time))
    for row in range(batch):
        kept = [j for j in range(time) if mask is None or mask[row, j]]
        scores = {j: score(row, j) for j in kept}
        for j, weight in probability(row, scores, time).items():
            alignments[row, j] = weight
            contexts[row] += weight * values[row, j]
    return contexts, alignments


def bahdanau_score(query, values, weights, beside=None):
    """v . tanh(q W + m M), and by Salimans and Kingma g v / ||v|| . tanh(q W + m M + b)."""
    v, bias = weights["score_kernel"][:, 0], 0.0
    if "bias" in weights:
        bias = weights["bias"]
        v = weights["score_scale"] * v / np.sqrt(sum(entry * entry for entry in v))

    def score(row, j):
        hidden = query[row] @ weights["query_kernel"] + values[row, j] @ weights["memory_kernel"]
        if beside is not None:
            hidden = hidden + beside(row, j)
        return v @ np.tanh(hidden + bias)

    return score


def luong_score(query, values, weights):
    """Luong et al., 2015, equation 8: dot or general, here also scaled."""

    def score(row, j):
        key = values[row, j]
        if "memory_kernel" in weights:
            key = key @ weights["memory_kernel"]
        product = sum(q * k for q, k in zip(query[row], key, strict=True))
        return product * weights.get("score_scale", 1.0)

    return score


def bahdanau(query, values, weights, mask=None, before=None, probability=softmax):
    return attend(values, bahdanau_score(query, values, weights), probability, mask)


def luong(query, values, weights, mask=None, before=None, probability=softmax):
    return attend(values, luong_score(query, values, weights), probability, mask)


def location_aware(query, values, weights, mask=None, before=None, probability=softmax):
    """Chorowski et al., 2015, equations 8 and 9: filters laid over what was looked at before."""
    filters = weights["location_filters"][:, 0]

    def beside(row, j):
        features = np.zeros(filters.shape[1])
        for k, entry in enumerate(filters):
            at = j - (len(filters) - 1) // 2 + k
            if 0 <= at < values.shape[1]:
                features += before[row, at] * entry
        return features @ weights["location_kernel"]

    return attend(values, bahdanau_score(query, values, weights, beside), probability, mask)


def coverage(query, values, weights, mask=None, before=None):
    """See et al., 2017, equation 11."""

    def beside(row, j):
        return before[row, j] * weights["coverage_kernel"][0]

    return attend(values, bahdanau_score(query, values, weights, beside), softmax, mask)


def expected_stops(choose, before):
    """Raffel et al., 2017, equation 7: it stopped at k, then passed all of k .. j - 1, not j."""
    stops = np.zeros(len(choose))
    for k, start in enumerate(before):
        arrived = start
        for j in range(k, len(choose)):
            stops[j] += choose[j] * arrived
            arrived *= 1 - choose[j]
    return stops


def hard_stop(choose, before):
    """Raffel et al., 2017, algorithm 1: go on from where it stopped, stop at the next chosen."""
    stops = np.zeros(len(choose))
    for j in range(int(np.argmax(before)), len(choose)):
        if np.any(before) and choose[j]:
            stops[j] = 1
            break
    return stops


def monotonic(before, bias, is_hard):
    """Monotonic alignments as a `probability` of `attend`: padding is passed."""

    def probability(row, scores, time):
        choose = np.zeros(time)
        for j, one in scores.items():
            choose[j] = one + bias > 0 if is_hard else sigmoid(one + bias)
        stops = (hard_stop if is_hard else expected_stops)(choose, before[row])
        return dict(enumerate(stops))

    return probability


def bahdanau_monotonic(query, values, weights, mask=None, before=None, is_hard=False):
    score = bahdanau_score(query, values, weights)
    return attend(values, score, monotonic(before, weights["score_bias"], is_hard), mask)


def luong_monotonic(query, values, weights, mask=None, before=None, is_hard=False):
    score = luong_score(query, values, weights)
    return attend(values, score, monotonic(before, weights["score_bias"], is_hard), mask)


def multi_head(query, values, weights, mask=None, before=None, heads=1):
    """Vaswani et al., 2017, section 3.2: each head has columns of its own; the mean alignments."""
    size = weights["query_kernel"].shape[1] // heads
    contexts, alignments = [], []
    for head in range(heads):
        columns = slice(head * size, (head + 1) * size)
        of_query, of_key, of_value = (
            weights[f"{name}_kernel"][:, columns] for name in ("query", "memory", "value")
        )

        def score(row, j, of_query=of_query, of_key=of_key):
            return (query[row] @ of_query) @ (values[row, j] @ of_key) / np.sqrt(size)

        context, aligned = attend(values @ of_value, score, softmax, mask)
        contexts.append(context)
        alignments.append(aligned)
    return np.concatenate(contexts, axis=1), sum(alignments) / heads


def gnmt_step(x, states, cells, attend, use_new_attention, residual):
    """Wu et al., 2016, section 3, as tensorflow/nmt has it; `cells` and `attend` are bound."""
    of_cells, context, _ = states
    output, after = cells[0](np.concatenate([x, context], axis=1), of_cells[0])
    new_context, alignments = attend(output)
    read, next_states = new_context if use_new_attention else context, [after]
    for index in range(1, len(cells)):
        below = output
        output, after = cells[index](np.concatenate([below, read], axis=1), of_cells[index])
        if residual and index >= 2:
            output = output + below
        next_states.append(after)
    return output, [next_states, new_context, alignments]
