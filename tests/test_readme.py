"""The README's example runs as it stands."""

import re
from pathlib import Path

import keras
import numpy as np

README = Path(__file__).parents[1] / "README.md"


def example() -> str:
    text = README.read_text(encoding="utf-8")
    (code,) = re.findall(r"test_readme.py runs this -->\n```python\n(.*?)```", text, re.DOTALL)
    return code


def test_keras_example_is_short_and_saves_a_model_that_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(example(), "README.md", "exec"), names)  # noqa: S102
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    words = np.array([[5, 7, 0, 0], [3, 9, 4, 2]])
    np.testing.assert_allclose(loaded(words), names["model"](words), atol=1e-6)
    assert len(example().splitlines()) <= 22


def test_readme_names_the_two_commands():
    text = README.read_text(encoding="utf-8")
    assert "\n    pip install . && seq2seq demo\n" in text
    assert '\n    pip install ".[test]" && pytest\n' in text
