"""The decoder: one step, used for teacher forcing and for search."""

from typing import Any

import keras
from keras import ops, tree

from keras_rnn import RNN, Memory
from seq2seq.model.output import OutputLayer, Projection

__all__ = ["Decoder"]


class Decoder(keras.layers.Layer):
    """A recurrent cell with attention, between an embedding and an output layer.

        s_t, a_t = cell(drop(embedding(y_{t-1})), s_{t-1}, memory)
        o_t = softmax(V a_t + b)                        (the softmax is left to loss and search;
                                                         or of cosines, see `OutputLayer`)

    and where V is the embedding's matrix E, transposed, and a_t is not of its width,
    `tanh(a_t R + r)` in place of a_t.

    Teacher forcing runs this step over a known target by `RNN(cell)`; search runs the same cell
    one step at a time, on the tokens that it chose itself.

    Args:
        embedding: The embedding layer of the target.
        cell: The cell, which takes a `memory`: an `AttentionCell`, `ConditionalGRUCell` or
            `GNMTCell`.
        vocabulary_size: Number of target tokens.
        tie_embeddings: Whether V is E, transposed.
        dropout: Rate at which the embedded input and the output are dropped in training.
        word_dropout: Rate at which whole words of the input are dropped in training.
        normalize_output: Whether the output layer takes cosines, as `OutputLayer` says.

    Call arguments:
        target_in: The target, shifted: what each step reads, int32 `(batch, target_time)`.
        states: What `initial_state` returned.
        memory: What `memory` returned.
        training: Whether dropout applies.

    Returns:
        Logits, float32 `(batch, target_time, vocabulary_size)`.
    """

    def __init__(
        self,
        *,
        embedding: Any,
        cell: Any,
        vocabulary_size: int,
        tie_embeddings: bool,
        dropout: float,
        word_dropout: float = 0.0,
        normalize_output: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embedding = embedding
        self.cell = cell
        self.layer = RNN(cell, return_sequences=True, dtype=self.dtype_policy)
        self.output_layer = OutputLayer(
            vocabulary_size,
            embedding if tie_embeddings else None,
            normalize=normalize_output,
            dtype=self.dtype_policy,
        )
        self.readout: Any = None
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.drop_words = keras.layers.Dropout(
            word_dropout, noise_shape=(None, None, 1), dtype=self.dtype_policy
        )

    def build(self, embedded_shape: Any, memory_shape: Any) -> None:
        """Build the parts.

        Args:
            embedded_shape: `(batch, features)`, the shape of an embedded token.
            memory_shape: `(batch, source_time, features)`, the shape of what attention sees.
        """
        if not self.embedding.built:
            self.embedding.build((None, None))
        self.cell.build(embedded_shape, memory_shape)
        self.layer.build((embedded_shape[0], None, embedded_shape[1]))
        size, width = self.cell.output_size, self.embedding.output_dim
        if self.output_layer.embedding is not None and size != width:
            self.readout = keras.layers.Dense(width, activation="tanh", dtype=self.dtype_policy)
            self.readout.build((embedded_shape[0], size))
            size = width
        self.output_layer.build((embedded_shape[0], size))
        self.built = True

    def memory(self, values: Any, mask: Any) -> Memory:
        """Prepare the encoder's output for attention, once for all steps."""
        return self.cell.attention.memory(values, mask)

    def initial_state(self, states: list[Any], memory: Memory) -> Any:
        """Return the states before the first step.

        Args:
            states: The states of the wrapped cell, flat: what the bridge returned.
            memory: What `memory` returned.
        """
        zeros = self.cell.get_initial_state(ops.shape(memory.values)[0], memory)
        return [tree.pack_sequence_as(zeros[0], states), *zeros[1:]]

    def call(self, target_in: Any, states: Any, memory: Memory, training: bool = False) -> Any:
        """Return the logits of all steps of a known target (teacher forcing)."""
        words = self.drop_words(self.embedding(target_in), training=training)
        embedded = self.drop(words, training=training)
        output = self.layer(
            embedded, initial_state=states, constants={"memory": memory}, training=training
        )
        return self.output_layer(self.drop(self._read(output), training=training))

    def step(
        self, tokens: Any, states: Any, memory: Memory, projection: Projection | None = None
    ) -> tuple[Any, Any]:
        """Run one step on tokens that a search chose.

        Args:
            tokens: The tokens before, int32 `(batch,)`.
            states: The states before the step.
            memory: What `memory` returned.
            projection: What `output_layer.projection` returned, asked for once for all steps.

        Returns:
            `(logits, states)`: logits float32 `(batch, vocabulary_size)`, and the next states, of
            which `cell.alignments(states)` are the alignments, `(batch, source_time)`.
        """
        output, states = self.cell(self.embedding(tokens), states, memory=memory)
        projection = projection or self.output_layer.projection()
        return self.output_layer.logits(self._read(output), projection), states

    def _read(self, output: Any) -> Any:
        return output if self.readout is None else self.readout(output)
