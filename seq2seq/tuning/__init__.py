"""Tuning: the space, the model that keras-tuner varies, the search."""

from seq2seq.tuning.hypermodel import TranslationHyperModel
from seq2seq.tuning.search import TrialResult, TuningResult, tune
from seq2seq.tuning.space import check_space

__all__ = ["TranslationHyperModel", "TrialResult", "TuningResult", "check_space", "tune"]
