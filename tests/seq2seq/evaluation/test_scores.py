"""BLEU and chrF against values worked out by hand and against sacreBLEU's own command."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from seq2seq.errors import UserError
from seq2seq.evaluation import bleu, chrf

HYPOTHESES = ["The dog sees a cat, today.", "Two men are walking!", "Grün ist schön"]
REFERENCES = ["The dog sees the cat today.", "Two men walk.", "Grün ist sehr schön."]


def test_bleu_equals_a_value_worked_out_by_hand():
    """Of "a b c d e" against "a b c d f e": 5/5, 3/4, 2/3 and 1/2 n-grams, one token short."""
    expected = 100 * math.exp(1 - 6 / 5) * (1 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
    score = bleu(["a b c d e"], ["a b c d f e"])
    np.testing.assert_allclose(score.value, expected, rtol=1e-6)


def test_chrf_equals_a_value_worked_out_by_hand():
    """Of "abc" against "abd" each n has some n-grams: 2/3 of one, 1/2 of two, 0 of three."""
    precision = recall = (2 / 3 + 1 / 2 + 0) / 3
    expected = 100 * 5 * precision * recall / (4 * precision + recall)
    np.testing.assert_allclose(chrf(["abc"], ["abd"]).value, expected, rtol=1e-6)


def test_the_scores_are_those_of_the_sacrebleu_command(tmp_path):
    hypotheses, references = tmp_path / "hypotheses", tmp_path / "references"
    hypotheses.write_text("\n".join(HYPOTHESES) + "\n", encoding="utf-8")
    references.write_text("\n".join(REFERENCES) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", references, "-i", hypotheses, "-w", "8"]
    options = ["-m", "bleu", "chrf", "--format", "json"]
    done = subprocess.run([*command, *options], capture_output=True, check=True)
    scores = bleu(HYPOTHESES, REFERENCES), chrf(HYPOTHESES, REFERENCES)
    for ours, theirs in zip(scores, json.loads(done.stdout), strict=True):
        assert ours.name == theirs["name"]
        np.testing.assert_allclose(ours.value, theirs["score"], atol=1e-6)
        assert ours.signature == theirs["signature"]


def test_signatures_say_how_it_was_computed():
    score = bleu(HYPOTHESES, REFERENCES)
    assert score.signature.startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.")
    assert str(score) == f"BLEU = {score.value:.2f}  [{score.signature}]"
    other = chrf(HYPOTHESES, REFERENCES)
    assert other.signature.startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.")
    assert "tok:none" in bleu(HYPOTHESES, REFERENCES, tokenize="none").signature


def test_case_and_punctuation_count():
    references = ["The dog runs, and the cat sleeps."]
    assert (
        bleu(references, references).value
        > bleu(["the dog runs, and the cat sleeps."], references).value
    )
    spaced = ["The dog runs , and the cat sleeps ."]
    assert bleu(spaced, references).value > 99
    assert bleu(spaced, references, tokenize="none").value < 50


@pytest.mark.parametrize("score", [bleu, chrf])
@pytest.mark.parametrize(
    ("hypotheses", "references"), [(["a"], ["a", "b"]), (["a", "b"], ["a"]), ([], [])]
)
def test_other_than_as_many_references_as_translations_is_refused(score, hypotheses, references):
    counts = f"{len(hypotheses)} translations, {len(references)} references"
    with pytest.raises(UserError, match=f"Received: {counts}"):
        score(hypotheses, references)


def test_any_sequence_of_strings_will_do():
    assert bleu(tuple(HYPOTHESES), tuple(REFERENCES)) == bleu(HYPOTHESES, REFERENCES)
