"""One step run with its products kept, and run backwards without computing them again."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.products import Product, plain, watched

__all__ = ["StepGradients", "pull_back", "run_and_keep"]


class StepGradients(NamedTuple):
    """The gradients of one step, `None` where none flows, and the rows of its products.

    Attributes:
        inputs: One for each input of the step.
        carry: One for each tensor that came from the step before.
        shared: One for each shared tensor.
        products: One for each kept product.
        rows: What the kept products multiply with their kernels.
    """

    inputs: list[Tensor | None]
    carry: list[Tensor | None]
    shared: list[Tensor | None]
    products: list[Tensor | None]
    rows: list[Tensor]


def run_and_keep(
    step: Callable[..., Any],
    arguments: Sequence[list[Tensor]],
    constant: Sequence[bool],
    kernels: Sequence[list[Tensor]],
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Return the output and the carry of a step, and its products with constant kernels."""
    products: list[Tensor] = []

    def keep(rows: Tensor) -> Tensor:
        products.append(plain(rows, *kernels[len(products)]))
        return products[-1]

    with watched(_constant_products(keep, constant)):
        output, carry = step(*arguments)
    return output, carry, products


def pull_back(
    step: Callable[..., Any],
    arguments: Sequence[list[Tensor]],
    constant: Sequence[bool],
    products: list[Tensor],
    transposed: Sequence[Tensor],
    upstream: list[Tensor],
) -> StepGradients:
    """Return the gradients of one step by the chain rule: `dy_i K_i^T` is all that is multiplied.

    Args:
        step: The step.
        arguments: Its inputs, carry and shared tensors.
        constant: For each product, whether it was kept.
        products: The kept products.
        transposed: Their kernels, transposed.
        upstream: The gradients of the output and of the carry after the step.
    """
    if tf.executing_eagerly():
        # Two states may be one tensor, whose gradient would then be that of both, twice.
        arguments = tf.nest.map_structure(tf.identity, list(arguments))
    rows: list[Tensor] = []

    def replay(given: Tensor) -> Tensor:
        rows.append(given)
        return products[len(rows) - 1]

    sources = [*tf.nest.flatten(arguments), *products]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch([source for source in sources if source.dtype.is_floating])
        with watched(_constant_products(replay, constant)):
            targets = tf.nest.flatten(step(*arguments))
    pairs = [pair for pair in zip(targets, upstream, strict=True) if pair[0].dtype.is_floating]
    onto = [gradient for _, gradient in pairs]
    gradients = _gradient(tape, [target for target, _ in pairs], sources, onto)
    # A later product may read an earlier one, never the other way round.
    first = len(sources) - len(products)
    for i in reversed(range(len(products))):
        own = first + i
        if gradients[own] is not None:
            onto = tf.cast(plain(gradients[own], transposed[i]), rows[i].dtype)
            more = _gradient(tape, [rows[i]], sources[:own], [onto])
            gradients[:own] = [_add(a, b) for a, b in zip(gradients[:own], more, strict=True)]
    parts = tf.nest.pack_sequence_as(list(arguments), gradients[:first])
    return StepGradients(*parts, gradients[first:], rows)


def _constant_products(answer: Callable[[Tensor], Tensor], constant: Sequence[bool]) -> Product:
    """Return a watcher that lets `answer` answer for the products of constant kernels."""
    turns = itertools.count()

    def watch(rows: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        return answer(rows) if constant[next(turns)] else plain(rows, kernel, bias)

    return watch


def _gradient(
    tape: tf.GradientTape, targets: list[Tensor], sources: list[Tensor], onto: list[Tensor]
) -> list[Tensor | None]:
    """Return the gradients as tensors, also where rows were gathered; `None` where none flows."""
    found = tape.gradient(targets, sources, output_gradients=onto)
    return [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in found]


def _add(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second
