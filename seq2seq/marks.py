"""The tokens that are no text; every vocabulary begins with them."""

__all__ = ["BEGIN", "END", "PAD", "UNKNOWN"]

PAD = 0
"""Fills a sentence up to the length of the longest in its batch."""

UNKNOWN = 1
"""Stands for a character that the vocabulary cannot spell; with byte fallback there is none."""

BEGIN = 2
"""What the decoder reads at its first step."""

END = 3
"""Ends every sentence."""
