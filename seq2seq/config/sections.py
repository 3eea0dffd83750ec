"""The sections of a configuration: frozen dataclasses, checked."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seq2seq.errors import UserError
from seq2seq.options import check_names, check_value, option

__all__ = [
    "TEXT_FILES",
    "Config",
    "DataConfig",
    "DecodingConfig",
    "ModelConfig",
    "TrainingConfig",
    "TuningConfig",
    "config_from_dict",
]


CELLS = (
    *("simple_rnn", "gru", "lstm", "layer_norm_simple_rnn", "layer_norm_gru", "layer_norm_lstm"),
    *("mgu", "sru", "ssru"),
)
ATTENTIONS = (
    *("bahdanau", "normed_bahdanau", "luong", "scaled_luong", "multi_head"),
    *("location", "coverage", "bahdanau_monotonic", "luong_monotonic"),
)


TEXT_FILES = tuple(
    f"{side}{name}" for side in ("", "validation_") for name in ("source", "target", "pairs")
)
"""The keys of the section `data` that name files."""


@dataclass(frozen=True)
class DataConfig:
    """Where the text is, and how it becomes batches.

    Either `source` and `target` (two files, line by line parallel) or `pairs` (one file, source TAB
    target); likewise for validation. Files are UTF-8, plain or `.gz`. Relative paths start at the
    config file's folder.
    """

    source: str = ""  # one sentence per line
    target: str = ""  # its translation on the same line
    pairs: str = ""  # instead of the two: source TAB target
    validation_source: str = ""  # likewise; all left out: some of the training text is held out
    validation_target: str = ""
    validation_pairs: str = ""
    # Subwords, marks and bytes among them.
    vocabulary_size: int = option(8000, at_least=261, at_most=1_000_000)
    shared_vocabulary: bool = True  # one for both languages
    subword_model: str = option("unigram", choices=("unigram", "bpe"))
    # In training words are cut into other subwords too, the higher (3 is usual) the more often, and
    # batches hold as many tokens more, sentences of `maximum_tokens` too; 0: never.
    subword_temperature: float = option(0.0, at_least=0.0, at_most=100.0)
    # A pair with a longer side is not trained on.
    maximum_tokens: int = option(100, at_least=2, at_most=100_000)
    # Most tokens of the longer side in a batch, padding counted.
    batch_tokens: int = option(2400, at_least=1)

    def __post_init__(self) -> None:
        """Check that there are probabilities to draw subwords by."""
        if self.subword_temperature and self.subword_model != "unigram":
            raise UserError(
                'The config needs data.subword_model = "unigram" for data.subword_temperature '
                f"= {self.subword_temperature}. Received: {self.subword_model!r}, which has no "
                "probabilities. Change it, or set the temperature to 0."
            )


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of the network. Units count hidden values, rates are probabilities."""

    cell: str = option("gru", choices=CELLS)
    embedding_size: int = option(256, at_least=1, at_most=16_384)
    encoder_layers: int = option(2, at_least=1, at_most=64)
    encoder_units: int = option(256, at_least=1, at_most=16_384)  # in each direction
    decoder_layers: int = option(1, at_least=1, at_most=64)
    decoder_units: int = option(512, at_least=1, at_most=16_384)
    # Attention around the cells, between two cells, or in the bottom cell of a stack.
    decoder: str = option("attention", choices=("attention", "conditional", "gnmt"))
    attention: str = option("bahdanau", choices=ATTENTIONS)
    attention_units: int = option(256, at_least=1, at_most=16_384)  # "luong" has decoder_units
    attention_heads: int = option(8, at_least=1)  # with "multi_head"; they divide attention_units
    # The decoder "attention" reads what it saw before; "gnmt" always does, "conditional" never.
    input_feeding: bool = True
    # From the encoder's last states to the decoder's first.
    bridge: str = option("dense", choices=("zero", "copy", "dense"))
    residual: bool = True  # around encoder layers above the first, in "gnmt" from the third on
    tie_embeddings: bool = True  # output layer and target embedding in one
    normalize_output: bool = True  # logits are cosines, times a learned factor
    scale_embeddings: bool = True  # what is read, by the square root of its size
    attend_embeddings: bool = True  # attention sees a word's embedding beside the encoder's output
    # In training, of embeddings and outputs of layers.
    dropout: float = option(0.3, at_least=0.0, at_most=0.95)
    # Of states, the same entries at all steps of a sentence.
    recurrent_dropout: float = option(0.0, at_least=0.0, at_most=0.95)
    word_dropout: float = option(0.0, at_least=0.0, at_most=0.95)  # of whole words


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast and how carefully to train. A step is one update of the weights."""

    epochs: int = option(20, at_least=1)  # passes over the training text
    optimizer: str = option("adam", choices=("adam", "sgd"))
    learning_rate: float = option(1e-3, at_least=0.0)  # its peak
    schedule: str = option(
        "inverse_square_root", choices=("constant", "inverse_square_root", "linear", "plateau")
    )
    warmup_steps: int = option(400, at_least=0)  # updates until the peak
    # At a validation without a new best, with "plateau".
    plateau_factor: float = option(0.5, at_least=0.0, at_most=1.0)
    # Probability spread over the vocabulary.
    label_smoothing: float = option(0.1, at_least=0.0, at_most=0.99)
    # R-Drop: each batch is run twice with other dropout; the weight of their divergence; 0: once.
    r_drop: float = option(0.0, at_least=0.0)
    clip_norm: float = option(1.0, at_least=0.0)  # longest gradient; 0: never clipped
    # Validate, keep and translate with an average over updates; the share of the old; 0: none.
    ema_momentum: float = option(0.0, at_least=0.0, at_most=0.99999)
    # Scheduled sampling: feed the decoder its own words, with a probability that rises to the rate.
    sampling_rate: float = option(0.0, at_least=0.0, at_most=1.0)
    sampling_schedule: str = option(
        "linear", choices=("constant", "linear", "exponential", "inverse_sigmoid")
    )
    precision: str = option("float32", choices=("float32", "mixed_float16", "mixed_bfloat16"))
    # Each batch is cut into so many, computed side by side; 0: as many as there are cores, four at
    # most, with a GPU one. With other parts dropout is another.
    parallel_parts: int = option(0, at_least=0, at_most=64)
    report_every: int = option(20, at_least=1)  # updates
    validate_every: int = option(500, at_least=1)  # updates; a checkpoint too
    # Validations without a new best before stopping; 0: never.
    patience: int = option(0, at_least=0)
    seed: int = option(1, at_least=0)  # of weights, dropout, subwords and the order of batches


@dataclass(frozen=True)
class DecodingConfig:
    """How translations are searched for. `beam = 1` is greedy search."""

    beam: int = option(5, at_least=1, at_most=1000)
    # The larger, the longer the translations.
    length_penalty: float = option(1.0, at_least=0.0, at_most=10.0)
    # The larger, the less of the source may be left out.
    coverage_penalty: float = option(0.0, at_least=0.0, at_most=1e3)
    # Diverse beams: groups that choose one after the other, and what a token costs that was chosen.
    beam_groups: int = option(1, at_least=1)
    diversity: float = option(0.5, at_least=0.0)
    minimum_tokens: int = option(0, at_least=0)  # of a translation, its end not counted
    no_repeat_ngram_size: int = option(0, at_least=0)  # so many tokens never twice; 0: they may
    sampling_top_k: int = option(0, at_least=0)  # draw from the likeliest k only; 0: from all
    sampling_top_p: float = option(1.0, at_least=1e-6, at_most=1.0)  # or from so much probability
    maximum_tokens: int = option(200, at_least=1, at_most=100_000)  # of a translation
    # Of a line; what is longer is cut.
    maximum_source_tokens: int = option(500, at_least=1, at_most=100_000)
    batch_size: int = option(64, at_least=1)  # lines translated at once
    # Compile the search by XLA: faster, after some seconds for each new size of a batch. An export
    # is compiled only where asked for, and sampling and completing are not.
    jit_compile: bool = False
    maximum_bytes: int = option(2000, at_least=1)  # of a line; what is longer is cut

    def __post_init__(self) -> None:
        """Check that the groups divide the beam, and that there is room for an end."""
        if self.minimum_tokens >= self.maximum_tokens:
            raise UserError(
                "The config needs decoding.minimum_tokens to be below decoding.maximum_tokens, "
                "which counts the end too. Received: "
                f"{self.minimum_tokens} and {self.maximum_tokens}. Change one of the two."
            )
        if self.beam % self.beam_groups:
            raise UserError(
                "The config needs decoding.beam_groups to divide decoding.beam. Received: "
                f"{self.beam_groups} groups, a beam of {self.beam}. Change one of the two."
            )


@dataclass(frozen=True)
class TuningConfig:
    """The search over configurations.

    `space` maps a config key such as `"model.dropout"` to `{choices = [...]}` or to
    `{minimum = a, maximum = b}`, with `sampling = "log"` and `step = s` as options.
    """

    tuner: str = option("random", choices=("random", "hyperband", "bayesian"))
    objective: str = option("bleu", choices=("bleu", "loss"))
    trials: int = option(10, at_least=1)  # with hyperband it follows from `epochs`
    epochs: int = option(3, at_least=1)  # of a trial
    space: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Config:
    """All that makes a run: the data, the model, the training, the decoding, the tuning."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    tuning: TuningConfig = field(default_factory=TuningConfig)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as nested plain dictionaries."""
        return dataclasses.asdict(self)

    def replace(self, changes: Mapping[str, Any]) -> "Config":
        """Return a copy in which each dotted key, such as `"model.dropout"`, has the value given.

        Raises:
            UserError: If a key is unknown or a value is of the wrong type or out of bounds.
        """
        tree = self.to_dict()
        for key, value in changes.items():
            section, _, name = key.partition(".")
            check_names([section], tree, "config")
            check_names([name], tree[section], f"config section [{section}]")
            tree[section][name] = value
        return config_from_dict(tree)


def config_from_dict(tree: Mapping[str, Any]) -> Config:
    """Build a checked `Config` from nested dictionaries; a key left out takes its default.

    Raises:
        UserError: If a section or key is unknown, or a value has the wrong type or is out of
            bounds.
    """
    sections = {item.name: item.type for item in dataclasses.fields(Config)}
    check_names(tree, sections, "config")
    return Config(**{name: _section(sections[name], name, tree[name]) for name in tree})


def _section(section_type: Any, name: str, values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise UserError(f"The config needs [{name}] to be a section. Received: {values!r}.")
    fields = {item.name: item for item in dataclasses.fields(section_type)}
    check_names(values, fields, f"config section [{name}]")
    return section_type(
        **{key: check_value(f"{name}.{key}", fields[key], value) for key, value in values.items()}
    )
