"""The loss: cross-entropy summed over steps, with label smoothing."""

from typing import NamedTuple

import tensorflow as tf

from seq2seq.marks import PAD

__all__ = ["SequenceLoss", "consistent_cross_entropy", "masked_cross_entropy"]


class SequenceLoss(NamedTuple):
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
) -> SequenceLoss:
    """Return the cross-entropy of the targets, summed over all steps that are no padding.

        E = - sum_t sum_k q_{t,k} log p_{t,k},      p_t = softmax(logits_t)
        q_{t,k} = (1 - smoothing) [k = target_t] + smoothing / vocabulary_size

    which needs no one-hot targets, since with `nll_t = -log p_{t,target}`

        - sum_k q_{t,k} log p_{t,k} = nll_t + smoothing (logits_{t,target} - mean_k logits_{t,k})

    Args:
        target_out: The target tokens, int32 `(batch, target_time)`.
        logits: float32 `(batch, target_time, vocabulary_size)`.
        label_smoothing: The share of probability spread over the vocabulary.
        padding: The token that does not count.

    Reference: label smoothing: Szegedy et al., 2016, https://arxiv.org/abs/1512.00567

    >>> loss = masked_cross_entropy(tf.constant([[1, 0]]), tf.zeros((1, 2, 4)))
    >>> round(float(loss.loss), 4), float(loss.tokens)
    (1.3863, 1.0)
    """
    weights = tf.cast(target_out != padding, tf.float32)
    nll = tf.nn.sparse_softmax_cross_entropy_with_logits(target_out, logits)
    smoothed = nll
    if label_smoothing:
        of_target = tf.gather(logits, target_out, axis=-1, batch_dims=2)
        smoothed = nll + label_smoothing * (of_target - tf.reduce_mean(logits, axis=-1))
    return SequenceLoss(
        loss=tf.reduce_sum(weights * smoothed),
        negative_log_likelihood=tf.reduce_sum(weights * nll),
        tokens=tf.reduce_sum(weights),
    )


def consistent_cross_entropy(
    target_out: tf.Tensor, logits: tf.Tensor, label_smoothing: float, weight: float
) -> SequenceLoss:
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
    one, other = tf.split(tf.nn.log_softmax(logits), 2)
    # KL(p || q) + KL(q || p) = sum_k (p_k - q_k) (log p_k - log q_k)
    divergence = tf.reduce_sum((tf.exp(one) - tf.exp(other)) * (one - other), axis=-1)
    divergence = tf.reduce_sum(tf.where(target_out != PAD, divergence, 0.0))
    return SequenceLoss(
        loss=both.loss / 2 + weight / 4 * divergence,
        negative_log_likelihood=both.negative_log_likelihood / 2,
        tokens=both.tokens / 2,
    )
