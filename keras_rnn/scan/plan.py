"""What a scan has to know of a step before it writes the backward pass out.

The step is traced once in a graph of its own, which is then thrown away.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_rnn._types import Tensor
from keras_rnn.products import plain, watched
from keras_rnn.scan.replay import StepGradients, pull_back

__all__ = ["ImpureStepError", "Plan", "make_plan"]


class ImpureStepError(Exception):
    """Raised within a step that is no function of its arguments alone."""


class Plan(NamedTuple):
    """How to run a step backwards.

    Attributes:
        constant: For each product of the step, whether its kernel and bias are the same at every
            step, so that the product can be kept.
        reached: Which shared tensors a gradient flows into by another way than through such a
            product.
        rows: For each kept product, which tensor of the carry its rows are; `None`: none.
        same: For each input, of which kept product its gradient is also that; `None`: of none.
        types: For each kept product, the types of its rows and of its result.
    """

    constant: list[bool]
    reached: list[int]
    rows: list[int | None]
    same: list[int | None]
    types: list[tuple[tf.DType, tf.DType]]


def make_plan(step: Callable[..., Any], arguments: list[list[Tensor]]) -> Plan | None:
    """Return how to run the step backwards, or `None` if it is no function of its arguments.

    A step is none if it reads or writes a variable, draws random numbers, prints or asserts, or
    reads a tensor of real numbers that it was not given: running it again in the backward pass
    would do this twice, or lose a gradient. One that asks for a product in a branch or a loop of
    its own, or computes with complex numbers, is left alone too.

    Args:
        step: Maps one step of the inputs, carry and shared tensors to `(output, carry)`.
        arguments: These three, lists of tensors.
    """
    found: list[Plan] = []

    def trace(*arguments: list[Tensor]) -> None:
        found.append(_trace(step, list(arguments)))

    if any(tensor.dtype.is_complex for tensor in tf.nest.flatten(arguments)):
        return None
    specs = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), arguments)
    try:
        graph = tf.function(trace, autograph=False).get_concrete_function(*specs).graph
    except ImpureStepError:
        return None
    has_effects = any(operation.op_def.is_stateful for operation in graph.get_operations())
    reads_more = any(outside.dtype.is_floating for outside, _ in graph.captures)
    return None if has_effects or reads_more else found[-1]


def _trace(step: Callable[..., Any], arguments: list[list[Tensor]]) -> Plan:
    inputs, carry, _ = arguments
    changing = {id(tensor) for tensor in (*inputs, *carry)}
    constant: list[bool] = []
    products: list[Tensor] = []
    kernels: list[Tensor] = []

    graph = tf.compat.v1.get_default_graph()

    def watch(rows: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        if tf.compat.v1.get_default_graph() is not graph:
            raise ImpureStepError
        parts = [tf.convert_to_tensor(part) for part in (kernel, bias) if part is not None]
        is_constant = parts[0].shape.rank == 2 and not _depends(parts, changing)
        result = plain(rows, kernel, bias)
        constant.append(is_constant)
        if is_constant:
            kernels.append(parts[0])
            products.append(result)
        return result

    with watched(watch):
        output, after = step(*arguments)
    transposed = [tf.transpose(kernel) for kernel in kernels]
    upstream = [tf.ones_like(tensor) for tensor in (output, *after)]
    products = [tf.identity(y) for y in products]
    gradients = pull_back(step, arguments, constant, products, transposed, upstream)
    return _read(gradients, constant, carry, products)


def _read(
    gradients: StepGradients, constant: list[bool], carry: list[Tensor], products: list[Tensor]
) -> Plan:
    def position(tensor: Tensor | None, among: list[Tensor | None]) -> int | None:
        same = (i for i, other in enumerate(among) if other is tensor and other is not None)
        return next(same, None)

    return Plan(
        constant,
        [j for j, gradient in enumerate(gradients.shared) if gradient is not None],
        [position(rows, carry) for rows in gradients.rows],
        [position(gradient, gradients.products) for gradient in gradients.inputs],
        [
            (rows.dtype, product.dtype)
            for rows, product in zip(gradients.rows, products, strict=True)
        ],
    )


def _depends(tensors: list[Tensor], on: set[int]) -> bool:
    """Return whether one of the tensors is computed from one of those with the ids `on`."""
    pending, seen = list(tensors), set()
    while pending:
        tensor = pending.pop()
        if id(tensor) in on:
            return True
        if id(tensor) not in seen:
            seen.add(id(tensor))
            pending.extend(tensor.op.inputs)
    return False
