"""What a `Translator` gives."""

import math
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Alignment", "Candidate", "candidates", "decoded"]


class Alignment(NamedTuple):
    """How a translation looked at its source.

    Attributes:
        source: The source's pieces and the end mark.
        target: The translation's pieces and the end mark.
        weights: Attention, float32 array `(len(target), len(source))`; rows sum to one, or
            with monotonic attention to less.
    """

    source: list[str]
    target: list[str]
    weights: Any


class Candidate(NamedTuple):
    """One of several translations of a line.

    Attributes:
        translation: The text.
        score: The log-probability by which hypotheses are compared.
    """

    translation: str
    score: float


def candidates(found: dict[str, Any], count: int) -> list[Candidate]:
    """Return the first few candidates of a line; after the first, only those that there are."""
    pairs = zip(found["translation"][:count], found["score"][:count], strict=True)
    first, *others = [Candidate(decoded(text), float(score)) for text, score in pairs]
    return [first, *(one for one in others if not math.isnan(one.score))]


def decoded(line: bytes | np.bytes_) -> str:
    """Return a string of TensorFlow as one of Python."""
    return line.decode("utf-8", errors="replace")
