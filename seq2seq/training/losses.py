"""The loss: cross-entropy summed over steps, with label smoothing."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from seq2seq.marks import PAD

__all__ = ["LossSums", "consistent_cross_entropy", "masked_cross_entropy"]


class LossSums(NamedTuple):
    """Sums over all target tokens of a batch; whoever averages decides how.

    Attributes:
        loss: The sum that training makes small, with label smoothing. Scalar, in nats.
        negative_log_likelihood: The same sum without label smoothing. Scalar, in nats.
        tokens: The number of target tokens. Scalar float32.
    """

    loss: tf.Tensor
    negative_log_likelihood: tf.Tensor
    tokens: tf.Tensor


def masked_cross_entropy(
    target_out: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0, padding: int = PAD
) -> LossSums:
    """Return the cross-entropy of the targets, summed over all steps that are no padding.

        E = - sum_t sum_k q_{t,k} log p_{t,k},      p_t = softmax(logits_t)
        q_{t,k} = (1 - smoothing) [k = target_t] + smoothing / vocabulary_size

    which needs no one-hot targets, since with `nll_t = -log p_{t,target}`

        - sum_k q_{t,k} log p_{t,k} = nll_t + smoothing (logits_{t,target} - mean_k logits_{t,k})

    Args:
        target_out: The target tokens, int32 `(batch, target_time)`, from 0 to vocabulary_size - 1.
        logits: float32 `(batch, target_time, vocabulary_size)`.
        label_smoothing: The share of probability spread over the vocabulary.
        padding: The token that does not count.

    Reference: label smoothing: Szegedy et al., 2016, https://arxiv.org/abs/1512.00567

    >>> loss = masked_cross_entropy(tf.constant([[1, 0]]), tf.zeros((1, 2, 4)))
    >>> round(float(loss.loss), 4), float(loss.tokens)
    (1.3863, 1.0)
    """
    weights = tf.cast(target_out != padding, tf.float32)
    nll, smoothed = _cross_entropies(target_out, logits, label_smoothing)
    return LossSums(
        loss=tf.reduce_sum(weights * smoothed),
        negative_log_likelihood=tf.reduce_sum(weights * nll),
        tokens=tf.reduce_sum(weights),
    )


def consistent_cross_entropy(
    target_out: tf.Tensor, logits: tf.Tensor, label_smoothing: float, weight: float
) -> LossSums:
    """Return the loss of a batch that was run twice, each time with other dropout (R-Drop).

        E = (E_1 + E_2) / 2 + weight / 4 sum_t (KL(p_{1,t} || p_{2,t}) + KL(p_{2,t} || p_{1,t}))

    Args:
        target_out: The target tokens, int32 `(batch, target_time)`.
        logits: Of both runs, one below the other, float32 `(2 * batch, target_time,
            vocabulary_size)`.
        label_smoothing: The share of probability spread over the vocabulary.
        weight: The weight of the divergence, alpha in the paper.

    Reference: Liang et al., 2021, https://arxiv.org/abs/2106.14448
    """
    both = masked_cross_entropy(tf.tile(target_out, [2, 1]), logits, label_smoothing)
    divergence = _divergences(*tf.split(logits, 2))
    divergence = tf.reduce_sum(tf.where(target_out != PAD, divergence, 0.0))
    return LossSums(
        loss=both.loss / 2 + weight / 4 * divergence,
        negative_log_likelihood=both.negative_log_likelihood / 2,
        tokens=both.tokens / 2,
    )


# The logits are the largest arrays of training by far. Differentiated operation by operation, the
# loss passes over them again and again (the gradient of `tf.gather` alone fills one of zeros).
def _cross_entropies(
    targets: tf.Tensor, logits: tf.Tensor, smoothing: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return `nll_t` and `- sum_k q_{t,k} log p_{t,k}` of each step, `(batch, time)`.

    Their gradients by logits_{t,k} are `p_{t,k} - [k = target_t]` and `p_{t,k} - q_{t,k}`.
    """

    @tf.custom_gradient
    def of_logits(logits: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable]:
        highest = tf.reduce_max(logits, axis=-1, keepdims=True)
        exponentials = tf.exp(logits - highest)
        total = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
        chosen = tf.gather(logits, targets, axis=-1, batch_dims=2)
        nll = tf.math.log(total)[..., 0] - (chosen - highest[..., 0])
        smoothed = nll
        if smoothing:
            smoothed = nll + smoothing * (chosen - tf.reduce_mean(logits, axis=-1))

        def gradient(by_nll: tf.Tensor, by_smoothed: tf.Tensor) -> tf.Tensor:
            by_logits = exponentials * ((by_nll + by_smoothed)[..., tf.newaxis] / total)
            if smoothing:
                spread = smoothing / tf.cast(tf.shape(logits)[-1], logits.dtype)
                by_logits -= (spread * by_smoothed)[..., tf.newaxis]
            return _subtract_at(by_logits, targets, by_nll + (1 - smoothing) * by_smoothed)

        return (nll, smoothed), gradient

    return of_logits(logits)


def _subtract_at(values: tf.Tensor, targets: tf.Tensor, amounts: tf.Tensor) -> tf.Tensor:
    """Return values `(batch, time, vocabulary_size)`, less `amounts_t` at `target_t`."""
    targets = tf.reshape(targets, [-1])
    places = tf.stack([tf.range(tf.size(targets), dtype=targets.dtype), targets], axis=1)
    rows = tf.reshape(values, [-1, tf.shape(values)[-1]])
    rows = tf.tensor_scatter_nd_sub(rows, places, tf.reshape(amounts, [-1]))
    return tf.reshape(rows, tf.shape(values))


@tf.custom_gradient
def _divergences(
    logits: tf.Tensor, other_logits: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Return `KL(p || q) + KL(q || p) = sum_k (p_k - q_k) d_k` of each step, `(batch, time)`.

    With `d_k = log p_k - log q_k`, its gradients are

        by the logits of p:      p_k (d_k - sum_j p_j d_j) + p_k - q_k
        by the logits of q:    - q_k (d_k - sum_j q_j d_j) - p_k + q_k
    """
    difference = tf.nn.log_softmax(logits) - tf.nn.log_softmax(other_logits)
    p, q = tf.nn.softmax(logits), tf.nn.softmax(other_logits)
    p_mean = tf.reduce_sum(p * difference, axis=-1, keepdims=True)
    q_mean = tf.reduce_sum(q * difference, axis=-1, keepdims=True)

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        upstream, apart = upstream[..., None], p - q
        return (
            upstream * (p * (difference - p_mean) + apart),
            -upstream * (q * (difference - q_mean) + apart),
        )

    return tf.squeeze(p_mean - q_mean, axis=-1), gradient
