"""The guides in docs/ run as they stand."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_a_guide_runs_is_short_and_shows_pictures_that_are_there(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == text.count("```") // 2 > 0
    names = {}
    for block in blocks:
        exec(compile(block, path.name, "exec"), names)  # noqa: S102
    assert len(text.splitlines()) <= 150
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert [picture for picture in pictures if not (DOCS / picture).is_file()] == []
