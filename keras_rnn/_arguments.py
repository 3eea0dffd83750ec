"""Arguments by position, in the order in which another class takes them."""

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import keras

__all__ = ["arguments_of", "in_the_order_of", "order_of"]


def arguments_of(cls: type) -> set[str]:
    """Return the names of the arguments of a class, those of the classes it builds on included.

    Those of `keras.layers.Layer`, which every layer has, are left out.
    """
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    own = itertools.takewhile(lambda base: base is not keras.layers.Layer, cls.__mro__)
    constructors = [vars(base)["__init__"] for base in own if "__init__" in vars(base)]
    return {
        name
        for constructor in constructors
        for name, parameter in inspect.signature(constructor).parameters.items()
        if parameter.kind in kinds and name != "self"
    }


def in_the_order_of(
    order: Callable[..., Any],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator with which a constructor takes arguments by position as another does.

    Args:
        order: What takes the arguments in the wanted order, such as a class of Keras.
    """

    def decorate(constructor: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(constructor)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            given = inspect.signature(order).bind_partial(*args).arguments
            if twice := given.keys() & kwargs.keys():
                raise TypeError(
                    f"`{type(self).__name__}` takes each argument once. Received: "
                    f"{', '.join(sorted(twice))} by position and by name. Pass it once."
                )
            constructor(self, **given, **kwargs)

        wrapper.__signature__ = _reordered(inspect.signature(constructor), order)
        return wrapper

    return decorate


def order_of(names: str, *bases: type) -> Callable[..., None]:
    """Return what takes the arguments of these names by position, for `in_the_order_of`.

    Args:
        names: The names, with spaces between them.
        *bases: The classes that have these arguments; for an argument of the constructor's own,
            its default there is the one that counts.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    known = {}
    for base in bases:
        known |= inspect.signature(base).parameters
    own = inspect.Parameter("own", kind, default=None)

    def order() -> None:
        """Stand for the signature alone."""

    parameters = [known.get(name, own).replace(name=name, kind=kind) for name in names.split()]
    order.__signature__ = inspect.Signature(parameters)
    return order


def _reordered(signature: inspect.Signature, order: Callable[..., Any]) -> inspect.Signature:
    own = signature.parameters
    positional = [
        own.get(name, other.replace(annotation=Any)).replace(kind=other.kind)
        for name, other in inspect.signature(order).parameters.items()
        if other.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return signature.replace(parameters=[own["self"], *positional, own["kwargs"]])
