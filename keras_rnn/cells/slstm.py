"""The long short-term memory cell with exponential gates, sLSTM."""

from typing import Any

import keras
from keras import ops

from keras_rnn._cell_checks import check_heads
from keras_rnn._checks import check_choice
from keras_rnn._types import Shape, State, Step, Tensor
from keras_rnn.cells.gated import drop_candidate
from keras_rnn.cells.kernels import NO_DROPOUT, DropoutMasks, drop_state
from keras_rnn.cells.lstm import LSTMCell

__all__ = ["SLSTMCell"]

FORGET_GATES = ("sigmoid", "exponential")
FAR_BELOW = 1000.0  # exp(-1000) is zero in each floating type, and float16 holds 1000.


@keras.saving.register_keras_serializable(package="keras_rnn")
class SLSTMCell(LSTMCell):
    """LSTM with an exponential input gate, and a normaliser that counts what the gates let in.

        i_t = exp(x_t U_i + h_{t-1} W_i + b_i)
        f_t = sigmoid(x_t U_f + h_{t-1} W_f + b_f)                      or exp
        g_t = tanh(x_t U_g + h_{t-1} W_g + b_g)
        o_t = sigmoid(x_t U_o + h_{t-1} W_o + b_o)
        c_t = f_t * c_{t-1} + i_t * g_t
        n_t = f_t * n_{t-1} + i_t
        h_t = o_t * c_t / n_t

    So that no exponential overflows, the states c and n are kept divided by `exp(m_t)`, with the
    stabiliser `m_t = max(log f_t + m_{t-1}, log i_t)`, which leaves h as it is. Where n is zero, as
    in the initial states, the memory is empty: `m_t = log i_t`, whatever m and c were; of learned
    initial states only h learns. As c, n and m belong together, `ZoneoutCell` zones out h
    alone. With exponential forget gates m may grow with each step: in half precision,
    `state_dtype="float32"` keeps it exact.

    `kernel` (U) is `(features, 4 * units)`, `bias` `(4 * units,)`; columns are in the order i, f,
    g, o. W has a block for each head, from the head's part of h to the head's parts of the gates:
    `recurrent_kernel` is `(heads, units / heads, 4 * units / heads)`, columns in the same order.

    Args:
        units: Size of the states and of the output.
        heads: Number of blocks of W, a divisor of `units`.
        forget_gate: `"sigmoid"` or `"exponential"`.
        **kwargs: The further arguments of `LSTMCell`: `activation` stands in place of tanh,
            `recurrent_activation` in place of the output gate's sigmoid.

    Call arguments:
        inputs: One time step, `(batch, features)`.
        states: `[h, c, n, m]`, each `(batch, units)`; n is not negative.
        training: Whether dropout applies.

    Returns:
        `(h, [h, c, n, m])`: output and next states, each `(batch, units)`.

    Raises:
        ValueError: If `units` is not a positive integer, `heads` does not divide it, `forget_gate`
            is none of the two, or a rate is not in [0, 1].

    Reference: Beck et al., 2024, https://arxiv.org/abs/2405.04517

    >>> cell = SLSTMCell(4, heads=2)
    >>> h, states = cell(ops.zeros((2, 3)), cell.get_initial_state(2))
    >>> len(states), tuple(cell.recurrent_kernel.shape)
    (4, (2, 2, 8))
    """

    scaled_states = (1, 2, 3)

    def __init__(
        self, units: int, *, heads: int = 1, forget_gate: str = "sigmoid", **kwargs: Any
    ) -> None:
        super().__init__(units, **kwargs)
        owner = type(self).__name__
        self.heads = check_heads(owner, heads, self.units)
        self.forget_gate = check_choice(owner, "forget_gate", forget_gate, FORGET_GATES)
        self.state_size = [self.units] * 4

    def recurrent_shape(self) -> Shape:
        """Return the shape of W: its blocks."""
        size = self.units // self.heads
        return (self.heads, size, self.blocks * size)

    def step(
        self,
        projected: Tensor,
        states: State,
        training: bool = False,
        noise: DropoutMasks = NO_DROPOUT,
    ) -> Step:
        """Return `h_t` and `[h_t, c_t, n_t, m_t]`."""
        h, c, n, m = states
        z = projected + self._recur_by_heads(drop_state(h, noise))
        log_i, z_f, z_g, z_o = ops.split(z, 4, axis=-1)
        log_f = z_f if self.forget_gate == "exponential" else ops.log_sigmoid(z_f)
        before = ops.where(ops.equal(n, 0), log_i - FAR_BELOW, log_f + m)
        m = ops.maximum(before, log_i)
        i, f = ops.exp(log_i - m), ops.exp(before - m)
        c = f * c + i * drop_candidate(self.activation(z_g), noise)
        n = f * n + i
        h = self.recurrent_activation(z_o) * c / n
        return h, [h, c, n, m]

    def _recur_by_heads(self, h: Tensor) -> Tensor:
        """Return `h W`, `(batch, 4 * units)`, its columns gate by gate as those of U."""
        kernels = ops.unstack(self.recurrent_kernel, self.heads)
        if self.heads == 1:
            return self.recur(h, kernels[0])
        parts = zip(ops.split(h, self.heads, axis=-1), kernels, strict=True)
        shape = (-1, self.blocks, self.units // self.heads)
        by_head = [ops.reshape(self.recur(part, kernel), shape) for part, kernel in parts]
        return ops.reshape(ops.stack(by_head, axis=2), (-1, self.blocks * self.units))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        return {**config, "heads": self.heads, "forget_gate": self.forget_gate}
