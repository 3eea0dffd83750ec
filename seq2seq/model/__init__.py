"""The network: encoder, bridge, decoder."""

from seq2seq.model.translator import TranslationModel, build_model

__all__ = ["TranslationModel", "build_model"]
