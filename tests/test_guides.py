"""The guides in docs/ run as they stand."""

import re
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


# It ends with all promises held to a cell, and with a comparison of times.
SLOW = "write-your-own-cell.md"
GUIDES = [
    pytest.param(path, id=path.name, marks=pytest.mark.slow if path.name == SLOW else ())
    for path in sorted(DOCS.glob("*.md"))
]


@pytest.mark.parametrize("path", GUIDES)
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


def test_the_guide_from_addons_names_each_of_its_names_once():
    text = (DOCS / "from-tensorflow-addons.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(ADDONS)
    assert len(ADDONS) == 32
