"""The sequence loss of `tfa.seq2seq`, with all its ways of averaging."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

__all__ = ["SequenceLoss", "sequence_loss"]


def sequence_loss(
    logits: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    sum_over_timesteps: bool = False,
    sum_over_batch: bool = False,
    softmax_loss_function: Callable[..., tf.Tensor] | None = None,
    name: str | None = None,
) -> tf.Tensor:
    """Return the weighted cross-entropy of a batch of sequences, averaged as asked for.

        e_{b,t} = - weights_{b,t} log softmax(logits_{b,t})[targets_{b,t}]

        average over both:  sum(e) / sum(weights)
        average over one:   sum over its axis of e / sum over that axis of weights
        sum over both:      sum(e) / number of weights that are not zero
        sum over one:       sum over its axis of e / number over that axis
        neither:            e

    Where the divisor is zero, so is the result.

    Args:
        logits: float `(batch, time, vocabulary_size)`.
        targets: int `(batch, time)`, or probabilities or one-hot `(batch, time, vocabulary_size)`.
        weights: Numbers or truth values `(batch, time)`; zero at padding.
        average_across_timesteps: Whether to average over time.
        average_across_batch: Whether to average over the batch.
        sum_over_timesteps: Whether to sum over time, instead.
        sum_over_batch: Whether to sum over the batch, instead.
        softmax_loss_function: Maps `labels`, the targets with batch and time as one axis, and
            `logits`, `(batch * time, vocabulary_size)`, named so, to cross-entropies; by default
            those of all classes.
        name: Prefix of the names of operations in a graph.

    Returns:
        A scalar, or where one axis or none is reduced `(batch,)`, `(time,)` or `(batch, time)`.

    Raises:
        ValueError: If the shapes are others, or some axis is to be averaged and some summed over.

    >>> weights = tf.constant([[1.0, 1.0, 0.0]])
    >>> loss = sequence_loss(tf.zeros((1, 3, 4)), tf.zeros((1, 3), tf.int32), weights)
    >>> round(float(loss), 4)
    1.3863
    """
    _check_shapes(logits, targets, weights)
    averaged = _axes(average_across_batch, average_across_timesteps)
    summed = _axes(sum_over_batch, sum_over_timesteps)
    if averaged and summed:
        raise ValueError(
            "`sequence_loss` needs axes to average or to sum over, not both kinds. Received: "
            f"{average_across_timesteps=}, {average_across_batch=}, {sum_over_timesteps=}, "
            f"{sum_over_batch=}. Set those of one kind to False."
        )
    with tf.name_scope(name or "sequence_loss"):
        losses = _entropies(logits, targets, softmax_loss_function)
        weights = tf.cast(weights, losses.dtype)
        losses = tf.reshape(losses, tf.shape(weights)) * weights
        divisors = weights if averaged else tf.cast(weights != 0, losses.dtype)
        if not (axes := averaged or summed):
            return losses
        total = tf.reduce_sum(losses, axis=axes)
        return tf.math.divide_no_nan(total, tf.reduce_sum(divisors, axis=axes))


@keras.saving.register_keras_serializable(package="seq2seq")
class SequenceLoss(keras.losses.Loss):
    """`sequence_loss` to compile a Keras model with; by default the sum over time and batch.

    The weights are the `sample_weight` of `fit`, `(batch, time)`, or else the mask that the logits
    carry, or else ones.

    Args:
        average_across_timesteps: This and all others as for `sequence_loss`.
        average_across_batch: Whether to average over the batch.
        sum_over_timesteps: Whether to sum over time, instead.
        sum_over_batch: Whether to sum over the batch, instead.
        softmax_loss_function: In place of the cross-entropy of all classes.
        name: The name.

    Raises:
        ValueError: When called, as `sequence_loss`.

    >>> loss = SequenceLoss()
    >>> round(float(loss(tf.zeros((1, 3), tf.int32), tf.zeros((1, 3, 4)))), 4)
    1.3863
    """

    def __init__(
        self,
        average_across_timesteps: bool = False,
        average_across_batch: bool = False,
        sum_over_timesteps: bool = True,
        sum_over_batch: bool = True,
        softmax_loss_function: Callable[..., tf.Tensor] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name or "sequence_loss", reduction=None)
        self.options = {
            "average_across_timesteps": average_across_timesteps,
            "average_across_batch": average_across_batch,
            "sum_over_timesteps": sum_over_timesteps,
            "sum_over_batch": sum_over_batch,
            "softmax_loss_function": softmax_loss_function,
        }

    def __call__(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the loss of logits `y_pred` for targets `y_true`."""
        weights = getattr(y_pred, "_keras_mask", None) if sample_weight is None else sample_weight
        logits = tf.convert_to_tensor(y_pred)
        weights = tf.ones(tf.shape(logits)[:2]) if weights is None else weights
        return sequence_loss(logits, y_true, weights, **self.options, name=self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"name": self.name, **self.options}


def _entropies(
    logits: tf.Tensor, targets: tf.Tensor, entropy: Callable[..., tf.Tensor] | None
) -> tf.Tensor:
    """Return the cross-entropies, `(batch * time,)`, of half precision in float32."""
    logits = tf.convert_to_tensor(logits)
    if logits.dtype.size < 4:  # Sums over a batch would be too large.
        logits = tf.cast(logits, tf.float32)
    logits = tf.reshape(logits, [-1, tf.shape(logits)[-1]])
    if len(targets.shape) == 2:
        entropy = entropy or tf.nn.sparse_softmax_cross_entropy_with_logits
        return entropy(labels=tf.reshape(targets, [-1]), logits=logits)
    entropy = entropy or tf.nn.softmax_cross_entropy_with_logits
    labels = tf.cast(tf.reshape(targets, tf.shape(logits)), logits.dtype)
    return entropy(labels=labels, logits=logits)


def _axes(batch: bool, time: bool) -> list[int]:
    return [axis for axis, is_reduced in enumerate((batch, time)) if is_reduced]


def _check_shapes(logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> None:
    shapes = [tf.TensorShape(tensor.shape) for tensor in (logits, targets, weights)]
    wanted, of_targets, of_weights = shapes
    is_right = wanted.rank == 3 and of_targets.rank in {2, 3} and of_weights.rank == 2
    if not is_right or not all(
        shape.is_compatible_with(wanted[: shape.rank]) for shape in (of_targets, of_weights)
    ):
        raise ValueError(
            "`sequence_loss` needs logits `(batch, time, vocabulary_size)`, targets of that shape "
            "or `(batch, time)`, and weights `(batch, time)`. Received: shapes "
            f"{', '.join(map(str, shapes))}. Reshape them."
        )
