"""Checks for a cell of one's own: those that the cells of this library pass."""

from keras_rnn.testing.case import CellCase, Reference
from keras_rnn.testing.check import PROMISES, check_cell
from keras_rnn.testing.remember import learns_to_remember
from keras_rnn.testing.served import serve
from keras_rnn.testing.verdict import Promise

__all__ = [
    "PROMISES",
    "CellCase",
    "Promise",
    "Reference",
    "check_cell",
    "learns_to_remember",
    "serve",
]
