"""A model of Keras' recurrent layers into one of ours, and back."""

import inspect
from collections.abc import Iterator
from typing import Any, Literal

import keras
from keras import tree

from keras_rnn._checks import check_choice, check_layer
from keras_rnn.cells import GRUCell, LSTMCell, SimpleRNNCell, StackedRNNCells
from keras_rnn.layers import GRU, LSTM, RNN, SimpleRNN
from keras_rnn.wrappers import Bidirectional

__all__ = ["convert"]

OURS = (
    *(SimpleRNNCell, GRUCell, LSTMCell, StackedRNNCells),
    *(RNN, SimpleRNN, GRU, LSTM, Bidirectional),
)
PACKAGE = "keras_rnn>"


def convert(model: Any, to: Literal["keras_rnn", "keras"] = "keras_rnn") -> Any:
    """Return a copy of a model with the recurrent layers of the other package.

    All of a model is copied, layer by layer: models inside it, and what stands in a wrapper such
    as `TimeDistributed` or in an `RNN`. The copy has the weights of the model and, of stateful
    layers, the states. What is not recurrent stays as it is, and so does a layer or cell of one's
    own. A compiled model is compiled again, with a new optimizer.

    The two models return the same, but for the faults of Keras that ours do not have, such as: a
    layer of Keras loses the mask of its input where it is given `initial_state`.

    Args:
        model: A functional or sequential model, one that has `get_config`, or a single layer.
        to: The package whose layers the copy has.

    Returns:
        The copy; `model` is left as it was.

    Raises:
        ValueError: If `to` names no package; the model has something that `keras.layers` does not
            have, a layer such as `StackedRNN` or an option such as `output_layer`; its class
            makes recurrent layers itself; or it shares a layer with a model inside it.

    >>> theirs = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(4)])
    >>> ours = convert(theirs)
    >>> [type(model.layers[0]).__module__ for model in (ours, convert(ours, to="keras"))]
    ['keras_rnn.layers.named', 'keras.src.layers.rnn.lstm']
    """
    check_choice("convert", "to", to, ("keras_rnn", "keras"))
    check_layer("convert", "model", model)
    config = keras.saving.serialize_keras_object(model)
    config = _converted(config, to)
    copy = keras.saving.deserialize_keras_object(config, safe_mode=False)
    _check_copy(copy, model, to)
    copy.set_weights(model.get_weights())
    for old, new in zip(_kept_states(model), _kept_states(copy), strict=True):
        new.assign(old)
    return copy


def _check_copy(copy: Any, model: Any, to: str) -> None:
    """Raise `ValueError` unless all of the model was exchanged, and none of it twice."""
    left = {getattr(keras.layers, ours.__name__) for ours in OURS} if to == "keras_rnn" else {*OURS}
    # A model with layers in its config is the sum of them; a layer of one's own keeps what it has.
    is_own = isinstance(model, keras.Model) and "layers" not in model.get_config()
    for layer in copy._flatten_layers():
        if is_own and type(layer) in left:
            raise ValueError(
                "`convert` needs recurrent layers that stand in the config of the model. Received: "
                f"`{layer.name}`, which `{type(model).__name__}` makes itself. Make it of the "
                "other package there."
            )
    if len(copy.weights) != len(model.weights):
        raise ValueError(
            "`convert` needs a model that shares no layer with a model inside it. Received: "
            f"{len(model.weights)} weights, which became {len(copy.weights)}. Convert the inner "
            "model first, and build the outer one on it."
        )


def _converted(config: Any, to: str) -> Any:
    """Return a config with the classes of all recurrent layers in it exchanged."""
    if isinstance(config, list | tuple):
        return type(config)(_converted(entry, to) for entry in config)
    if not isinstance(config, dict):
        return config
    config = {name: _converted(value, to) for name, value in config.items()}
    return _exchanged(config, to) if "class_name" in config and "config" in config else config


def _exchanged(config: dict[str, Any], to: str) -> dict[str, Any]:
    for ours in OURS:
        name = ours.__name__
        theirs = getattr(keras.layers, name)
        of_keras = {"module": "keras.layers", "class_name": name, "registered_name": None}
        of_ours = {
            "module": ours.__module__,
            "class_name": name,
            "registered_name": keras.saving.get_registered_name(ours),
        }
        if to == "keras_rnn" and of_keras.items() <= config.items():
            return config | of_ours
        if to == "keras" and of_ours.items() <= config.items():
            _check_options(name, config["config"], theirs)
            return config | of_keras
    if to == "keras" and str(config.get("registered_name")).startswith(PACKAGE):
        raise ValueError(
            f"`convert` needs layers that Keras has. Received: `{config['class_name']}` "
            f"({config['config'].get('name')}). Build this part of the model from layers of Keras."
        )
    return config


def _check_options(name: str, config: dict[str, Any], theirs: type) -> None:
    """Raise `ValueError` unless a class of Keras takes all entries of the config."""
    constructors = (vars(base).get("__init__") for base in theirs.__mro__)
    known = {
        parameter
        for constructor in constructors
        if inspect.isfunction(constructor)
        for parameter in inspect.signature(constructor).parameters
    }
    if unknown := config.keys() - known:
        listed = ", ".join(f"{option}={config[option]!r}" for option in sorted(unknown))
        raise ValueError(
            f"`convert` needs options that Keras has. Received: `{name}` ({config.get('name')}) "
            f"with {listed}. Build the layer without, or keep it in `keras_rnn`."
        )


def _kept_states(layer: Any) -> Iterator[Any]:
    """Yield the states that stateful layers keep, in a layer or model and in all inside it."""
    parts = [getattr(layer, name, None) for name in ("forward_layer", "backward_layer", "layer")]
    parts = [part for part in (*parts, *getattr(layer, "layers", ())) if part is not None]
    for part in parts:
        yield from _kept_states(part)
    if not parts:
        yield from tree.flatten(getattr(layer, "states", None) or [])
