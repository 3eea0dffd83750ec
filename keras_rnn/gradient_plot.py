"""A picture of how far back gradients reach."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn.gradient_flow import GradientFlow

__all__ = ["plot_gradient_flow"]


def plot_gradient_flow(flows: Mapping[str, GradientFlow], path: str | Path) -> None:
    """Draw what remains of a gradient over the lag t - k, one line for each network.

    On the left `|ds_t/ds_k|`, the product of the Jacobians; on the right the terms of dE/dW, the
    norm over all weights, as multiples of that at lag 0. Both axes upwards are logarithmic. A line
    is the mean over t, `GradientFlow.by_lag`.

    Args:
        flows: What `gradient_flow` returned, each under the name that the legend is to show.
        path: The picture to write; its ending says in which format.

    Raises:
        ValueError: If `flows` is empty.
    """
    # Drawing is optional: who only runs layers does without Matplotlib.
    from matplotlib.figure import Figure

    if not flows:
        raise ValueError(
            "`plot_gradient_flow` needs at least one flow. Received: none. "
            'Pass what `gradient_flow` returned, for example `{"LSTM": flow}`.'
        )
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, {name: flow.by_lag(flow.jacobians) for name, flow in flows.items()})
    _draw(right, {name: _relative(flow.by_lag(flow.total)) for name, flow in flows.items()})
    left.set(title="from state to state", ylabel="$|ds_t / ds_k|$")
    right.set(title="terms of the gradient", ylabel="$|dE_t/ds_k\\; d^+s_k/dW|$, at lag 0: 1")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=100)


def _draw(axes: Any, lines: Mapping[str, np.ndarray]) -> None:
    axes.axhline(1, color="lightgray")
    for name, values in lines.items():
        # A zero has no place on a logarithmic axis.
        axes.plot(np.where(values > 0, values, np.nan), label=name)
    axes.set(xlabel="lag $t - k$: steps back", yscale="log")
    axes.margins(x=0)


def _relative(values: np.ndarray) -> np.ndarray:
    return values / values[0] if values[0] > 0 else values
