"""The types in which a cell computes: half precision where it is fast, single where it counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras import ops, tree
from keras.src.backend.common.variables import AutocastScope  # Has no public name.

from keras_rnn._types import Tensor
from keras_rnn.products import product, watched

__all__ = ["computing_as", "floats_to", "step_in", "variables_in"]

variables_in = AutocastScope
"""A context in which variables are read as of the given type; of `None`, of their own."""


@contextmanager
def computing_as(cell: Any, layer: Any) -> Iterator[str]:
    """Let variables be read in the type in which the cell computes.

    Keras does so for a layer's own type, but not for a layer that is entered by `call`, as
    `TimeDistributed` does, and the cell may have another.

    Args:
        cell: The cell.
        layer: The layer it runs in.
    """
    dtype = getattr(cell, "compute_dtype", layer.compute_dtype)
    with variables_in(dtype):
        yield dtype


@contextmanager
def step_in(dtype: str, compute_dtype: str) -> Iterator[None]:
    """Let a step compute in one type, and its products with kernels in another.

    Small changes of a state, which half precision would round away, then add up over the steps.

    Args:
        dtype: The type of the states, and of all that is element by element.
        compute_dtype: The type of the products.

    Reference: Micikevicius et al., 2018, https://arxiv.org/abs/1710.03740
    """

    def multiply(rows: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        # Of the type of the rows: a layer inside the cell has cast them to its own.
        result = product(ops.cast(rows, compute_dtype), ops.cast(kernel, compute_dtype))
        result = ops.cast(result, rows.dtype)
        return result if bias is None else result + ops.cast(bias, rows.dtype)

    with watched(multiply), variables_in(dtype):
        yield


def floats_to(dtype: str, structure: Any) -> Any:
    """Return a structure of tensors, with those of a floating type cast."""

    def cast(tensor: Any) -> Any:
        is_float = "float" in str(getattr(tensor, "dtype", ""))
        return ops.cast(tensor, dtype) if is_float else tensor

    return tree.map_structure(cast, structure)
