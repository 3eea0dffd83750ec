"""`seq2seq score`: a score for each pair of lines, empty ones too."""

import gzip
import io
import sys
from pathlib import Path

import pytest

from seq2seq.cli.main import main
from seq2seq.inference import Translator

PAIRS = [("A dog runs.", "Ein\u2028Hund l\u00e4uft."), ("", "x"), ("The cat sees.", ""), ("", "")]


@pytest.fixture
def words(tmp_path):
    """The words of a command on the pairs, written as some systems do."""
    sources, targets = zip(*PAIRS, strict=True)
    (tmp_path / "source").write_bytes("".join(f"{line}\n" for line in sources).encode())
    written = "".join(f"{line}\r\n" for line in targets).encode("utf-8-sig")
    (tmp_path / "target.gz").write_bytes(gzip.compress(written))
    return ["--source", str(tmp_path / "source"), "--target", str(tmp_path / "target.gz")]


def test_each_pair_of_lines_has_the_score_that_the_translator_gives(words, trained_run, capsys):
    assert main(["score", str(trained_run), *words]) == 0
    scores = list(Translator.load(trained_run).score(PAIRS))
    assert capsys.readouterr() == ("".join(f"{score:.4f}\n" for score in scores), "")
    assert len(set(scores)) == len(PAIRS)
    assert max(scores) < 0


class Counting:
    """Scores lines by their length, and says that two were cut."""

    cut_lines = 2

    def score(self, pairs):
        return (-len(source) / 2 for source, _ in pairs)


def test_runs_and_settings_are_handed_on_and_lines_that_were_cut_counted(
    words, monkeypatch, capsys
):
    asked = []

    def load(*args, **options):
        asked.append((args, options))
        return Counting()

    monkeypatch.setattr(Translator, "load", load)
    assert main(["score", "one", "two", *words, "--set", "decoding.length_penalty=0"]) == 0
    out, error = capsys.readouterr()
    assert out == "-5.5000\n0.0000\n-6.5000\n0.0000\n"
    assert error.startswith("seq2seq: 2 lines were too long; only their beginning was scored")
    assert asked == [((["one", "two"],), {"length_penalty": 0})]


def test_files_that_are_not_parallel_are_one_line(words, trained_run, capsys):
    with Path(words[1]).open("ab") as source:
        source.write(b"One line more.\n")
    assert main(["score", str(trained_run), *words]) == 2
    out, error = capsys.readouterr()
    assert "source with 5, " in error
    assert (out, error.count("\n")) == ("", 1)


def test_an_output_that_has_gone_is_noticed_however_little_was_written(words, monkeypatch):
    class Gone(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    monkeypatch.setattr(Translator, "load", lambda *_: Counting())
    monkeypatch.setattr(sys, "stdout", Gone())
    assert main(["score", "run", *words]) == 1
