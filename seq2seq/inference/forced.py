"""Forced decoding: what a decoder says of tokens that are given."""

from typing import Any, NamedTuple

import tensorflow as tf

from seq2seq.inference.hypotheses import Marks, Prediction, StepFunction

__all__ = ["Forced", "force"]


class Forced(NamedTuple):
    """What a decoder says of given tokens.

    Attributes:
        log_probabilities: Of each token, float32 `(batch, time)`; zero at padding.
        alignments: Where the decoder looked, float32 `(batch, time, source_time)`; zeros at
            padding; a `source_time` of 0 if it does not say.
    """

    log_probabilities: tf.Tensor
    alignments: tf.Tensor


def force(step: StepFunction, states: Any, tokens: tf.Tensor, *, marks: Marks) -> Forced:
    """Let a decoder say given tokens, step by step as a search does.

        log p(y_t | y_1 .. y_{t-1})         for each t

    Args:
        step: One step of the decoder, over `batch` rows.
        states: The states before the first step, each `(batch, ...)`.
        tokens: int32 `(batch, time)`, at least one step: each row to its end, then padding.
        marks: The tokens that begin and fill a row.
    """
    length = tf.shape(tokens)[1]
    before = tf.pad(tokens, [[0, 0], [1, 0]], constant_values=marks.begin)[:, :-1]

    def body(time: tf.Tensor, states: Any, said: Any, seen: Any) -> tuple[Any, ...]:
        prediction = Prediction(*step(tf.gather(before, time, axis=1), states))
        now = tf.gather(tokens, time, axis=1)
        is_token = now != marks.padding
        one = tf.gather(prediction.log_probabilities, now, batch_dims=1)
        looked = prediction.alignments
        looked = tf.zeros([tf.shape(now)[0], 0]) if looked is None else looked
        said = said.write(time, tf.where(is_token, one, 0.0))
        seen = seen.write(time, tf.where(is_token[:, tf.newaxis], tf.cast(looked, tf.float32), 0.0))
        return time + 1, prediction.states, said, seen

    arrays = [tf.TensorArray(tf.float32, length) for _ in range(2)]
    beginning = (tf.constant(0), states, *arrays)
    *_, said, seen = tf.while_loop(lambda time, *_: time < length, body, beginning)
    return Forced(tf.transpose(said.stack()), tf.transpose(seen.stack(), [1, 0, 2]))
