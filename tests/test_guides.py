"""The guides in docs/ run as they stand."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# All public names of `tfa.seq2seq` 0.23.
ADDONS = [
    "AttentionMechanism",
    "BahdanauAttention",
    "BahdanauMonotonicAttention",
    "LuongAttention",
    "LuongMonotonicAttention",
    "AttentionWrapper",
    "AttentionWrapperState",
    "hardmax",
    "monotonic_attention",
    "safe_cumprod",
    "Decoder",
    "BaseDecoder",
    "dynamic_decode",
    "BasicDecoder",
    "BasicDecoderOutput",
    "BeamSearchDecoder",
    "BeamSearchDecoderOutput",
    "BeamSearchDecoderState",
    "FinalBeamSearchDecoderOutput",
    "gather_tree",
    "gather_tree_from_array",
    "tile_batch",
    "SequenceLoss",
    "sequence_loss",
    "Sampler",
    "CustomSampler",
    "TrainingSampler",
    "ScheduledEmbeddingTrainingSampler",
    "ScheduledOutputTrainingSampler",
    "GreedyEmbeddingSampler",
    "SampleEmbeddingSampler",
    "InferenceSampler",
]


# Lines of a guide; more where each of 32 names has its example.
MOST_LINES = {"from-tensorflow-addons.md": 300}
# One ends with all promises held to a cell and a comparison of times, the other trains a model.
SLOW = {"write-your-own-cell.md", "translating.md"}
GUIDES = [
    pytest.param(path, id=path.name, marks=pytest.mark.slow if path.name in SLOW else ())
    for path in sorted(DOCS.glob("*.md"))
]


@pytest.mark.parametrize("path", GUIDES)
def test_a_guide_runs_is_short_and_shows_pictures_that_are_there(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = path.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert len(blocks) == text.count("```") // 2 > 0
    names = {}
    for block in blocks:
        exec(compile(block, path.name, "exec"), names)  # noqa: S102
    assert len(text.splitlines()) <= MOST_LINES.get(path.name, 150)
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert [picture for picture in pictures if not (DOCS / picture).is_file()] == []


def test_the_guide_from_addons_names_each_of_its_names_once():
    named = [name for there, _ in rows_from_addons() for name in re.findall(r"`(\w+)`", there)]
    assert sorted(named) == sorted(ADDONS)
    assert len(ADDONS) == 32


def test_the_guide_from_addons_shows_each_name_and_what_stands_in_its_place_at_work():
    code = "".join(blocks_of((DOCS / "from-tensorflow-addons.md").read_text(encoding="utf-8")))
    read, told = names_read(code), names_told_beside(code)
    assert [name for name in ADDONS if name not in read | told] == []
    here = [name for _, here in rows_from_addons() for name in re.findall(r"`(\w+)`", here)]
    assert [name for name in here if name not in read] == []
    assert here


def blocks_of(text):
    """Return the code of a guide, which the first test runs."""
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def rows_from_addons():
    """Return the cells "there" and "here" of the tables that are about names, not arguments."""
    text = (DOCS / "from-tensorflow-addons.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| `tfa\.seq2seq` \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [row.split("|")[1:3] for table in tables for row in table.splitlines()]


def names_read(code):
    """Return the names whose values the code asks for; to import one is not to ask."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    return {node.id for node in nodes if isinstance(node.ctx, ast.Load)}


def names_told_beside(code):
    """Return the words of the comments that stand beside code, on its line."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    comments = [token for token in tokens if token.type == tokenize.COMMENT]
    beside = [token.string for token in comments if not token.line.lstrip().startswith("#")]
    return set(re.findall(r"\w+", " ".join(beside)))
