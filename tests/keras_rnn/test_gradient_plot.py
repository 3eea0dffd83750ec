"""The picture of gradients by lag, and what is to be seen in it."""

import importlib.util
from pathlib import Path

import keras
import matplotlib as mpl
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from keras_rnn import SimpleRNN, gradient_flow, plot_gradient_flow


def load_script():
    path = Path(__file__).parents[2] / "docs" / "gradient_flow.py"
    spec = importlib.util.spec_from_file_location("gradient_flow_script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def remains(layer, rng, lag=16):
    inputs = 0.1 * rng.normal(size=(2, lag + 1, 4))
    flow = gradient_flow(layer, inputs, lambda outputs: outputs[:, -1] ** 2)
    total = flow.by_lag(flow.total)
    return flow.by_lag(flow.jacobians)[lag], total[lag] / total[0]


@pytest.mark.slow
def test_memory_fades_stays_and_explodes(rng, monkeypatch):
    keras.utils.set_random_seed(0)
    script = load_script()
    monkeypatch.setattr(script, "UNITS", 16)
    assert max(remains(script.simple_network(0.8), rng)) < 0.1
    assert min(remains(script.simple_network(4.0), rng)) > 10
    for stays in remains(script.lstm_network(2.0), rng):
        assert 0.3 < stays < 3


@pytest.mark.slow
def test_the_script_of_the_guide_writes_a_picture_of_all_its_networks(tmp_path, monkeypatch):
    script = load_script()
    for name, size in {"TIME": 4, "UNITS": 3}.items():
        monkeypatch.setattr(script, name, size)
    with mpl.rc_context({"svg.fonttype": "none"}):
        script.main(tmp_path / "flow.svg")
    text = (tmp_path / "flow.svg").read_text(encoding="utf-8")
    labels = ["SimpleRNN, spectral radius 4", "LSTM, forget bias 2", "GRU", "from state to state"]
    assert [text.count(f">{label}<") for label in labels] == [1] * len(labels)


def test_a_picture_shows_jacobians_and_terms_by_lag_on_logarithmic_axes(rng, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: figures.append(figure))
    flow = gradient_flow(SimpleRNN(4), rng.normal(size=(2, 6, 3)), tf.square)
    plot_gradient_flow({"network": flow}, "flow.png")
    left, right = figures[0].axes
    assert left.get_yscale() == right.get_yscale() == "log"
    terms = flow.by_lag(flow.total)
    for axes, expected in ((left, flow.by_lag(flow.jacobians)), (right, terms / terms[0])):
        (line,) = [line for line in axes.lines if line.get_label() == "network"]
        np.testing.assert_array_equal(line.get_ydata(), expected)


def test_a_picture_needs_a_flow(tmp_path):
    with pytest.raises(ValueError, match="needs at least one flow"):
        plot_gradient_flow({}, tmp_path / "flow.png")
