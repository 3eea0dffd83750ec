"""`RNN` around the cells that are made of cells, by name."""

from typing import Any

import keras

from keras_rnn.attention import ConditionalGRUCell
from keras_rnn.cells import DeepTransitionCell
from keras_rnn.layers.named import NamedRNN

__all__ = ["ConditionalGRU", "DeepTransition"]


class CompositeRNN(NamedRNN):
    """A `NamedRNN` whose cell is made of parts.

    A subclass sets `parts`: the arguments of the cell that are cells or mechanisms, or lists of
    them.
    """

    parts: tuple[str, ...]
    reads_vectors = False

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "CompositeRNN":
        """Build the layer from what `get_config` returned."""
        deserialize = keras.saving.deserialize_keras_object
        made = {name: deserialize(config[name], custom_objects) for name in cls.parts}
        return cls(**{**config, **made})


@keras.saving.register_keras_serializable(package="keras_rnn")
class DeepTransition(CompositeRNN):
    """A layer of a deep transition; equations and arguments: `DeepTransitionCell`, then `RNN`.

    >>> from keras import ops
    >>> from keras_rnn import GRUCell
    >>> tuple(DeepTransition([GRUCell(4), GRUCell(4)])(ops.zeros((2, 5, 3))).shape)
    (2, 4)
    """

    cell_class = DeepTransitionCell
    cell_name = "deep_transition_cell"
    order = DeepTransitionCell
    parts = ("cells",)


@keras.saving.register_keras_serializable(package="keras_rnn")
class ConditionalGRU(CompositeRNN):
    """The conditional GRU as a layer; equations and arguments: `ConditionalGRUCell`, then `RNN`.

    The memory is an argument of each call.

    >>> from keras import ops
    >>> from keras_rnn import BahdanauAttention, GRUCell
    >>> layer = ConditionalGRU(GRUCell(4), BahdanauAttention(8), GRUCell(4))
    >>> tuple(layer(ops.ones((2, 9, 3)), constants={"memory": ops.ones((2, 7, 5))}).shape)
    (2, 4)
    """

    cell_class = ConditionalGRUCell
    cell_name = "conditional_gru_cell"
    order = ConditionalGRUCell
    parts = ("first_cell", "attention", "second_cell")
