"""Decoding by a model of torch_translator.py in loops of Python, for decoding.py."""

from typing import Any

import torch
from torch_translator import TorchTranslator

from seq2seq.config import Config
from seq2seq.marks import BEGIN, END, PAD, UNKNOWN

MARKS = [PAD, UNKNOWN, BEGIN]


def with_weights_of(model: Any, config: Config) -> TorchTranslator:
    """Return the same model in PyTorch.

    Args:
        model: What `build_model(config)` returned.
        config: The configuration.
    """
    torch.set_num_threads(2)
    copy = TorchTranslator(config).eval()

    def put(parameter: torch.Tensor, value: Any) -> None:
        parameter.data = torch.tensor(value.numpy() if hasattr(value, "numpy") else value)

    put(copy.embedding.weight, model.encoder.embedding.embeddings)
    for layer, ours in zip(copy.encoder, model.encoder.layers.layers, strict=True):
        for suffix, direction in (("", ours.forward_layer), ("_reverse", ours.backward_layer)):
            put_gru(layer, f"_l0{suffix}", direction.cell)
    put(copy.bridge.weight, model.bridge.dense[0].kernel.numpy().T)
    put(copy.bridge.bias, model.bridge.dense[0].bias)
    cell = model.decoder.cell
    put(copy.keys.weight, cell.attention.memory_kernel.numpy().T)
    put(copy.query.weight, cell.attention.query_kernel.numpy().T)
    put(copy.score.weight, cell.attention.score_kernel.numpy().T)
    put_gru(copy.cell, "", cell.cell)
    put(copy.merge.weight, cell.attention_kernel.numpy().T)
    put(copy.bias, model.decoder.output_layer.bias)
    return copy


def put_gru(layer: torch.nn.Module, suffix: str, cell: Any) -> None:
    """Give a GRU of PyTorch, whose gates are r, z, n, the weights of one of Keras: z, r, n."""
    units = cell.units
    order = [*range(units, 2 * units), *range(units), *range(2 * units, 3 * units)]
    bias = cell.bias.numpy()[:, order]
    values = {
        "weight_ih": cell.kernel.numpy().T[order],
        "weight_hh": cell.recurrent_kernel.numpy().T[order],
        "bias_ih": bias[0],
        "bias_hh": bias[1],
    }
    for name, value in values.items():
        getattr(layer, name + suffix).data = torch.tensor(value)


def log_probabilities(model: TorchTranslator, attended: torch.Tensor) -> torch.Tensor:
    """Return them, with the marks impossible."""
    logits = model.logits(attended)
    logits[:, MARKS] = -1e9
    return torch.log_softmax(logits, dim=-1)


@torch.inference_mode()
def greedy(model: TorchTranslator, source: torch.Tensor, steps: int) -> torch.Tensor:
    """Return the likeliest token at every step, `(batch, time)`."""
    h, memory = model.encode(source)
    states, last = model.start(h), torch.full((len(source),), BEGIN)
    ended, tokens = torch.zeros(len(source), dtype=torch.bool), []
    for _ in range(steps):
        states = model.step(model.embedded(last), states, memory)
        last = log_probabilities(model, states[1]).argmax(dim=-1)
        last = torch.where(ended, PAD, last)
        ended |= last == END
        tokens.append(last)
        if ended.all():
            break
    return torch.stack(tokens, dim=1)


@torch.inference_mode()
def beam(
    model: TorchTranslator, source: torch.Tensor, steps: int, width: int, weight: float
) -> torch.Tensor:
    """Return the best hypothesis of a beam search with length penalty, `(batch, time)`."""
    batch = len(source)
    h, memory = model.encode(source)
    h, *memory = (tensor.repeat_interleave(width, 0) for tensor in (h, *memory))
    states, last = model.start(h), torch.full((batch * width,), BEGIN)
    totals = torch.tensor([0.0] + [-1e9] * (width - 1)).repeat(batch, 1)
    lengths = torch.zeros(batch, width, dtype=torch.int64)
    ended = torch.zeros(batch, width, dtype=torch.bool)
    tokens = torch.zeros(batch, width, 0, dtype=torch.int64)
    first_rows = torch.arange(batch)[:, None] * width
    for _ in range(steps):
        states = model.step(model.embedded(last), states, tuple(memory))
        step = log_probabilities(model, states[1]).view(batch, width, -1)
        only_padding = torch.full((step.shape[-1],), -1e9)
        only_padding[PAD] = 0
        step = torch.where(ended[..., None], only_padding, step)
        sums = totals[..., None] + step
        lengths = lengths + ~ended
        scores = sums / ((5 + lengths[..., None]) / 6) ** weight
        _, chosen = scores.view(batch, -1).topk(width)
        parents, words = chosen // step.shape[-1], chosen % step.shape[-1]
        rows = (first_rows + parents).flatten()
        states = tuple(state[rows] for state in states)
        totals = sums.view(batch, -1).gather(1, chosen)
        lengths, ended = lengths.gather(1, parents), ended.gather(1, parents)
        tokens = torch.cat([tokens.view(batch * width, -1)[rows], words.view(-1, 1)], dim=1)
        ended |= words == END
        last = words.flatten()
        if ended.all():
            break
    return tokens.view(batch, width, -1)[:, 0]
