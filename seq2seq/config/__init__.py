"""The configuration: frozen dataclasses, read from TOML, checked, written back.

Config objects are for the edge only: they end in `build_model(config)`, `train(config, ...)` and
the like; encoder, decoder and layers take plain arguments.
"""

from seq2seq.config.files import load_config, load_stored_config, parse_settings, save_config
from seq2seq.config.sections import (
    TEXT_FILES,
    Config,
    DataConfig,
    DecodingConfig,
    ModelConfig,
    TrainingConfig,
    TuningConfig,
    config_from_dict,
)

__all__ = [
    "TEXT_FILES",
    "Config",
    "DataConfig",
    "DecodingConfig",
    "ModelConfig",
    "TrainingConfig",
    "TuningConfig",
    "config_from_dict",
    "load_config",
    "load_stored_config",
    "parse_settings",
    "save_config",
]
