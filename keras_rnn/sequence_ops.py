"""Padded sequences: masks, lengths, reversal, the last valid step."""

from keras import ops

from keras_rnn._types import Tensor

__all__ = ["last_valid_step", "mask_to_lengths", "reverse_padded", "sequence_mask"]


def sequence_mask(lengths: Tensor, maximum_length: int | Tensor) -> Tensor:
    """Return the mask of right-padded sequences: true where a step is no padding.

        mask[b, t] = t < lengths[b]

    Args:
        lengths: Number of valid steps, integer `(batch,)`.
        maximum_length: Number of time steps of the mask.

    Returns:
        Boolean `(batch, maximum_length)`.

    >>> sequence_mask([1, 3], 3).numpy().tolist()
    [[True, False, False], [True, True, True]]
    """
    lengths = ops.convert_to_tensor(lengths)
    steps = ops.arange(maximum_length, dtype=lengths.dtype)
    return steps[None, :] < lengths[:, None]


def mask_to_lengths(mask: Tensor) -> Tensor:
    """Return the number of steps up to and with the last valid one.

    For a right-padded sequence this is its length; holes in the mask count as steps.

    Args:
        mask: Boolean `(batch, time)`, true where a step is no padding.

    Returns:
        Integer (int32) `(batch,)`; 0 where no step is valid.

    >>> mask_to_lengths([[True, False, True, False], [False] * 4]).numpy().tolist()
    [3, 0]
    """
    mask = ops.cast(mask, "int32")
    steps = 1 + ops.arange(ops.shape(mask)[1], dtype="int32")
    # The leading zero gives a row without time steps its length.
    return ops.max(ops.pad(mask * steps[None, :], [[0, 0], [1, 0]]), axis=1)


def reverse_padded(sequences: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence within its length; padding stays where it is.

        reversed[b, t] = sequences[b, lengths[b] - 1 - t]    for t < lengths[b]

    Args:
        sequences: `(batch, time, ...)`.
        lengths: Number of valid steps, integer `(batch,)`.

    Returns:
        A tensor of the shape of `sequences`.

    >>> reverse_padded([[1, 2, 3, 0]], [3]).numpy().tolist()
    [[3, 2, 1, 0]]
    """
    sequences, lengths = ops.convert_to_tensor(sequences), ops.cast(lengths, "int32")
    steps = ops.arange(ops.shape(sequences)[1], dtype="int32")[None, :]
    indices = ops.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    for _ in range(len(sequences.shape) - 2):
        indices = indices[..., None]
    return ops.take_along_axis(sequences, indices, axis=1)


def last_valid_step(sequences: Tensor, mask: Tensor) -> Tensor:
    """Return of each sequence the step at the last true value of its mask.

    What a network that answers once, at the end of a sequence, reads its answer from.

    Args:
        sequences: `(batch, time, features)`.
        mask: Boolean `(batch, time)`.

    Returns:
        `(batch, features)`; zeros where no step is valid.
    """
    sequences = ops.convert_to_tensor(sequences)
    lengths = mask_to_lengths(mask)
    steps = ops.arange(ops.shape(sequences)[1], dtype="int32")[None, :]
    is_last = ops.cast(steps == lengths[:, None] - 1, sequences.dtype)
    return ops.einsum("bt,btf->bf", is_last, sequences)
