"""Averages of weights over updates."""

import contextlib
from collections.abc import Iterator

import keras

__all__ = ["averaged_weights"]


@contextlib.contextmanager
def averaged_weights(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Let a model have the averages of its weights within the context, if the optimizer keeps any.

        average_n = momentum average_{n-1} + (1 - momentum) w_n,        average_1 = w_1

    Reference: Polyak and Juditsky, 1992, https://doi.org/10.1137/0330046
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not inner.use_ema or not int(inner.iterations.numpy()):
        yield
        return
    weights = [variable.numpy() for variable in model.trainable_variables]
    inner.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)
