"""`RNN(cell)`: a cell and the scan make a sequence layer."""

from typing import Any

import keras
from keras import ops, tree

from keras_rnn._checks import (
    check_batch_size,
    check_cell,
    check_known_batch_size,
    check_learnable,
    check_mask,
    check_rank,
    check_time_steps,
)
from keras_rnn._scan_checks import (
    check_own_backward,
    check_recompute,
    check_state_dtype,
    check_static_length,
    check_truncation,
)
from keras_rnn._types import Noise, Shape, State, Tensor
from keras_rnn.cells import StackedRNNCells, contract
from keras_rnn.layers.base import SequenceLayer, mask_of_output
from keras_rnn.layers.precision import computing_as, floats_to
from keras_rnn.layers.scan_cell import scan_cell
from keras_rnn.layers.states import KeptStates, assign_states, fitted, learned_states, reset, spread
from keras_rnn.scan import ScanResult

__all__ = ["RNN"]


@keras.saving.register_keras_serializable(package="keras_rnn")
class RNN(SequenceLayer):
    """Run a cell over a sequence.

        output_t, states_t = cell(x_t, states_{t-1})        t = 1 .. time

    The output is that of every step (`return_sequences`) or that of the last one only. A masked
    step carries the states on. With an output layer, `o_t = softmax(V s_t)`, these are the
    textbook's two networks:

        every step:     Dense(n, "softmax")(SimpleRNN(units, return_sequences=True)(x))
        the last step:  Dense(n, "softmax")(SimpleRNN(units)(x))

    Args:
        cell: A cell, ours or a plain Keras cell, or a list of cells, which becomes a stack.
        return_sequences: Whether to return the outputs of all steps.
        return_state: Whether to return the last states too.
        go_backwards: Whether to read the sequence from its end; outputs come in that order.
        stateful: Whether each call starts from the states in which the last one ended.
        unroll: Whether to write the loop over time out; needs a known number of steps.
        zero_output_for_mask: Whether outputs of masked steps are zeros; otherwise the output of
            the step before is repeated.
        recompute: To save memory on long sequences, in training: keep the states of every so many
            steps only, and run the steps between once more on the way back. About the square root
            of the length keeps least. Needs a cell with `project` and `step`, and no `unroll`.
        truncation: `(k1, k2)`, truncated backpropagation through time: in training, after each k1
            steps and the last, the gradient of the outputs since goes back k2 steps and no further,
            masked steps counted. The same needs; one of the two at a time.
        learn_initial_state: Whether the states before the first step are weights, one vector a
            state and the same for all sequences; otherwise they are zeros.
        state_dtype: The type of the states and of all that is element by element in a step, if not
            that of the layer: `"float32"` keeps long memory right while products stay in half.

    Call arguments:
        sequences: `(batch, time, features)`; integers become numbers of the layer's type.
        initial_state: The states before the first step, one tensor a state; zeros by default. For a
            cell with attention those of the cell in it will do.
        mask: Boolean `(batch, time)`, false where a step is padding. By default the mask that a
            layer before attached to `sequences`, also when `initial_state` is given.
        training: Whether dropout applies.
        constants: Further arguments of the cell's `step` that are the same at every step, by name,
            such as `{"memory": values}` for an attention cell, or the `Memory` made of them.

    Returns:
        `(batch, time, output_size)`, or `(batch, output_size)` without `return_sequences`; with
        `return_state`, a tuple of this and the last states.

    Raises:
        ValueError: If the cell cannot be stepped, or sequences, mask or states do not fit.
        tf.errors.InvalidArgumentError: If a second derivative is asked for, in training in a graph.

    >>> from keras_rnn import SimpleRNNCell
    >>> tuple(RNN(SimpleRNNCell(4), return_sequences=True)(ops.zeros((2, 5, 3))).shape)
    (2, 5, 4)
    """

    reads_vectors = False  # A cell of one's own may read more axes than features.

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        *,
        learn_initial_state: bool = False,
        recompute: int | None = None,
        truncation: tuple[int, int] | None = None,
        state_dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        cell = check_cell(owner, StackedRNNCells(cell) if isinstance(cell, list | tuple) else cell)
        kwargs.setdefault("dtype", getattr(cell, "dtype_policy", None))
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.recompute = check_recompute(owner, recompute, unroll, truncation)
        self.truncation = check_truncation(owner, truncation, unroll)
        is_asked = recompute is not None or truncation is not None
        check_own_backward(owner, cell, is_asked, contract.follows_contract(cell))
        self.state_dtype = check_state_dtype(owner, state_dtype, cell, contract.follows_contract)
        self.learn_initial_state = check_learnable(owner, learn_initial_state, stateful)
        self.learned_states: list[Any] = []
        self._kept: KeptStates | None = None

    def build(
        self, sequences_shape: Shape, initial_state_shape: Any = None, constants_shape: Any = None
    ) -> None:
        """Build the cell, and the variables for states that are kept or learned."""
        self._check_shape(sequences_shape)
        contract.build_cell(self.cell, (sequences_shape[0], *sequences_shape[2:]), constants_shape)
        if self.stateful:
            batch_size = check_known_batch_size(self.name, sequences_shape[0])
            dtype = self.state_dtype or self.variable_dtype
            self._kept = KeptStates(lambda: self.get_initial_state(batch_size), dtype)
        if self.learn_initial_state:
            self.learned_states = learned_states(self, contract.initial_state(self.cell, 1))
        self.built = True

    def call(
        self,
        sequences: Tensor,
        initial_state: State | None = None,
        mask: Tensor | None = None,
        training: bool = False,
        constants: dict[str, Any] | None = None,
    ) -> Any:
        """Run the cell over the sequences."""
        self._check_call(sequences, mask)
        constants = contract.prepare(self.cell, constants)
        batch_size, length, *_, features = ops.shape(sequences)
        wanted = self.get_initial_state(batch_size, **constants)
        if initial_state is None:
            initial_state = self.states if self.stateful else wanted
        first = contract.inner_state_count(self.cell)
        states = fitted(self.name, initial_state, wanted, self.state_dtype, first)
        with computing_as(self.cell, self) as dtype:
            noise = contract.draw_noise(self.cell, batch_size, features, training, length)
            outputs, last_output, states = self.scan(
                ops.cast(sequences, dtype), states, noise, constants, training, mask
            )
        if self.stateful:
            assign_states(self.states, states)
        output = outputs if self.return_sequences else last_output
        output = ops.cast(output, self.compute_dtype)
        states = floats_to(self.state_dtype or self.compute_dtype, states)
        return (output, *states) if self.return_state else output

    def scan(
        self,
        sequences: Tensor,
        states: State,
        noise: Noise | None,
        constants: dict[str, Any],
        training: bool,
        mask: Tensor | None,
    ) -> ScanResult:
        """Run the cell over the sequences from the given states; a layer may have another way.

        Args:
            sequences: `(batch, time, features)`.
            states: The states before the first step.
            noise: What the cell drew for this call.
            constants: Further arguments of its step, by name.
            training: Whether this is a training step.
            mask: Boolean `(batch, time)`, or `None`.
        """
        return scan_cell(
            self.cell,
            sequences,
            states,
            noise,
            constants,
            training,
            mask=mask,
            reverse=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
            keep_outputs=self.return_sequences,
            recompute=self.recompute,
            truncation=self.truncation,
            state_dtype=self.state_dtype,
        )

    def get_initial_state(self, batch_size: int | Tensor, **constants: Any) -> State:
        """Return the states before the first step when none are given."""
        zeros = contract.initial_state(self.cell, batch_size, **constants)
        return spread(self.learned_states, zeros) if self.learned_states else zeros

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states: those of the cell, as a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, list | tuple) else [size]

    @property
    def states(self) -> State | None:
        """The variables of a stateful layer that keep its states; `None` if there are none."""
        return None if self._kept is None else self._kept.states

    def reset_state(self, states: State | None = None) -> None:
        """Set the states of a stateful layer.

        Args:
            states: What to set them to, one tensor a state; zeros by default.

        Raises:
            ValueError: If states are given and do not fit, or the layer keeps none.
        """
        reset(self.name, self.states, states)

    reset_states = reset_state

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> Any:
        """Return the mask of the output, in its order, if sequences are returned."""
        output_mask = mask_of_output(self, mask)
        if not self.return_state:
            return output_mask
        return [output_mask] + [None] * len(tree.flatten(self.cell.state_size))

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return the shapes of what the layer returns."""
        self._check_shape(sequences_shape)
        batch_size, length = sequences_shape[0], sequences_shape[1]
        size = contract.output_size(self.cell)
        shape = (batch_size, length, size) if self.return_sequences else (batch_size, size)
        if not self.return_state:
            return shape
        return (shape, *tree.map_structure(lambda size: (batch_size, size), self.state_size))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return shapes and types of what the layer returns."""
        spec = super().compute_output_spec(*args, **kwargs)
        if self.state_dtype is None or not self.return_state:
            return spec
        types = tree.map_structure(lambda s: keras.KerasTensor(s.shape, self.state_dtype), spec[1:])
        return (spec[0], *types)

    def _check_shape(self, sequences: Tensor | Shape) -> None:
        axes = "(batch, time, features)"
        check_rank(self.name, "sequences", sequences, 3, axes, or_more=not self.reads_vectors)
        check_time_steps(self.name, sequences)
        if self.unroll:
            check_static_length(self.name, getattr(sequences, "shape", sequences)[1])

    def _check_call(self, sequences: Tensor, mask: Tensor | None) -> None:
        self._check_shape(sequences)
        if mask is not None:
            check_mask(self.name, mask, sequences)
        if self.stateful:
            check_batch_size(self.name, sequences, tree.flatten(self.states)[0].shape[0])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; those that Keras does not have only where set."""
        names = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
        config = {name: getattr(self, name) for name in (*names, "zero_output_for_mask")}
        # Only where given, so that Keras can build its own layer from the config.
        names = ("recompute", "truncation", "state_dtype")
        config |= {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        if self.learn_initial_state:
            config["learn_initial_state"] = True
        if self.activity_regularizer is not None:
            regularizer = keras.regularizers.serialize(self.activity_regularizer)
            config["activity_regularizer"] = regularizer
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**super().get_config(), **config, "cell": cell}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "RNN":
        """Build the layer from what `get_config` returned."""
        config = dict(config)
        cell = keras.saving.deserialize_keras_object(config.pop("cell"), custom_objects)
        return cls(cell, **config)
