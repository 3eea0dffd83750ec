"""The options of `seq2seq translate`, with a stand-in for the translator that needs no model."""

import io
import sys
from pathlib import Path

import pytest

from seq2seq.cli.main import main
from seq2seq.errors import UserError
from seq2seq.inference import Candidate, Translator


class Echo:
    """Says each line again, with a number for each of the best; no better ones than `most`."""

    def __init__(self, most=3):
        self.most = most
        self.cut_lines = 0
        self.lines_ahead = []

    def translate_n_best(self, lines, count, lines_ahead=None):
        self.lines_ahead.append(lines_ahead)
        for line in lines:
            yield [
                Candidate(f"{line} {number}", -number / 4)
                for number in range(min(count, self.most))
            ]


@pytest.fixture
def translate(monkeypatch, capsysbinary):
    """Run the command on two lines; return its output's lines and what was asked of `load`."""
    asked = []

    def load(folder, **options):
        asked.append((folder, options))
        return Echo()

    monkeypatch.setattr(Translator, "load", load)

    def run(*words):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("a\n\u00e4\n".encode())))
        assert main(["translate", *words]) == 0
        return capsysbinary.readouterr().out.decode().splitlines(), asked.pop()

    return run


def test_by_default_the_best_is_written_and_nothing_is_changed(translate):
    lines, (folders, options) = translate("run")
    assert lines == ["a 0", "\u00e4 0"]
    assert folders == [Path("run")]
    assert options == {"banned": [], "required": []}


def test_several_runs_are_loaded_together(translate):
    _, (folders, _) = translate("one", "two", "three")
    assert folders == [Path("one"), Path("two"), Path("three")]


def test_the_best_few_are_written_a_line_each(translate):
    lines, _ = translate("run", "--n-best", "3")
    assert lines == ["a 0", "a 1", "a 2", "\u00e4 0", "\u00e4 1", "\u00e4 2"]
    lines, _ = translate("run", "--n-best", "2", "--scores")
    assert lines == ["a 0\t0.0000", "a 1\t-0.2500", "\u00e4 0\t0.0000", "\u00e4 1\t-0.2500"]


def test_phrases_may_be_repeated_and_stay_as_they_are(translate):
    words = ["--ban", "der Hund", "--require", "die", "--ban", "x", "--require", "eine Katze"]
    _, (_, options) = translate("run", *words)
    assert options == {"banned": ["der Hund", "x"], "required": ["die", "eine Katze"]}
    # What was asked for once is not asked for again.
    _, (_, options) = translate("run")
    assert options == {"banned": [], "required": []}


def test_settings_of_the_search_are_handed_on_and_only_those_given(translate):
    words = ["--beam", "7", "--length-penalty", "0", "--coverage-penalty", "0.25", "--jit-compile"]
    _, (_, options) = translate("run", *words)
    given = {"beam": 7, "length_penalty": 0.0, "coverage_penalty": 0.25, "jit_compile": True}
    assert options == {"banned": [], "required": [], **given}
    _, (_, options) = translate("run", "--coverage-penalty", "0")
    assert options["coverage_penalty"] == 0.0
    assert not {"beam", "jit_compile"} & options.keys()


@pytest.mark.parametrize("words", [["--n-best", "two"], ["--ban"], ["--coverage-penalty", "x"]])
def test_options_that_are_none_are_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["translate", "run", *words])
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_phrase_that_cannot_be_is_one_line_and_status_2(monkeypatch, capsys):
    def load(folder, **options):
        raise UserError(f"A banned phrase needs text. Received: {options['banned'][0]!r}.")

    monkeypatch.setattr(Translator, "load", load)
    assert main(["translate", "run", "--ban", ""]) == 2
    assert capsys.readouterr().err == "seq2seq: A banned phrase needs text. Received: ''.\n"
