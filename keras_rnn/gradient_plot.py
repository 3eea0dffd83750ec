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
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, flow in flows.items():
        terms = flow.by_lag(flow.total)
        _draw(left, name, flow.by_lag(flow.jacobians))
        _draw(right, name, terms / terms[0])
    left.set(title="product of the Jacobians", ylabel="$|ds_t / ds_k|$")
    right.set(title="terms of $dE/dW$", ylabel="norm, relative to lag 0")
    left.legend()
    figure.savefig(path, dpi=120)


def _draw(axes: Any, name: str, values: np.ndarray) -> None:
    axes.plot(values, label=name)
    axes.set(xlabel="lag $t - k$", yscale="log")
