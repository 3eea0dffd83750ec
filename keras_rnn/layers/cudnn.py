"""The kernels of cuDNN for LSTM and GRU: used on a GPU wherever Keras' layers use them."""

from collections.abc import Callable

import tensorflow as tf
from keras.src.backend.tensorflow.rnn import cudnn_ok, gru, lstm  # Have no public names.

from keras_rnn._types import Noise, State, Tensor
from keras_rnn.cells import GRUCell, LSTMCell
from keras_rnn.cells.kernels import NO_DROPOUT, drop_inputs
from keras_rnn.layers.rnn import RNN
from keras_rnn.scan import ScanResult

__all__ = ["cudnn_applies", "cudnn_scan"]


def cudnn_applies(layer: RNN) -> bool:
    """Return whether there is a GPU, and cuDNN has a kernel for what the layer computes.

    It has one for tanh, sigmoid, a bias, no dropout but that of inputs, no unrolling, and a GRU
    with `reset_after`. Recomputation, truncation and another type of states are the scan's.
    """
    cell = layer.cell
    if any(asked is not None for asked in (layer.recompute, layer.truncation, layer.state_dtype)):
        return False
    if type(cell) not in {LSTMCell, GRUCell} or cell.recurrent_dropout or cell.candidate_dropout:
        return False
    reset_after = cell.reset_after if isinstance(cell, GRUCell) else None
    activations = cell.activation, cell.recurrent_activation
    return cudnn_ok(*activations, layer.unroll, cell.use_bias, reset_after)


def cudnn_scan(
    layer: RNN,
    otherwise: Callable[[], ScanResult],
    sequences: Tensor,
    states: State,
    noise: Noise | None,
    mask: Tensor | None,
) -> ScanResult:
    """Run a layer by the kernel of cuDNN if there is one, and otherwise as it is told.

    The kernel wants valid steps first in each row, and at least one. With `use_cudnn="auto"` any
    other mask is left to `otherwise`, and the result is the same on any device.

    Args:
        layer: The layer.
        otherwise: The scan without cuDNN.
        sequences: `(batch, time, features)`.
        states: The states before the first step.
        noise: What the cell drew for this call.
        mask: Boolean `(batch, time)`, or `None`.

    Raises:
        ValueError: If the layer has `use_cudnn=True` and cuDNN cannot run it.
    """

    def kernel() -> ScanResult:
        return _run_kernel(layer, drop_inputs(sequences, noise or NO_DROPOUT), states, mask)

    if layer.use_cudnn and cudnn_applies(layer):
        mask = None if mask is None else tf.cast(mask, tf.bool)
        try:
            if mask is None or layer.use_cudnn is True:
                return kernel()
            return tf.cond(_is_right_padded(mask), kernel, otherwise)
        except NotImplementedError:
            pass  # So Keras says that the kernel is not there after all.
    if layer.use_cudnn is True:
        raise ValueError(
            f"`{layer.name}` needs a GPU, and what cuDNN computes, for `use_cudnn=True`. Received: "
            f"{len(tf.config.list_logical_devices('GPU'))} GPUs, and a layer of the config "
            f"{layer.get_config()}. Pass `use_cudnn='auto'` to use cuDNN only where it applies."
        )
    return otherwise()


def _run_kernel(layer: RNN, sequences: Tensor, states: State, mask: Tensor | None) -> ScanResult:
    cell = layer.cell
    is_gru = isinstance(cell, GRUCell)
    run, options = (gru, {"reset_after": True}) if is_gru else (lstm, {})
    last_output, outputs, states = run(
        sequences,
        *states,
        mask,
        kernel=cell.kernel,
        recurrent_kernel=cell.recurrent_kernel,
        bias=cell.bias,
        activation=cell.activation,
        recurrent_activation=cell.recurrent_activation,
        return_sequences=layer.return_sequences,
        go_backwards=layer.go_backwards,
        unroll=layer.unroll,
        **options,
    )
    outputs = outputs if layer.return_sequences else None
    if mask is not None and not layer.go_backwards:  # Backwards, padding comes first: zeros.
        if layer.zero_output_for_mask:
            last_output = tf.where(mask[:, -1:], last_output, 0)
        elif outputs is not None:
            outputs = tf.where(mask[:, :, None], outputs, last_output[:, None])
    return ScanResult(outputs, last_output, list(states))


def _is_right_padded(mask: Tensor) -> Tensor:
    """Return whether each row of a mask has true values, and none after a false one."""
    return tf.reduce_all(mask[:, :1]) & tf.reduce_all(mask[:, :-1] | ~mask[:, 1:])
