"""The translation model of translator.toml in PyTorch, for translator.py and decoding.py."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from seq2seq.config import Config

Memory = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class TorchTranslator(nn.Module):
    """Two bidirectional GRU layers, a GRU decoder with additive attention, tied embeddings."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        model = config.model
        words, size, units = config.data.vocabulary_size, model.embedding_size, model.encoder_units
        self.embedding = nn.Embedding(words, size)
        self.encoder = nn.ModuleList(
            nn.GRU(width, units, batch_first=True, bidirectional=True)
            for width in (size, *[2 * units] * (model.encoder_layers - 1))
        )
        self.bridge = nn.Linear(2 * units * model.encoder_layers, model.decoder_units)
        self.keys = nn.Linear(2 * units, model.attention_units, bias=False)
        self.query = nn.Linear(model.decoder_units, model.attention_units, bias=False)
        self.score = nn.Linear(model.attention_units, 1, bias=False)
        self.cell = nn.GRUCell(2 * size, model.decoder_units)
        self.merge = nn.Linear(model.decoder_units + 2 * units, size, bias=False)
        self.drop = nn.Dropout(model.dropout)
        self.bias = nn.Parameter(torch.zeros(words))

    def embedded(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the embedding of tokens, as long as the model has it."""
        return self.embedding(tokens) * self.embedding.embedding_dim**0.5

    def encode(self, source: torch.Tensor) -> tuple[torch.Tensor, Memory]:
        """Return the decoder's first state and what it looks at."""
        values, states = self.drop(self.embedded(source)), []
        for i, layer in enumerate(self.encoder):
            outputs, last = layer(values)
            outputs = self.drop(outputs)
            values = outputs + values if i else outputs
            states += [last[0], last[1]]
        penalty = torch.where(source != 0, 0.0, -1e9)
        h = torch.tanh(self.bridge(torch.cat(states, dim=-1)))
        return h, (values, self.keys(values), penalty)

    def step(
        self, embedded: torch.Tensor, states: tuple[torch.Tensor, torch.Tensor], memory: Memory
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the next states; the second of them is what the output layer reads."""
        (h, fed), (values, keys, penalty) = states, memory
        h = self.cell(torch.cat([embedded, fed], dim=-1), h)
        scores = self.score(torch.tanh(self.query(h)[:, None] + keys))[..., 0] + penalty
        context = (torch.softmax(scores, dim=-1)[:, None] @ values)[:, 0]
        return h, torch.tanh(self.merge(torch.cat([h, context], dim=-1)))

    def start(self, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the states before the first step."""
        return h, torch.zeros(h.shape[0], self.embedding.embedding_dim)

    def logits(self, attended: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        return attended @ self.embedding.weight.T + self.bias

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the logits of all target words."""
        h, memory = self.encode(source)
        states, attended = self.start(h), []
        for embedded in self.drop(self.embedded(target)).unbind(1):
            states = self.step(embedded, states, memory)
            attended.append(states[1])
        return self.logits(self.drop(torch.stack(attended, dim=1)))


def make_update(config: Config, batch: list[np.ndarray], rate: float) -> Callable[[], float]:
    """Return a run of one update: loss, gradients, clipping, Adam."""
    source, target, wanted = (torch.from_numpy(part.astype("int64")) for part in batch)
    model = TorchTranslator(config)
    optimizer = torch.optim.Adam(model.parameters(), rate)
    loss_of = nn.CrossEntropyLoss(label_smoothing=config.training.label_smoothing)

    def update() -> float:
        optimizer.zero_grad()
        loss = loss_of(model(source, target).flatten(0, 1), wanted.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.training.clip_norm)
        optimizer.step()
        return loss.item()

    return update
