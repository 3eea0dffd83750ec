"""Inference: search, and translation from strings to strings."""

from seq2seq.inference.beam import BeamSearch
from seq2seq.inference.constraints import banned_phrases, minimum_length, no_repeated_ngram
from seq2seq.inference.decode import Choice, Constraint, Search, Strategy, decode
from seq2seq.inference.ensemble import ensemble_step
from seq2seq.inference.forced import Forced, force
from seq2seq.inference.graph import TranslationGraph
from seq2seq.inference.greedy import GreedySearch
from seq2seq.inference.hypotheses import (
    Hypotheses,
    Marks,
    Prediction,
    StepFunction,
    repeat_rows,
)
from seq2seq.inference.required import RequiringBeamSearch
from seq2seq.inference.results import Alignment, Candidate
from seq2seq.inference.sampling import Sampling
from seq2seq.inference.translate import Translator

__all__ = [
    "Alignment",
    "BeamSearch",
    "Candidate",
    "Choice",
    "Constraint",
    "Forced",
    "GreedySearch",
    "Hypotheses",
    "Marks",
    "Prediction",
    "RequiringBeamSearch",
    "Sampling",
    "Search",
    "StepFunction",
    "Strategy",
    "TranslationGraph",
    "Translator",
    "banned_phrases",
    "decode",
    "ensemble_step",
    "force",
    "minimum_length",
    "no_repeated_ngram",
    "repeat_rows",
]
