"""How far a training has come."""

import math

import tensorflow as tf

__all__ = ["Counters"]


class Counters(tf.Module):
    """What of the training loop itself a checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        with tf.device("CPU:0"):
            self.step = tf.Variable(0, dtype=tf.int64)
            self.seconds = tf.Variable(0.0, dtype=tf.float64)
            # Sums since the last validation, of the negative log-likelihood and of target tokens.
            self.loss = tf.Variable(0.0, dtype=tf.float64)
            self.tokens = tf.Variable(0.0, dtype=tf.float64)
            self.best = tf.Variable(-math.inf, dtype=tf.float64)
            self.validated_step = tf.Variable(-1, dtype=tf.int64)
            self.validation_loss = tf.Variable(math.nan, dtype=tf.float64)
            self.validations_since_best = tf.Variable(0, dtype=tf.int64)
