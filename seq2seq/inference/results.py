"""What a `Translator` gives."""

from typing import Any, NamedTuple

__all__ = ["Alignment", "Candidate"]


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
