"""`check_cell`: all promises of a cell, one after the other."""

from collections.abc import Sequence
from typing import Any

from keras_rnn._checks import check_choice
from keras_rnn.testing.case import CellCase, Reference
from keras_rnn.testing.equalities import compiled, keras_layer, reference, steps
from keras_rnn.testing.gradients import finite_differences, scan_gradient
from keras_rnn.testing.noise import inference, noise
from keras_rnn.testing.padding import deep_bidirectional, padding
from keras_rnn.testing.precision import mixed_bfloat16, mixed_float16, single_states
from keras_rnn.testing.saving import config, keras_file, saved_model
from keras_rnn.testing.verdict import Promise

__all__ = ["PROMISES", "check_cell"]

PROMISES: dict[str, Promise] = {
    check.__name__: check
    for check in (
        config,
        inference,
        steps,
        reference,
        keras_layer,
        padding,
        keras_file,
        deep_bidirectional,
        noise,
        scan_gradient,
        finite_differences,
        compiled,
        mixed_float16,
        mixed_bfloat16,
        single_states,
        saved_model,
    )
}
"""What a cell promises, by name: functions of a `CellCase`, for a test suite of one's own."""


def check_cell(
    cell: Any,
    features: int = 4,
    reference: Reference | None = None,
    promises: Sequence[str] | None = None,
    seed: int = 0,
) -> None:
    """Check that a cell keeps the promises that every cell of this library keeps.

    They are the keys of `PROMISES`, checked in this order:

        config              `from_config(get_config())` makes the same cell
        inference           the same each time, and leaves nothing behind
        steps               step by step equals the whole sequence
        reference           equals a reference in NumPy, where one is given
        keras_layer         `keras_rnn.RNN(cell)` equals `keras.layers.RNN(cell)`
        padding             padding and the rest of the batch change nothing
        keras_file          saved to a `.keras` file and loaded
        deep_bidirectional  two bidirectional layers with masks
        noise               what is random is new in each call of training
        scan_gradient       the scan's backward pass equals automatic differentiation's
        finite_differences  the gradient equals finite differences
        compiled            eager mode equals `tf.function` equals XLA
        mixed_float16       finite, and near float32
        mixed_bfloat16      finite, and near float32
        single_states       with `state_dtype="float32"`, near float32
        saved_model         runs in a process that imports TensorFlow alone

    A test suite runs them one by one, on one case, so that nothing is compiled twice:

        case = CellCase(MyCell(3))

        @pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
        def test_my_cell(promise):
            promise(case)

    A cell whose `step` needs constants, such as `AttentionCell`, is checked inside a cell of one's
    own that hands them on. Whether a cell learns is another question: `learns_to_remember`.

    Args:
        cell: The cell, of a small size: ours, a plain Keras cell, or cells in each other. It is
            only read; copies of it run, with random weights. Its class is registered with
            `@keras.saving.register_keras_serializable()`.
        features: Size of the input of one step.
        reference: One step in NumPy, `(inputs, states, weights) -> (output, states)`, with
            `inputs` of shape `(batch, features)`, `states` as the cell has them and `weights` as
            `cell.get_weights()` gives them.
        promises: Names of promises, to check these only.
        seed: Seed of weights and inputs.

    Raises:
        AssertionError: If the cell breaks a promise: which, what was expected, and what came.
        ValueError: If `cell` is no cell, `features` no size, or a name that of no promise.

    >>> from keras_rnn import GRUCell
    >>> check_cell(GRUCell(3), promises=["config", "steps"])
    """
    case = CellCase(cell, features, reference, seed)
    names = list(PROMISES if promises is None else promises)
    for name in names:
        check_choice("check_cell", "promises", name, list(PROMISES))
    for name in names:
        PROMISES[name](case)
