"""The contract of a recurrent cell."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_rnn._checks import check_count
from keras_rnn._types import Noise, State, Step, Tensor
from keras_rnn.products import recurrent_product

__all__ = ["RecurrentCell"]


class RecurrentCell(keras.layers.Layer):
    """One step of a recurrent network in time: `output_t, states_t = cell(x_t, states_{t-1})`.

    A cell of one's own sets `state_size` (an integer, or a list with one entry a state) and
    `output_size`, and writes two methods:

    - `project(inputs)`: all that depends on the input alone, `U x_t + b`. A sequence layer calls
      it once over all steps.
    - `step(projected, states, training)`: the rest of the step. Each product of a state with a
      recurrent kernel, `W s_{t-1}`, is asked of `self.recur(state, kernel)`.

    `call` joins the two, so the same cell also runs in `keras.layers.RNN` and in a decoder.

    What is random in a call, such as a dropout mask, is drawn once by `draw_noise` and reaches
    `project` and `step` as the argument `noise`. Nothing about one call lives on the cell.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: The states before the step, as `state_size` says.
        training: Whether this is a training step.

    Returns:
        `(output, states)`: the output `(batch, output_size)` and the next states.

    >>> class LeakyCell(RecurrentCell):
    ...     state_size = output_size = 3
    ...     def step(self, projected, states, training=False):
    ...         (h,) = states
    ...         h = 0.5 * h + 0.5 * projected
    ...         return h, [h]
    >>> from keras_rnn import RNN
    >>> RNN(LeakyCell())(ops.ones((1, 2, 3))).numpy().tolist()
    [[0.75, 0.75, 0.75]]
    """

    state_size: Any
    output_size: int
    state_of_gates = 0
    """Which of the states its gates read, the h of an LSTM: what `DropoutCell` drops."""
    scaled_states: Sequence[int] = ()
    """Which of the states belong together, so that `ZoneoutCell` must leave each as it is."""

    def cells_of_states(self) -> Sequence[Any]:
        """Return the cells inside this one whose states its own begin with, in this order.

        By default that is its `cell`, if it has one.
        """
        return [self.cell] if hasattr(self, "cell") else []

    def project(self, inputs: Tensor) -> Tensor:
        """Return what depends on the input alone; by default the input itself.

        Args:
            inputs: `(batch, features)` or `(batch, time, features)`.

        Returns:
            A tensor with the same leading axes.
        """
        return inputs

    def step(self, projected: Tensor, states: State, training: bool = False) -> Step:
        """Return output and next states of one step; every cell writes this.

        Args:
            projected: One time step of what `project` returned, `(batch, ...)`.
            states: The states before the step.
            training: Whether this is a training step.
        """
        raise NotImplementedError(
            f"`{type(self).__name__}` needs a method `step(projected, states, training)`. "
            "Write it, or write `call` as for a plain Keras cell."
        )

    def prepare(self, **constants: Any) -> dict[str, Any]:
        """Return the constants of a call as `step` needs them; by default as they are.

        A layer calls it once for all steps: what depends on constants alone is computed here.
        """
        return constants

    def draw_noise(
        self, batch_size: int | Tensor, features: int, length: int | Tensor | None = None
    ) -> Noise | None:
        """Draw what is random in one call in training, or return `None` if nothing is.

        What it returns comes back as the argument `noise` of `project` and `step`; a cell that
        returns `None` needs no such argument. A tensor without a gradient, such as a mask, is best
        returned through `keras.ops.stop_gradient`: none is then computed. What is another at each
        step is returned as `EachStep`.

        Args:
            batch_size: Number of sequences.
            features: Size of the input of one step.
            length: Number of steps; `None` for one step alone.
        """
        return None

    def recur(self, state: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return `state @ kernel + bias`, the product of a state with a recurrent kernel.

        Asked of the base class so that a scan can see these products apart from the rest: it
        keeps them, and forms the kernel's gradient once for all steps. And so that a cell around
        this one can drop entries of the kernel.

        Args:
            state: `(batch, features)`, or what was computed from a state.
            kernel: `(features, columns)`; a weight, or what was computed from weights alone.
            bias: `(columns,)`, or `None`.
        """
        return recurrent_product(state, kernel, bias)

    def call(self, inputs: Tensor, states: State, training: bool = False, **constants: Any) -> Step:
        """Run one step on its own: `step(project(inputs), states)`; constants are the step's.

        In training each call draws its noise: in `keras.layers.RNN`, which calls a cell at every
        step, each step has masks of its own, where our `RNN` has one for all steps.

        A cell of one state takes that also as a bare tensor, and returns it as one.
        """
        has_list = isinstance(self.state_size, list | tuple)
        if not has_list and not isinstance(states, list | tuple):
            output, states = self.call(inputs, [states], training, **constants)
            return output, states[0]
        wanted = len(self.state_size) if has_list else 1
        check_count(type(self).__name__, "states", states, wanted)
        noise = self.draw_noise(ops.shape(inputs)[0], inputs.shape[-1]) if training else None
        given = {} if noise is None else {"noise": noise}
        projected = self.project(inputs, **given)
        return self.step(projected, states, training=training, **given, **constants)

    def get_initial_state(self, batch_size: int | Tensor | None = None, **constants: Any) -> State:
        """Return states of zeros, each `(batch_size, size)`, one for each entry of `state_size`.

        Args:
            batch_size: Number of sequences.
            **constants: Those that `step` will get, for cells whose states depend on them.
        """
        sizes = self.state_size if isinstance(self.state_size, list | tuple) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RecurrentCell":
        """Build the cell from what `get_config` returned, here or in Keras 2.

        There a type that has a policy was a `Policy`, of which Keras 3 knows nothing.
        """
        dtype = config.get("dtype")
        if isinstance(dtype, dict) and dtype.get("class_name") == "Policy":
            config = {**config, "dtype": dtype["config"]["name"]}
        return super().from_config(config)
