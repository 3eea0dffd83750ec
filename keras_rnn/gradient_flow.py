"""How far back a gradient reaches: backpropagation through time, factor by factor, term by term."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops, tree

from keras_rnn._checks import (
    check_depends,
    check_no_mask,
    check_rank,
    check_recurrent_layer,
    check_time_steps,
)
from keras_rnn._types import Tensor
from keras_rnn.cells import contract
from keras_rnn.layers import RNN

__all__ = ["GradientFlow", "gradient_flow"]

OWNER = "gradient_flow"
ZERO = tf.UnconnectedGradients.ZERO


@dataclass(frozen=True)
class GradientFlow:
    """What `gradient_flow` found; see there for the letters.

    The matrices are indexed `[t, k]` from 0 and hold zeros where k > t. The tuples have one entry
    for each weight of `cell.trainable_weights`, in that order.

    Attributes:
        names: The paths of the weights.
        state_gradients: `|dE_t/ds_k|`, `(time, time)`; where k = t, `|dE_t/do_t|`.
        jacobians: `|ds_t/ds_k|`, the spectral norm of the product of the `ds_j/ds_{j-1}`,
            `(time, time)`; one where k = t.
        immediate: `|d+s_k/dW|`, each `(time,)`, indexed by k.
        term_norms: `|dE_t/ds_k d+s_k/dW|`, each `(time, time)`.
        terms: The terms themselves, those of each lag t - k added up: each `(time, *shape of W)`,
            indexed by lag. Their sum over all lags is dE/dW.
    """

    names: tuple[str, ...]
    state_gradients: np.ndarray
    jacobians: np.ndarray
    immediate: tuple[np.ndarray, ...]
    term_norms: tuple[np.ndarray, ...]
    terms: tuple[np.ndarray, ...]

    @property
    def total(self) -> np.ndarray:
        """The norms of the terms of all weights together, `(time, time)`."""
        return np.sqrt(sum(map(np.square, self.term_norms), np.zeros_like(self.jacobians)))

    def by_lag(self, norms: np.ndarray) -> np.ndarray:
        """Return one norm a lag: the mean over the steps t that have a loss and reach so far back.

            norms_lag = mean of norms[t, t - lag] over t >= lag with dE_t/do_t != 0

        Args:
            norms: One of the matrices, `(time, time)`.

        Returns:
            `(time,)`; not a number at a lag that no loss reaches.
        """
        has_loss = np.diagonal(self.state_gradients) > 0
        means = np.full(len(norms), np.nan)
        for lag in range(len(norms)):
            if has_loss[lag:].any():
                means[lag] = np.diagonal(norms, -lag)[has_loss[lag:]].mean()
        return means


def gradient_flow(
    layer: RNN,
    inputs: Tensor,
    loss: Callable[[Tensor], Tensor],
    constants: dict[str, Any] | None = None,
) -> GradientFlow:
    """Take the gradient of a recurrent layer apart: one term for each step and each earlier step.

        s_t, o_t = cell(x_t, s_{t-1}; W)        E = sum_t E_t,    E_t a function of o_t

        dE/dW = sum_t sum_{k<=t}  dE_t/ds_t (prod_{j=k+1..t} ds_j/ds_{j-1}) d+s_k/dW

    That is the whole gradient, whatever `truncation` the layer has.
    `s_t` is all states of the cell, concatenated, and `d+s_k/dW` the immediate derivative, for
    which `s_{k-1}` is a constant. The output `o_t` is taken for what the loss reads at step t, so
    the equation holds for a cell too whose output is none of its states: `dE_t/do_t d+o_t/dW` is
    then the term of k = t, and `dE_t/do_t do_t/ds_{t-1}` begins the product where k < t. Steps are
    counted in the order in which the layer reads them.

    The sequences of a batch count as one system. Its vectors are those of all sequences,
    concatenated; a Jacobian `ds_t/ds_k` is block-diagonal, so its norm is the largest of the
    sequences'. It is the spectral norm; all other norms are the roots of sums of squares. Thus

        |dE_t/ds_k d+s_k/dW| <= |dE_t/ds_t| |ds_t/ds_k| |d+s_k/dW|

    where the output is a state. Dropout is off. Factors are computed in the type of the weights,
    and multiplied in float64. The memory needed grows with batch * states * weights: a few
    sequences show enough.

    Args:
        layer: An `RNN` layer, around any cell whose sequences do not see each other.
        inputs: `(batch, time, features)`, without a mask.
        loss: Maps the outputs of all steps, `(batch, time, size)`, to their losses: a tensor of
            any shape, of which E is the sum. Output layers belong in here.
        constants: As in a call of the layer, such as `{"memory": values}` for an attention cell;
            each tensor in it begins with the axis of the batch.

    Returns:
        A `GradientFlow`: the norm of each factor and of each term, and the terms by lag.

    Raises:
        ValueError: If `layer` is no `RNN` layer, the inputs are not of rank 3, have no steps or
            carry a mask, or the loss does not depend on the outputs.

    References: Werbos, 1990, https://doi.org/10.1109/5.58337; Bengio et al., 1994,
    https://doi.org/10.1109/72.279181; Pascanu et al., 2013, https://arxiv.org/abs/1211.5063

    >>> from keras_rnn import SimpleRNN
    >>> layer = SimpleRNN(4)
    >>> flow = gradient_flow(layer, ops.ones((2, 3, 5)), lambda outputs: outputs[:, -1] ** 2)
    >>> flow.terms[1].shape  # of each lag, what it adds to the gradient of `recurrent_kernel`
    (3, 4, 4)
    """
    check_recurrent_layer(OWNER, layer, RNN)
    inputs = _time_major(layer, inputs, constants)
    step = _VectorStep(layer, inputs.shape[1], constants)
    states, outputs = _run(step, inputs)
    transitions = _transitions(step, inputs, states)
    size = outputs.shape[-1]
    pulled = _pull_back(_loss_gradient(loss, outputs), transitions)
    weights = layer.cell.trainable_weights
    immediate, term_norms, terms = _terms(step, weights, inputs, states, pulled, size)
    return GradientFlow(
        names=tuple(weight.path for weight in weights),
        state_gradients=np.linalg.norm(pulled, axis=(2, 3)),
        jacobians=_products(transitions[:, :, size:]),
        immediate=immediate,
        term_norms=term_norms,
        terms=terms,
    )


class _VectorStep:
    """One step as a map of vectors, `(x_t, s_{t-1}) -> [o_t; s_t]`; each row is a sequence.

    There may be several times as many rows as sequences, which then stand again and again in the
    same order.
    """

    def __init__(self, layer: RNN, batch_size: int, constants: dict[str, Any] | None) -> None:
        self.cell = layer.cell
        self.dtype = layer.variable_dtype
        self.batch_size = batch_size
        self.constants = constants
        initial = layer.get_initial_state(batch_size, **contract.prepare(self.cell, constants))
        self.structure = layer.states if layer.stateful else initial
        leaves = [tf.convert_to_tensor(leaf) for leaf in tree.flatten(self.structure)]
        self.leaves = [tf.cast(x, self.dtype) if x.dtype.is_floating else x for x in leaves]
        self.start = self._join(self.leaves)

    def __call__(self, inputs: Tensor, state: Tensor) -> Tensor:
        sizes = [_row_size(leaf) for leaf in self.leaves]
        parts = zip(tf.split(state, sizes, axis=1), self.leaves, strict=True)
        leaves = [tf.cast(tf.reshape(p, [-1, *leaf.shape[1:]]), leaf.dtype) for p, leaf in parts]
        states = tree.pack_sequence_as(self.structure, leaves)
        times = inputs.shape[0] // max(self.batch_size, 1)
        # Here and not once before, so that the gradient of what prepares them is a part of it.
        constants = tree.map_structure(
            lambda x: None if x is None else ops.concatenate([x] * times),
            contract.prepare(self.cell, self.constants),
        )
        projected = contract.project(self.cell, inputs)
        output, states = contract.step(self.cell, projected, states, **constants)
        return self._join([output, *tree.flatten(states)])

    def _join(self, leaves: list[Tensor]) -> Tensor:
        rows = [tf.reshape(leaf, [-1, _row_size(leaf)]) for leaf in leaves]
        return tf.concat([tf.cast(row, self.dtype) for row in rows], axis=1)


def _row_size(tensor: Tensor) -> int:
    return int(np.prod(tensor.shape[1:]))


def _time_major(layer: RNN, inputs: Tensor, constants: dict[str, Any] | None) -> Tensor:
    """Return the inputs as `(time, batch, features)`, in the order in which they are read."""
    check_no_mask(OWNER, "inputs", inputs)
    inputs = ops.convert_to_tensor(inputs, dtype=layer.variable_dtype)
    check_rank(OWNER, "inputs", inputs, 3, "(batch, time, features)")
    check_time_steps(OWNER, inputs)
    if not layer.built:
        shapes = tree.map_structure(lambda x: None if x is None else tuple(x.shape), constants)
        layer.build(inputs.shape, constants_shape=shapes)
    return tf.transpose(ops.flip(inputs, axis=1) if layer.go_backwards else inputs, [1, 0, 2])


def _run(step: _VectorStep, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the states before each step and the outputs, each `(time, batch, size)`."""
    states, outputs, size = [step.start], [], step.start.shape[1]
    for x in inputs:
        result = step(x, states[-1])
        outputs.append(result[:, :-size])
        states.append(result[:, -size:])
    return tf.stack(states[:-1]), tf.stack(outputs)


def _loss_gradient(loss: Callable[[Tensor], Tensor], outputs: Tensor) -> np.ndarray:
    """Return `dE_t/do_t`, `(time, batch, size)`."""
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = tf.reduce_sum(loss(tf.transpose(outputs, [1, 0, 2])))
    gradient = tape.gradient(total, outputs)
    check_depends(OWNER, "loss", gradient)
    return np.asarray(gradient, "float64")


def _transitions(step: _VectorStep, inputs: Tensor, states: Tensor) -> np.ndarray:
    """Return `d[o_t; s_t]/ds_{t-1}` of all steps and sequences, `(time, batch, rows, columns)`."""
    # No step waits for another here, so the steps are further rows of one batch.
    inputs, flat = (tf.reshape(x, [-1, x.shape[-1]]) for x in (inputs, states))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(flat)
        entries = tf.unstack(step(inputs, flat), axis=1)
    gradients = [tape.gradient(entry, flat, unconnected_gradients=ZERO) for entry in entries]
    jacobian = np.stack(gradients, axis=1).astype("float64")
    return jacobian.reshape(*states.shape[:2], *jacobian.shape[1:])


def _pull_back(seeds: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Return `dE_t/d[o_k; s_k]` for all k <= t, `(time, time, batch, rows)`.

        dE_t/d[o_t; s_t] = [dE_t/do_t; 0]
        dE_t/d[o_k; s_k] = [0; dE_t/d[o_{k+1}; s_{k+1}] d[o_{k+1}; s_{k+1}]/ds_k]

    No step reads the output of another, only states.
    """
    time, batch, size = seeds.shape
    pulled = np.zeros((time, time, batch, transitions.shape[2]))
    pulled[range(time), range(time), :, :size] = seeds
    for k in reversed(range(time - 1)):
        later = pulled[k + 1 :, k + 1, :, None, :]
        pulled[k + 1 :, k, :, size:] = (later @ transitions[k + 1])[:, :, 0]
    return pulled


def _products(jacobians: np.ndarray) -> np.ndarray:
    """Return `|ds_t/ds_k|`, `(time, time)`, from the `ds_j/ds_{j-1}`."""
    time, _, size, _ = jacobians.shape
    norms = np.eye(time)
    products = np.broadcast_to(np.eye(size), jacobians.shape).copy()
    for k in reversed(range(time - 1)):
        products[k + 1 :] = products[k + 1 :] @ jacobians[k + 1]
        norms[k + 1 :, k] = [_spectral_norm(product) for product in products[k + 1 :]]
    return norms


def _spectral_norm(blocks: np.ndarray) -> float:
    """Return the spectral norm of a block-diagonal matrix; infinite where it has overflowed."""
    if not np.isfinite(blocks).all():
        return np.inf
    return np.linalg.svd(blocks, compute_uv=False).max(initial=0)


def _terms(
    step: _VectorStep,
    weights: list[Any],
    inputs: Tensor,
    states: Tensor,
    pulled: np.ndarray,
    size: int,
) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return `immediate`, `term_norms` and `terms` of a `GradientFlow`."""
    time = len(inputs)

    def derivatives(inputs: Tensor, state: Tensor) -> list[Tensor]:
        with tf.GradientTape() as tape:
            result = step(inputs, state)
        values = [weight.value for weight in weights]
        return tape.jacobian(result, values, unconnected_gradients=ZERO)

    # A `tf.function` that is new for each layer would warn of that if it were called itself.
    compiled = tf.function(derivatives).get_concrete_function(inputs[0], states[0])
    immediate = tuple(np.zeros(time) for _ in weights)
    norms = tuple(np.zeros((time, time)) for _ in weights)
    terms = tuple(np.zeros((time, *weight.shape)) for weight in weights)
    for k in range(time):
        for index, tensor in enumerate(compiled(inputs[k], states[k])):
            derivative = np.asarray(tensor, "float64")
            immediate[index][k] = np.linalg.norm(derivative[:, size:])
            added = np.tensordot(pulled[k:, k], derivative, axes=2)
            norms[index][k:, k] = np.linalg.norm(added.reshape(time - k, -1), axis=1)
            terms[index][: time - k] += added
    return immediate, norms, terms
