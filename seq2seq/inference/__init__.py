"""Inference: search, and translation with a trained model."""

from seq2seq.inference.translate import Alignment, TranslationGraph, Translator

__all__ = ["Alignment", "TranslationGraph", "Translator"]
