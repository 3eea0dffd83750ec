"""Scheduled sampling: in training too, let the decoder read words that it chose itself."""

import math
from collections.abc import Callable

import keras
import tensorflow as tf

from seq2seq.config import TrainingConfig
from seq2seq.marks import PAD
from seq2seq.model.translator import TranslationModel

__all__ = ["make_mix", "mix_inputs", "sampling_probability"]


def sampling_probability(schedule: str, rate: float, progress: tf.Tensor) -> tf.Tensor:
    """Return the probability with which a word is the decoder's own.

        p = rate (1 - e(x)),        x the share of training that is done, from 0 to 1

        "constant":         e = 0
        "linear":           e = 1 - x
        "exponential":      e = 0.01 ** x
        "inverse_sigmoid":  e = k / (k + exp(10 x)),    k = 100

    Args:
        schedule: Its name.
        rate: What the probability rises to.
        progress: x, scalar float32.

    Reference: Bengio et al., 2015, https://arxiv.org/abs/1506.03099

    >>> round(float(sampling_probability("linear", 0.5, tf.constant(0.5))), 3)
    0.25
    """
    given: dict[str, Callable[[], tf.Tensor]] = {
        "constant": lambda: tf.zeros_like(progress),
        "linear": lambda: 1 - progress,
        "exponential": lambda: tf.exp(math.log(0.01) * progress),
        "inverse_sigmoid": lambda: 100 / (100 + tf.exp(10 * progress)),
    }
    return rate * (1 - given[schedule]())


def mix_inputs(
    model: TranslationModel,
    source: tf.Tensor,
    target_in: tf.Tensor,
    probability: tf.Tensor,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Return what the decoder reads: at some steps a word drawn from what it said before.

        y'_t = draw from o_{t-1} with the probability, else y_t;    o_{t-1} after reading y'_{<t}

    No gradient flows through a drawn word, so words are drawn in a pass of their own, before that
    which trains and without dropout.

    Args:
        model: The model.
        source: int32 `(batch, source_time)`.
        target_in: The target, shifted, int32 `(batch, target_time)`, at least one step.
        probability: Scalar float32.
        seed: int32 `(2,)`.

    Reference: Bengio et al., 2015, https://arxiv.org/abs/1506.03099
    """
    start, length = model.encode(source), tf.shape(target_in)[1]
    projection = model.decoder.output_layer.projection(with_marks=False)
    is_own = tf.random.stateless_uniform(tf.shape(target_in), seed) < probability

    def body(time: tf.Tensor, states: object, said: tf.Tensor, read: tf.TensorArray) -> tuple:
        given = tf.gather(target_in, time, axis=1)
        # Not in place of padding; what was said before the first step is the first word.
        may_be = tf.gather(is_own, time, axis=1) & (given != PAD)
        word = tf.where(may_be, said, given)
        logits, states = model.decoder.step(word, states, start.memory, projection)
        step_seed = tf.random.experimental.stateless_fold_in(seed, time)
        drawn = tf.random.stateless_categorical(logits, 1, step_seed, dtype=tf.int32)
        # Of numbers that are none, a word past the last is drawn.
        said = tf.minimum(drawn[:, 0], tf.shape(logits)[-1] - 1)
        return time + 1, states, said, read.write(time, word)

    beginning = (tf.constant(0), start.states, target_in[:, 0], tf.TensorArray(tf.int32, length))
    *_, read = tf.while_loop(lambda time, *_: time < length, body, beginning)
    mixed = tf.transpose(read.stack())
    return tf.stop_gradient(tf.ensure_shape(mixed, target_in.shape))


def make_mix(
    training: TrainingConfig,
    model: TranslationModel,
    optimizer: keras.optimizers.Optimizer,
    total_steps: int,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
    """Return the function that mixes inputs as the config says; `None` if it says not to.

    What it draws depends on the config's seed and the number of updates so far, so that training
    that is interrupted and resumed draws the same.

    Args:
        training: The settings.
        model: The model.
        optimizer: The optimizer, which counts the updates.
        total_steps: Updates in all.
    """
    if not training.sampling_rate:
        return None

    def mix(source: tf.Tensor, target_in: tf.Tensor) -> tf.Tensor:
        counting = getattr(optimizer, "inner_optimizer", optimizer)
        updates = tf.convert_to_tensor(counting.iterations)
        progress = tf.cast(updates, tf.float32) / max(total_steps, 1)
        schedule, rate = training.sampling_schedule, training.sampling_rate
        probability = sampling_probability(schedule, rate, tf.minimum(progress, 1.0))
        seed = tf.stack([training.seed, tf.cast(updates, tf.int32)])
        return mix_inputs(model, source, target_in, probability, seed)

    return mix
