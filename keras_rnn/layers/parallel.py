"""Layers that can compute all steps at once."""

from typing import Any

import tensorflow as tf

from keras_rnn._checks import check_choice
from keras_rnn._scan_checks import check_linear
from keras_rnn._types import Noise, State, Tensor
from keras_rnn.cells import LinearCell, RecurrentCell, contract
from keras_rnn.layers.named import NamedRNN
from keras_rnn.layers.precision import floats_to
from keras_rnn.scan import ScanResult
from keras_rnn.scan.linear import linear_scan

__all__ = ["ParallelRNN"]

# Measured on a CPU: steps of more entries run as fast in a loop, which keeps less.
LARGEST_STEP = 2**12


class ParallelRNN(NamedRNN):
    """A `NamedRNN` whose steps, linear in the state, can be computed all at once.

    The result is that of the loop over time, up to rounding, with any mask and any option. The
    loop remains for what only it can do: `unroll`, `recompute`, `truncation`, and steps that are
    not linear.

    Args:
        parallel: Whether to compute all steps at once: `"auto"`, where it can be, and on a CPU only
            for steps that are small, batch size times units, as large ones run as fast in a loop
            (a batch size that is not known counts as small); `True`, or raise an error; `False`,
            run the loop.
        **kwargs: Those of `NamedRNN`.

    Raises:
        ValueError: If `parallel` is none of the three, or true where it cannot be.
    """

    def __init__(self, *, parallel: bool | str = "auto", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.parallel = check_choice(owner, "parallel", parallel, ("auto", True, False))
        check_linear(owner, parallel, self._why_not())

    def scan(
        self,
        sequences: Tensor,
        states: State,
        noise: Noise | None,
        constants: dict[str, Any],
        training: bool,
        mask: Tensor | None,
    ) -> ScanResult:
        """Run the cell over the sequences, all steps at once if they are to be and can be."""
        is_wanted = self.parallel is True or (self.parallel and self._is_faster(sequences))
        if not is_wanted or constants or self._why_not() is not None:
            return super().scan(sequences, states, noise, constants, training, mask)
        if self.go_backwards:
            sequences = tf.reverse(sequences, [1])
            mask = None if mask is None else tf.reverse(mask, [1])
        keep, add, rest = contract.project(self.cell, sequences, noise)
        if self.state_dtype is not None:
            keep, add, rest = floats_to(self.state_dtype, (keep, add, rest))
        valid = None if mask is None else tf.cast(mask, tf.bool)[:, :, None]
        if valid is not None:
            keep, add = tf.where(valid, keep, 1), tf.where(valid, add, 0)
        all_states = linear_scan(keep, add, states[0])
        outputs = self.cell.read(all_states, rest)
        if valid is not None:
            outputs = _hold(outputs, valid, self.zero_output_for_mask)
        kept = outputs if self.return_sequences else None
        return ScanResult(kept, outputs[:, -1], [all_states[:, -1]])

    def _is_faster(self, sequences: Tensor) -> bool:
        entries = (sequences.shape[0] or 0) * self.cell.units
        return entries <= LARGEST_STEP or bool(tf.config.list_logical_devices("GPU"))

    def _why_not(self) -> str | None:
        """Return why the steps cannot be computed all at once; `None` if they can."""
        options = ("unroll", "recompute", "truncation")
        given = [f"{name}={getattr(self, name)!r}" for name in options if getattr(self, name)]
        if given:
            return ", ".join(given)
        cell = type(self.cell)
        is_own = cell.step is not LinearCell.step or cell.call is not RecurrentCell.call
        return f"{self.cell!r}" if is_own or not self.cell.is_linear else None

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "parallel": self.parallel}


def _hold(outputs: Tensor, valid: Tensor, is_zero: bool) -> Tensor:
    """Return zeros for the output of a masked step, or the output before it."""
    outputs = tf.where(valid, outputs, 0)
    if is_zero:
        return outputs
    held = tf.where(valid, tf.zeros_like(outputs), 1)
    return linear_scan(held, outputs, tf.zeros_like(outputs[:, 0]))
