"""The tokens that are no text; every vocabulary begins with them."""

__all__ = ["BEGIN", "END", "IMPOSSIBLE", "PAD", "UNKNOWN"]

PAD = 0
"""Fills a sentence up to the length of the longest in its batch."""

UNKNOWN = 1
"""Stands for a character that the vocabulary cannot spell; with byte fallback there is none."""

BEGIN = 2
"""What the decoder reads at its first step."""

END = 3
"""Ends every sentence."""

IMPOSSIBLE = -1e9
"""The log-probability of what must not be: as good as minus infinity, but it can be multiplied."""
