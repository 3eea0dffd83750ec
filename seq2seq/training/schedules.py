"""Learning-rate schedules: warm-up, then constant, inverse square root, linear or plateau."""

import keras
import tensorflow as tf

__all__ = ["WarmupSchedule"]


@keras.saving.register_keras_serializable(package="seq2seq")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly for `warmup_steps` and then follows `decay`.

        rate(n) = peak * factor * min(1, n / warmup) * decay(n)         n = 1, 2, ... updates

        "constant", "plateau":      decay(n) = 1
        "inverse_square_root":      decay(n) = sqrt(warmup / max(n, warmup))
        "linear":                   decay(n) = (total - n) / (total - warmup), within [0, 1]

    `factor` is a variable that starts at one; a loop lowers it when validation stops getting
    better ("plateau"). It belongs in the checkpoint.

    Args:
        peak: The highest learning rate.
        warmup_steps: Updates until the peak is reached.
        decay: What follows.
        total_steps: Updates in all; read by "linear" only.

    Reference: Vaswani et al., 2017, section 5.3, https://arxiv.org/abs/1706.03762

    >>> rate = WarmupSchedule(1.0, warmup_steps=4, decay="inverse_square_root")
    >>> [round(float(rate(step)), 3) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]
    """

    def __init__(self, peak: float, *, warmup_steps: int, decay: str, total_steps: int = 1) -> None:
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.total_steps = total_steps
        self.factor = tf.Variable(1.0, trainable=False, name="learning_rate_factor")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Return the learning rate of the update after `step` updates."""
        update = tf.cast(step, tf.float32) + 1.0
        warmup = float(max(self.warmup_steps, 1))
        return (
            self.peak * self.factor * tf.minimum(1.0, update / warmup) * self._decay(update, warmup)
        )

    def _decay(self, update: tf.Tensor, warmup: float) -> tf.Tensor:
        if self.decay == "inverse_square_root":
            return tf.sqrt(warmup / tf.maximum(update, warmup))
        if self.decay == "linear":
            left = (self.total_steps - update) / max(self.total_steps - warmup, 1.0)
            return tf.clip_by_value(left, 0.0, 1.0)
        return tf.constant(1.0)

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        names = ("peak", "warmup_steps", "decay", "total_steps")
        return {name: getattr(self, name) for name in names}
