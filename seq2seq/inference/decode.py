"""The decoding loop: one for all strategies, in the graph.

search = strategy.initialize(search)
until all hypotheses have ended, or there are as many tokens as allowed:
    the decoder predicts the next token of each hypothesis
    the constraints make some tokens impossible
    choice = strategy.step(search, log_probabilities)
    search = the hypotheses chosen, each a token longer
scores = strategy.finish(search)
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from seq2seq.inference.hypotheses import (
    IMPOSSIBLE,
    Hypotheses,
    Marks,
    Prediction,
    StepFunction,
    of_tensors,
    repeat_rows,
    size,
)

__all__ = ["Choice", "Constraint", "Search", "Strategy", "decode"]


class Search(NamedTuple):
    """Where a search stands: `width` hypotheses for each of the `batch` rows.

    Attributes:
        time: How many tokens each hypothesis has, padding counted. Scalar int32.
        last: The last token of each, int32 `(batch, width)`.
        states: The decoder's, a structure of tensors `(batch * width, ...)`.
        tokens: int32 `(batch, width, maximum_steps)`, filled with padding.
        log_probabilities: float32 `(batch, width)`; about `IMPOSSIBLE` where there is none.
        lengths: Tokens of each, the end counted and padding not, int32 `(batch, width)`.
        ended: Whether each has ended, boolean `(batch, width)`.
        coverage: The sum of all alignments, `(batch, width, source_time)`, or an empty tuple if the
            strategy does not ask for it.
        extra: What else the strategy carries along, a structure of tensors `(batch, width, ...)`.
    """

    time: tf.Tensor
    last: tf.Tensor
    states: Any
    tokens: tf.Tensor
    log_probabilities: tf.Tensor
    lengths: tf.Tensor
    ended: tf.Tensor
    coverage: Any = ()
    extra: Any = ()


class Choice(NamedTuple):
    """How the hypotheses go on.

    Attributes:
        parents: Which hypothesis of its row each goes on from, int32 `(batch, width)`; `None`: each
            from itself.
        tokens: With which token, int32 `(batch, width)`.
        log_probabilities: What its log-probability is then, float32 `(batch, width)`.
        extra: The next `Search.extra`.
    """

    parents: tf.Tensor | None
    tokens: tf.Tensor
    log_probabilities: tf.Tensor
    extra: Any = ()


class Strategy(Protocol):
    """How to choose among continuations.

    Attributes:
        width: Hypotheses a row.
        needs_coverage: Whether `Search.coverage` is to be kept.
    """

    width: int
    needs_coverage: bool

    def initialize(self, search: Search) -> Search:
        """Return the search before its first step."""

    def step(self, search: Search, log_probabilities: tf.Tensor) -> Choice:
        """Choose continuations.

        Args:
            search: The hypotheses; their coverage is already that of this step.
            log_probabilities: Of each token after each of them, float32 `(batch, width,
                vocabulary_size)`. After an end only padding is possible, at no cost.
        """

    def finish(self, search: Search) -> tf.Tensor:
        """Return the scores, float32 `(batch, width)`, by which the hypotheses are ordered."""


Constraint = Callable[[Search, tf.Tensor], tf.Tensor]
"""Maps a search and the log-probabilities `(batch, width, vocabulary_size)` to others, `IMPOSSIBLE`
for tokens that must not follow. It sees a search before its coverage is updated."""


def decode(
    strategy: Strategy,
    step: StepFunction,
    states: Any,
    batch_size: tf.Tensor | int,
    maximum_steps: int,
    *,
    marks: Marks,
    constraints: Sequence[Constraint] = (),
    prefix: tf.Tensor | None = None,
    source_time: tf.Tensor | int | None = None,
) -> Hypotheses:
    """Search for continuations of `marks.begin` by any decoder.

    Each row is searched on its own, whoever else is in the batch: a hypothesis that has ended is
    continued by padding at no cost, and never changes. A hypothesis for which the decoder's numbers
    are no numbers comes to its end as an impossible one.

    Args:
        strategy: How to choose.
        step: One step of the decoder, over `batch * strategy.width` rows.
        states: The states before the first step, each `(batch, ...)`, or `None` at every step. With
            a `None` among them `Search.states` is a flat list of the others.
        batch_size: Number of rows.
        maximum_steps: The most tokens a hypothesis may get, the end included.
        marks: The tokens that begin, end and fill a hypothesis.
        constraints: What makes tokens impossible.
        prefix: How each row starts, whatever the constraints say, integers `(batch, prefix_time)`,
            or `(1, prefix_time)` for all rows, filled with padding; its log-probability counts. A
            row with a token that is not in the vocabulary has a score of NaN.
        source_time: The length of the alignments; needed by strategies that count coverage.

    Returns:
        `strategy.width` hypotheses a row, by falling score.
    """
    step, states = of_tensors(step, states)
    if prefix is not None:
        prefix = tf.cast(prefix, tf.int32)
    beginning = _beginning(strategy, states, batch_size, maximum_steps, marks, source_time)

    def is_running(*now: Any) -> tf.Tensor:
        now = Search(*now)
        return (now.time < maximum_steps) & ~tf.reduce_all(now.ended)

    def body(*now: Any) -> Search:
        now = Search(*now)
        prediction = Prediction(*step(tf.reshape(now.last, [-1]), now.states))
        possible = _possible(now, prediction.log_probabilities, constraints, prefix, marks)
        now = _look(now, prediction)
        return _go_on(now, strategy.step(now, possible), marks)

    final = Search(*tf.while_loop(is_running, body, tuple(strategy.initialize(beginning))))
    return _in_order(final, strategy.finish(final))


def _beginning(
    strategy: Strategy,
    states: Any,
    batch_size: tf.Tensor | int,
    maximum_steps: int,
    marks: Marks,
    source_time: tf.Tensor | int | None,
) -> Search:
    """Return the search before anything is said."""
    shape = [batch_size, strategy.width]
    if strategy.needs_coverage and source_time is None:
        raise ValueError(
            f"`{type(strategy).__name__}` needs `source_time`, the length of the alignments, to "
            "count coverage. Received: none. Pass it to `decode`."
        )
    return Search(
        time=tf.constant(0),
        last=tf.fill(shape, marks.begin),
        states=states if strategy.width == 1 else repeat_rows(states, strategy.width),
        tokens=tf.fill([*shape, maximum_steps], marks.padding),
        log_probabilities=tf.zeros(shape),
        lengths=tf.zeros(shape, tf.int32),
        ended=tf.zeros(shape, tf.bool),
        coverage=tf.zeros([*shape, source_time]) if strategy.needs_coverage else (),
    )


def _check_padding(padding: int, vocabulary_size: int | None) -> None:
    """Raise `ValueError` unless padding is a token, as far as the number of these is known."""
    if not 0 <= padding < (vocabulary_size or float("inf")):
        below = f" and below {vocabulary_size}" if vocabulary_size else ""
        raise ValueError(
            f"`decode` needs `marks.padding` to be a token, at least 0{below}. Received: "
            f"{padding}. That of the end will do."
        )


def _possible(
    now: Search,
    log_probabilities: tf.Tensor,
    constraints: Sequence[Constraint],
    prefix: tf.Tensor | None,
    marks: Marks,
) -> tf.Tensor:
    """Return the log-probabilities of what may follow each hypothesis."""
    vocabulary_size = size(log_probabilities, -1)
    _check_padding(marks.padding, log_probabilities.shape[-1])
    given = tf.reshape(log_probabilities, [-1, now.last.shape[1], vocabulary_size])
    given = tf.cast(given, tf.float32)
    # A number that is none is not above anything.
    possible = given = tf.where(given > IMPOSSIBLE, given, IMPOSSIBLE)
    for constraint in constraints:
        possible = constraint(now, possible)
    if prefix is not None:
        forced = _forced(now, prefix, marks)[:, tf.newaxis, tf.newaxis]
        is_it = tf.range(vocabulary_size) == forced
        only_it = tf.where(is_it, given, IMPOSSIBLE)
        possible = tf.where(forced == marks.padding, possible, only_it)
    padding = tf.one_hot(marks.padding, vocabulary_size, on_value=0.0, off_value=IMPOSSIBLE)
    return tf.where(now.ended[..., tf.newaxis], padding, possible)


def _forced(now: Search, prefix: tf.Tensor, marks: Marks) -> tf.Tensor:
    """Return the token that each row must go on with, padding where it may choose, `(batch,)`."""
    padded = tf.pad(prefix, [[0, 0], [0, 1]], constant_values=marks.padding)
    return tf.gather(padded, tf.minimum(now.time, tf.shape(prefix)[1]), axis=1)


def _look(now: Search, prediction: Prediction) -> Search:
    """Return the search with the states after this step and the coverage of it."""
    coverage = now.coverage
    if tf.is_tensor(coverage):
        if prediction.alignments is None:
            raise ValueError(
                "To count coverage, `step` needs to return a `Prediction` with alignments. "
                "Received: None. Return them, or set the weight of the coverage penalty to 0."
            )
        seen = tf.cast(tf.reshape(prediction.alignments, tf.shape(coverage)), tf.float32)
        # A number that is none is not at least zero.
        coverage += tf.where(now.ended[..., tf.newaxis] | ~(seen >= 0), 0.0, seen)
    return now._replace(states=prediction.states, coverage=coverage)


def _go_on(now: Search, choice: Choice, marks: Marks) -> Search:
    """Return the hypotheses that were chosen, each a token longer."""
    if choice.parents is not None:
        now = _of_parents(now, choice.parents)
    is_now = tf.range(size(now.tokens, 2)) == now.time
    is_over = (choice.tokens == marks.end) | (choice.log_probabilities < IMPOSSIBLE / 2)
    return now._replace(
        time=now.time + 1,
        last=choice.tokens,
        tokens=tf.where(is_now, choice.tokens[..., tf.newaxis], now.tokens),
        log_probabilities=choice.log_probabilities,
        lengths=now.lengths + tf.cast(~now.ended, tf.int32),
        ended=now.ended | is_over,
        extra=choice.extra,
    )


def _of_parents(now: Search, parents: tf.Tensor) -> Search:
    """Return the hypotheses that others go on from."""
    width = parents.shape[1]
    rows = tf.reshape(tf.range(tf.shape(parents)[0])[:, tf.newaxis] * width + parents, [-1])

    def of_parent(tensor: tf.Tensor) -> tf.Tensor:
        return tf.gather(tensor, parents, batch_dims=1)

    return now._replace(
        states=tf.nest.map_structure(lambda tensor: tf.gather(tensor, rows), now.states),
        tokens=of_parent(now.tokens),
        lengths=of_parent(now.lengths),
        ended=of_parent(now.ended),
        coverage=tf.nest.map_structure(of_parent, now.coverage),
    )


def _in_order(final: Search, scores: tf.Tensor) -> Hypotheses:
    """Return the hypotheses by falling score; NaN for those that are impossible."""
    tokens, log_probabilities = final.tokens[:, :, : final.time], final.log_probabilities
    if scores.shape[1] != 1:
        order = tf.argsort(scores, axis=1, direction="DESCENDING", stable=True)
        tokens, log_probabilities, scores = (
            tf.gather(tensor, order, batch_dims=1) for tensor in (tokens, log_probabilities, scores)
        )
    is_possible = tf.minimum(log_probabilities, scores) > IMPOSSIBLE / 2
    return Hypotheses(tokens, log_probabilities, tf.where(is_possible, scores, float("nan")))
