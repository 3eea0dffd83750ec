"""The parts that a config names: cells, layers, mechanisms."""

from typing import Any

import keras

from keras_rnn import (
    GRU,
    LSTM,
    MGU,
    SRU,
    SSRU,
    AttentionCell,
    AttentionMechanism,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    ConditionalGRUCell,
    CoverageAttention,
    GNMTCell,
    GRUCell,
    LayerNormGRU,
    LayerNormGRUCell,
    LayerNormLSTM,
    LayerNormLSTMCell,
    LayerNormSimpleRNN,
    LayerNormSimpleRNNCell,
    LocationAwareAttention,
    LSTMCell,
    LuongAttention,
    LuongMonotonicAttention,
    MGUCell,
    MultiHeadDotAttention,
    SimpleRNN,
    SimpleRNNCell,
    SRUCell,
    SSRUCell,
    StackedRNNCells,
)
from seq2seq.config import Config, ModelConfig
from seq2seq.errors import UserError

__all__ = ["decoder_cell", "encoder_layer", "mechanism", "states_per_cell"]

CELLS = {
    "simple_rnn": (SimpleRNNCell, SimpleRNN),
    "gru": (GRUCell, GRU),
    "lstm": (LSTMCell, LSTM),
    "layer_norm_simple_rnn": (LayerNormSimpleRNNCell, LayerNormSimpleRNN),
    "layer_norm_gru": (LayerNormGRUCell, LayerNormGRU),
    "layer_norm_lstm": (LayerNormLSTMCell, LayerNormLSTM),
    "mgu": (MGUCell, MGU),
    "sru": (SRUCell, SRU),
    "ssru": (SSRUCell, SSRU),
}


def encoder_layer(config: Config) -> Any:
    """Return one direction of a layer of the encoder."""
    model = config.model
    return CELLS[model.cell][1](
        model.encoder_units, return_sequences=True, return_state=True, **_options(config)
    )


def decoder_cell(config: Config) -> Any:
    """Return the decoder's cell, which takes a `memory`.

    Raises:
        UserError: If the settings do not go together.
    """
    model, dtype = config.model, config.training.precision
    count, attention = model.decoder_layers, mechanism(config)
    if model.decoder == "gnmt":
        _check(model, count >= 2, "at least 2")
        return GNMTCell(
            [_cell(config) for _ in range(count)], attention, residual=model.residual, dtype=dtype
        )
    if model.decoder == "conditional":
        _check(model, count == 1, "1")
        return ConditionalGRUCell(
            _cell(config), attention, _cell(config), output_context=True, dtype=dtype
        )
    cells = [_cell(config) for _ in range(count)]
    return AttentionCell(
        cells[0] if count == 1 else StackedRNNCells(cells, dtype=dtype),
        attention,
        units=model.embedding_size if model.tie_embeddings else model.decoder_units,
        input_feeding=model.input_feeding,
        dtype=dtype,
    )


def mechanism(config: Config) -> AttentionMechanism:
    """Return the attention mechanism."""
    model, dtype = config.model, config.training.precision
    units, query = model.attention_units, model.decoder_units
    # In closed form, which is the mechanisms' default, attention that is sure of itself gets lost.
    monotonic = {"mode": "recursive", "dtype": dtype}
    make = {
        # The name under which earlier versions wrote its weights into run folders.
        "bahdanau": lambda: BahdanauAttention(units, dtype=dtype, name="additive_attention"),
        "normed_bahdanau": lambda: BahdanauAttention(units, normalize=True, dtype=dtype),
        "luong": lambda: LuongAttention(query, dtype=dtype),
        "scaled_luong": lambda: LuongAttention(query, scale=True, dtype=dtype),
        "multi_head": lambda: MultiHeadDotAttention(units, model.attention_heads, dtype=dtype),
        "location": lambda: LocationAwareAttention(units, dtype=dtype),
        "coverage": lambda: CoverageAttention(units, dtype=dtype),
        "bahdanau_monotonic": lambda: BahdanauMonotonicAttention(units, **monotonic),
        "luong_monotonic": lambda: LuongMonotonicAttention(query, **monotonic),
    }[model.attention]
    try:
        return make()
    except ValueError as error:
        raise UserError(f"[model] {error}") from error


def states_per_cell(config: Config) -> int:
    """Return how many states the cell has."""
    return len(keras.tree.flatten(_cell(config).state_size))


def _cell(config: Config) -> Any:
    return CELLS[config.model.cell][0](config.model.decoder_units, **_options(config))


def _options(config: Config) -> dict[str, Any]:
    options: dict[str, Any] = {"dtype": config.training.precision}
    if config.model.recurrent_dropout:
        if config.model.cell in {"ssru", "sru"}:
            raise UserError(
                "model.recurrent_dropout needs a cell with a recurrent kernel. Received: "
                f"model.cell = {config.model.cell!r}. Set model.recurrent_dropout = 0."
            )
        options["recurrent_dropout"] = config.model.recurrent_dropout
    return options


def _check(model: ModelConfig, is_right: bool, wanted: str) -> None:
    if not is_right:
        raise UserError(
            f'model.decoder = "{model.decoder}" needs model.decoder_layers to be {wanted}. '
            f"Received: {model.decoder_layers}."
        )
