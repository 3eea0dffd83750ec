"""Translation with recurrent networks: from a line of text to a line of text."""

__version__ = "0.1.0"
