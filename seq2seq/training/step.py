"""One update of the weights: forward, backward through time, clip, apply."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from seq2seq.training.losses import (
    LossSums,
    consistent_cross_entropy,
    masked_cross_entropy,
)

__all__ = ["make_evaluation_step", "make_train_step"]

TOKENS = tf.TensorSpec([None, None], tf.int32)


def make_train_step(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    label_smoothing: float,
    clip_norm: float,
    mix: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    r_drop: float = 0.0,
    parts: int = 1,
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], LossSums]:
    """Return a compiled function that updates the weights on one batch.

        L = loss_sum / tokens                       loss_sum = sum over the parts of the batch
        g = dL/dw                                   back through every step in time
        g <- g * min(1, clip_norm / ||g||)          one norm over all weights
        w <- optimizer(w, g)                        for SGD: w - rate * g

    An update whose gradient is not finite is left out: `optimizer.iterations` does not count it.

    Reference: clipping: Pascanu et al., 2013, https://arxiv.org/abs/1211.5063

    Args:
        model: The model.
        optimizer: The optimizer; a `LossScaleOptimizer` scales the loss.
        label_smoothing: The share of probability spread over the vocabulary.
        clip_norm: The longest gradient; 0 for no clipping.
        mix: Maps source and shifted target to what the decoder reads; by default the target.
        r_drop: The weight of the divergence of two runs with other dropout; 0: one run.
        parts: Row i of a batch is in part i mod `parts`; a part may be empty. No operation of one
            part needs a result of another, so that each can have a core of its own. Their dropout
            differs from that of the whole batch.
    """
    # Created here, since an optimizer must not create variables inside a compiled function.
    optimizer.build(model.trainable_variables)

    def loss_of(source: tf.Tensor, read: tf.Tensor, target_out: tf.Tensor) -> LossSums:
        if r_drop:
            logits = model((tf.tile(source, [2, 1]), tf.tile(read, [2, 1])), training=True)
            return consistent_cross_entropy(target_out, logits, label_smoothing, r_drop)
        logits = model((source, read), training=True)
        return masked_cross_entropy(target_out, logits, label_smoothing)

    @tf.function(input_signature=[TOKENS, TOKENS, TOKENS], autograph=False)
    def train_step(source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> LossSums:
        read = target_in if mix is None else mix(source, target_in)
        batch = source, read, target_out
        with tf.GradientTape() as tape:
            sums = _total([loss_of(*_part(batch, part, parts)) for part in range(parts)])
            loss = optimizer.scale_loss(sums.loss / sums.tokens)
        # An embedding's gradient comes as rows, some of them twice; dense, it is summed, as a norm
        # needs it to be.
        gradients = map(tf.convert_to_tensor, tape.gradient(loss, model.trainable_variables))
        gradients, norm = _clip(list(gradients), clip_norm, _loss_scale(optimizer))
        _apply(optimizer, gradients, model.trainable_variables, norm)
        return sums

    return train_step


def make_evaluation_step(
    *models: keras.Model,
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], LossSums]:
    """Return a compiled function that measures the loss on one batch, without label smoothing.

    Args:
        *models: The model, or several whose probabilities are averaged: `p(k) = mean_i p_i(k)`.
    """

    @tf.function(input_signature=[TOKENS, TOKENS, TOKENS], autograph=False)
    def evaluation_step(source: tf.Tensor, target_in: tf.Tensor, target_out: tf.Tensor) -> LossSums:
        logits = [model((source, target_in), training=False) for model in models]
        if len(models) > 1:
            logits = [tf.reduce_logsumexp(tf.nn.log_softmax(tf.stack(logits)), axis=0)]
        return masked_cross_entropy(target_out, logits[0])

    return evaluation_step


def _part(batch: Sequence[tf.Tensor], part: int, parts: int) -> list[tf.Tensor]:
    return [side[part::parts] for side in batch]


def _total(parts: Sequence[LossSums]) -> LossSums:
    return LossSums(*map(tf.add_n, zip(*parts, strict=True)))


def _clip(gradients: list[Any], clip_norm: float, scale: Any) -> tuple[list[Any], tf.Tensor]:
    norm = tf.linalg.global_norm(gradients)
    if not clip_norm:
        return gradients, norm
    return tf.clip_by_global_norm(gradients, clip_norm * scale, use_norm=norm)


def _apply(
    optimizer: keras.optimizers.Optimizer, gradients: list[Any], variables: list[Any], norm: Any
) -> None:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        # It leaves an update that is not finite out itself, and lowers its scale.
        optimizer.apply(gradients, variables)
        return

    def apply() -> tf.Tensor:
        optimizer.apply(gradients, variables)
        return tf.constant(True)

    tf.cond(tf.math.is_finite(norm), apply, lambda: tf.constant(False))


def _loss_scale(optimizer: keras.optimizers.Optimizer) -> Any:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return tf.convert_to_tensor(optimizer.dynamic_scale)
    return 1.0
