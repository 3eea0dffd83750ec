"""A NumPy oracle of the translation model: encoder, bridge, attention decoder, output layer."""

import numpy as np
from reference.attention import additive_attention, attention_step
from reference.cells import deep_bidirectional, gru_step, lstm_step, simple_step, with_weights

CELL_STEPS = {"simple_rnn": simple_step, "gru": gru_step, "lstm": lstm_step}
STATES_PER_CELL = {"simple_rnn": 1, "gru": 1, "lstm": 2}


def translation_logits(model, config, source, target_in):
    """Return what `model`, built by `build_model(config)`, must answer; dropout left out."""
    kind, mask = config.model.cell, source != 0
    scale = config.model.embedding_size**0.5 if config.model.scale_embeddings else 1.0
    embedded = scale * weights(model.encoder.embedding)[0][source]
    values, last = _encode(model.encoder, kind, embedded, mask, config.model.residual)
    if config.model.attend_embeddings:
        values = np.concatenate([values, embedded * mask[..., None]], axis=-1)
    cells = _decoder_cells(model.decoder.cell.cell, kind)
    sizes = [config.model.decoder_units] * (len(cells) * STATES_PER_CELL[kind])
    states = _bridge(model, config.model.bridge, last, sizes)
    attention_kernel = model.decoder.cell.attention_kernel.numpy()
    attended = np.zeros((len(source), attention_kernel.shape[1]))
    states = [*states, attended, np.zeros(mask.shape)]
    kernels = weights(model.decoder.cell.attention)
    logits = []
    for t in range(target_in.shape[1]):
        attended, states = attention_step(
            scale * weights(model.decoder.embedding)[0][target_in[:, t]],
            states,
            _stacked(cells, STATES_PER_CELL[kind]),
            lambda query: additive_attention(query, values, *kernels, mask=mask),
            attention_kernel,
            config.model.input_feeding,
        )
        logits.append(output_logits(model.decoder, attended, config.model))
    return np.stack(logits, axis=1)


def weights(layer):
    return [np.asarray(weight, dtype="float64") for weight in layer.get_weights()]


def _encode(encoder, kind, embedded, mask, residual):
    pairs = [
        [
            with_weights(CELL_STEPS[kind], weights(direction.cell))
            for direction in (layer.forward_layer, layer.backward_layer)
        ]
        for layer in encoder.layers.layers
    ]
    units = encoder.layers.layers[0].forward_layer.cell.units
    return deep_bidirectional(pairs, embedded, [units] * STATES_PER_CELL[kind], mask, residual)


def _decoder_cells(cell, kind):
    cells = getattr(cell, "cells", [cell])
    return [with_weights(CELL_STEPS[kind], weights(one)) for one in cells]


def _stacked(cells, states_per_cell):
    def step(x, states):
        next_states = []
        for index, cell in enumerate(cells):
            mine = states[index * states_per_cell : (index + 1) * states_per_cell]
            x, mine = cell(x, mine)
            next_states += mine
        return x, next_states

    return step


def _bridge(model, kind, last, sizes):
    """Return the decoder's first states; `last` is layer by layer, forward before backward."""
    if kind == "zero":
        return [np.zeros((len(last[0]), size)) for size in sizes]
    if kind == "dense":
        joined = np.concatenate(last, axis=-1)
        kernels = [weights(layer) for layer in model.bridge.dense]
        return [np.tanh(joined @ kernel + bias) for kernel, bias in kernels]
    half = len(last) // len(model.encoder.layers.layers) // 2
    both = []
    for layer in range(0, len(last), 2 * half):
        for state in range(half):
            pair = last[layer + state], last[layer + half + state]
            both.append(np.concatenate(pair, axis=-1))
    return both[-len(sizes) :]


def output_logits(decoder, attended, model):
    """Return the logits of what the decoder read out; `model` is the section of the config."""
    layer = decoder.output_layer
    kernel = weights(decoder.embedding)[0].T if model.tie_embeddings else layer.kernel.numpy()
    bias = layer.bias.numpy()
    if not model.normalize_output:
        return attended @ kernel + bias
    lengths = np.linalg.norm(attended, axis=-1)[:, None] * np.linalg.norm(kernel, axis=0)
    return layer.scale.numpy() * (attended @ kernel) / lengths + bias
