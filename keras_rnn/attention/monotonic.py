"""Monotonic attention: what has been passed is never looked at again."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_rnn._cell_checks import (
    check_no_probability,
    check_not_negative,
    check_number,
    check_seed,
)
from keras_rnn._checks import check_choice
from keras_rnn._types import Noise, Shape, State, Tensor
from keras_rnn.attention.bahdanau import BahdanauAttention
from keras_rnn.attention.base import AttentionMechanism, Memory
from keras_rnn.attention.luong import LuongAttention
from keras_rnn.attention.probability import monotonic_attention
from keras_rnn.cells.noise import EachStep

__all__ = ["BahdanauMonotonicAttention", "LuongMonotonicAttention"]

MODES = ["parallel", "recursive", "hard"]


class MonotonicAttention(AttentionMechanism):
    """What makes a mechanism monotonic; comes first among the bases, its scoring after it.

        p_j = sigmoid(e_j + r + noise)              noise in training only; 0 at padding
        a_j = p_j q_j,      q_j = (1 - p_{j-1}) q_{j-1} + a'_j

    with `score_bias` (r) a scalar, a' the alignments of the step before, and the first step's a'
    all on the first step of the memory. With `"hard"`, `p_j = 1` where the score is above zero,
    else 0. What it remembers is a'.
    """

    state_count = 1

    def __init__(
        self,
        *args: Any,
        sigmoid_noise: float = 0.0,
        sigmoid_noise_seed: int | None = None,
        score_bias_init: float = 0.0,
        mode: str = "parallel",
        inference_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        check_no_probability(owner, kwargs)
        super().__init__(*args, **kwargs)
        self.sigmoid_noise = check_not_negative(owner, "sigmoid_noise", sigmoid_noise)
        self.sigmoid_noise_seed = check_seed(owner, sigmoid_noise_seed, "sigmoid_noise_seed")
        self.score_bias_init = check_number(owner, "score_bias_init", score_bias_init)
        self.mode = check_choice(owner, "mode", mode, MODES)
        if inference_mode is not None:
            inference_mode = check_choice(owner, "inference_mode", inference_mode, MODES)
        self.inference_mode = inference_mode
        self.seed_generator = keras.random.SeedGenerator(sigmoid_noise_seed)

    def build(self, query_shape: Shape, memory_shape: Any) -> None:
        """Create the weights of the scores, and r."""
        super().build(query_shape, memory_shape)
        initializer = keras.initializers.Constant(self.score_bias_init)
        self.score_bias = self.add_weight((), name="score_bias", initializer=initializer)

    def initial_state(self, batch_size: int | Tensor, memory: Memory) -> State:
        """Return the alignments before the first step: all on the first step of the memory."""
        length = ops.shape(memory.values)[1]
        first = ops.zeros((batch_size,), "int32")
        return [ops.one_hot(first, length, dtype=self.compute_dtype)]

    def draw_noise(self, batch_size: int | Tensor, length: int | Tensor | None) -> Noise | None:
        """Draw a seed for each step, since the length of the memory is not known here."""
        if not self.sigmoid_noise:
            return None
        shape = (batch_size, 2) if length is None else (batch_size, length, 2)
        seeds = keras.random.randint(shape, 0, 2**31 - 1, dtype="int32", seed=self.seed_generator)
        return EachStep(seeds)

    def align(
        self, scores: Tensor, memory: Memory, states: State, training: bool, noise: Noise | None
    ) -> Tensor:
        """Return the alignments that belong to the scores."""
        scores = scores + self.score_bias
        if noise is not None:
            # One seed for all rows; that of the first would not be there in a batch of none.
            seed = ops.max(noise.values, axis=0)
            drawn = tf.random.stateless_normal(tf.shape(scores), seed, dtype=scores.dtype)
            scores = scores + self.sigmoid_noise * drawn
        mode = self.mode if training else self.inference_mode or self.mode
        choose = ops.cast(scores > 0, scores.dtype) if mode == "hard" else ops.sigmoid(scores)
        if memory.mask is not None:
            choose = choose * ops.cast(memory.mask, choose.dtype)
        return monotonic_attention(choose, states[0], mode)

    def remember(self, alignments: Tensor, states: State) -> State:
        """Return the alignments."""
        return [alignments]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        names = ("sigmoid_noise", "sigmoid_noise_seed", "score_bias_init", "mode", "inference_mode")
        config = {**super().get_config(), **{name: getattr(self, name) for name in names}}
        del config["probability_fn"]  # Of the mechanism that scores; here it has no say.
        return config


@keras.saving.register_keras_serializable(package="keras_rnn")
class BahdanauMonotonicAttention(MonotonicAttention, BahdanauAttention):
    """Monotonic attention with additive scores.

        e_j = v . tanh(q W + m_j M)                 as `BahdanauAttention`, also normalised
        p_j = sigmoid(e_j + r + noise)              noise in training only
        a_j = p_j q_j,      q_j = (1 - p_{j-1}) q_{j-1} + a'_j,     a' the alignments before
        context = sum_j a_j m_j

    Alignments may add up to less than one: attention can have gone past the end. In mode `"hard"`
    `p_j = 1` where `e_j + r + noise > 0` and else 0, so `a` has a single one or none. The first
    step goes on from the first step of the memory.

    Args:
        units: Size of the scoring network.
        normalize: Whether the scores are normalised.
        sigmoid_noise: Standard deviation of the noise in training, which teaches scores to be far
            from zero.
        sigmoid_noise_seed: Seed of that noise.
        score_bias_init: Initial value of `score_bias` (r); below zero, attention starts out moving
            on without stopping.
        mode: How alignments are computed: `"parallel"`, in closed form, as in `tfa`, which loses
            them where the product of `1 - p` over the steps of the memory before is below 1e-10:
            4 steps with p = 0.999 will do, or 34 with p = 0.5; `"recursive"`, as written above,
            which loses none, and is the one to train with; `"hard"`, which cannot be trained.
        inference_mode: The mode when not training, if another: mostly `"hard"`.
        kernel_initializer: Initial values of W, M and v.

    Call arguments:
        query: `(batch, query_features)`.
        memory: What `memory(values, mask)` returned.
        states: `[a']`, `(batch, memory_time)`; `initial_state(batch_size, memory)`.

    Returns:
        A `Look`, `(context, alignments, states)`: `(batch, memory_features)`,
        `(batch, memory_time)`, and `[alignments]`.

    Raises:
        ValueError: If an argument is not as it must be.

    Reference: Raffel et al., 2017, https://arxiv.org/abs/1704.00784

    >>> attention = BahdanauMonotonicAttention(8, mode="hard", score_bias_init=1.0)
    >>> attention.build((None, 4), (None, None, 6))
    >>> memory = attention.memory(ops.zeros((1, 3, 6)))
    >>> states = attention.initial_state(1, memory)
    >>> attention(ops.zeros((1, 4)), memory, states).alignments.numpy().tolist()
    [[1.0, 0.0, 0.0]]
    """

    def __init__(
        self,
        units: int,
        normalize: bool = False,
        sigmoid_noise: float = 0.0,
        sigmoid_noise_seed: int | None = None,
        score_bias_init: float = 0.0,
        mode: str = "parallel",
        inference_mode: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            normalize=normalize,
            sigmoid_noise=sigmoid_noise,
            sigmoid_noise_seed=sigmoid_noise_seed,
            score_bias_init=score_bias_init,
            mode=mode,
            inference_mode=inference_mode,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )


@keras.saving.register_keras_serializable(package="keras_rnn")
class LuongMonotonicAttention(MonotonicAttention, LuongAttention):
    """Monotonic attention with multiplicative scores.

        e_j = q . (m_j M)                           as `LuongAttention`: general, dot, scaled
        p_j, a_j, context                           as `BahdanauMonotonicAttention`

    Args:
        units: Size of the query, or `None` for a product with the memory as it is.
        scale: Whether the score is scaled by a weight.
        sigmoid_noise: As in `BahdanauMonotonicAttention`, like all that follow.
        sigmoid_noise_seed: As there.
        score_bias_init: As there.
        mode: As there.
        inference_mode: As there.
        kernel_initializer: Initial values of M.

    Call arguments and returns: as `BahdanauMonotonicAttention`.

    Raises:
        ValueError: If an argument is not as it must be.

    Reference: Raffel et al., 2017, https://arxiv.org/abs/1704.00784
    """

    def __init__(
        self,
        units: int | None = None,
        scale: bool = False,
        sigmoid_noise: float = 0.0,
        sigmoid_noise_seed: int | None = None,
        score_bias_init: float = 0.0,
        mode: str = "parallel",
        inference_mode: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            scale=scale,
            sigmoid_noise=sigmoid_noise,
            sigmoid_noise_seed=sigmoid_noise_seed,
            score_bias_init=score_bias_init,
            mode=mode,
            inference_mode=inference_mode,
            kernel_initializer=kernel_initializer,
            **kwargs,
        )
