"""Products of a cell's rows with a kernel, who watches them, and who alters the kernels.

Within one step of a cell nearly all arithmetic that is not element by element is a product with a
kernel that is the same at every step. A cell asks for such a product here, so that a scan can see
it: keep its result, and form the kernel's gradient once for all steps. A cell around a cell can put
another kernel in the place of a recurrent one, such as the same with entries dropped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import tensorflow as tf
from keras import ops

from keras_rnn._types import Tensor

__all__ = ["Product", "altered", "product", "recurrent_product", "watched"]

Product = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""What answers for a product: maps rows, kernel and bias to `rows @ kernel + bias`."""


def plain(rows: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `rows @ kernel + bias`."""
    result = ops.matmul(rows, kernel)
    # Not `ops.add`, which TensorFlow fuses into the product: measured, that is slower on a CPU.
    return result if bias is None else tf.add(result, bias)


_WATCHERS: ContextVar[tuple[Product, ...]] = ContextVar("watchers", default=(plain,))


def product(rows: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `rows @ kernel + bias`, by way of whoever watches.

    Args:
        rows: `(batch, features)`; what depends on the step.
        kernel: `(features, columns)`; the same at every step.
        bias: `(columns,)` or `None`; the same at every step.
    """
    *others, nearest = _WATCHERS.get()
    with _watchers(*others):
        return nearest(rows, kernel, bias)


@contextmanager
def watched(by: Product) -> Iterator[None]:
    """Let `by` answer for the products asked for within the context.

    The products that `by` itself asks for are answered by who watched before.
    """
    with _watchers(*_WATCHERS.get(), by):
        yield


@contextmanager
def _watchers(*watchers: Product) -> Iterator[None]:
    token = _WATCHERS.set(watchers)
    try:
        yield
    finally:
        _WATCHERS.reset(token)


_ALTER: ContextVar[Callable[[Tensor], Tensor]] = ContextVar("alter", default=lambda kernel: kernel)


def recurrent_product(state: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `state @ kernel + bias` as `product` does, the kernel altered by whoever is around.

    Args:
        state: `(batch, features)`; a state, or what was computed from one.
        kernel: `(features, columns)`.
        bias: `(columns,)` or `None`.
    """
    return product(state, _ALTER.get()(kernel), bias)


@contextmanager
def altered(by: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let `by` alter the recurrent kernels within the context."""
    around = _ALTER.get()
    token = _ALTER.set(lambda kernel: around(by(kernel)))
    try:
        yield
    finally:
        _ALTER.reset(token)
