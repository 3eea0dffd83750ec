"""`seq2seq score`: a score for each pair of lines, empty ones too."""

import pytest

from seq2seq.cli.main import main
from seq2seq.inference import Translator


@pytest.fixture
def words(tmp_path):
    """The words of a command on three pairs of lines, one of them empty on one side."""
    (tmp_path / "source").write_text("A dog runs.\n\nThe cat sees the dogs.\n", encoding="utf-8")
    (tmp_path / "target").write_text("Ein Hund l\u00e4uft.\nx\n\n", encoding="utf-8")
    return ["--source", str(tmp_path / "source"), "--target", str(tmp_path / "target")]


def test_each_pair_of_lines_has_the_score_that_the_translator_gives(words, trained_run, capsys):
    assert main(["score", str(trained_run), *words]) == 0
    pairs = [("A dog runs.", "Ein Hund l\u00e4uft."), ("", "x"), ("The cat sees the dogs.", "")]
    scores = list(Translator.load(trained_run).score(pairs))
    assert capsys.readouterr() == ("".join(f"{score:.4f}\n" for score in scores), "")
    assert len(set(scores)) == 3
    assert max(scores) < 0


def test_runs_and_settings_are_handed_on_and_lines_that_were_cut_counted(
    words, monkeypatch, capsys
):
    asked = []

    class Cut:
        cut_lines = 2

        def score(self, pairs):
            return (-len(source) / 2 for source, _ in pairs)

    monkeypatch.setattr(Translator, "load", lambda *args, **options: asked.append(options) or Cut())
    assert main(["score", "one", "two", *words, "--set", "decoding.length_penalty=0"]) == 0
    out, error = capsys.readouterr()
    assert out == "-5.5000\n0.0000\n-11.0000\n"
    assert error.startswith("seq2seq: 2 lines were too long; only their beginning was scored")
    assert asked == [{"length_penalty": 0}]
