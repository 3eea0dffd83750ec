"""The options of `seq2seq translate`, with a stand-in for the translator that needs no model."""

import io
import sys

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

    def sample(self, lines, seed, temperature, lines_ahead):
        self.lines_ahead.append(lines_ahead)
        return (Candidate(f"{line} {seed} {temperature}", -0.5) for line in lines)

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
    assert folders == ["run"]
    assert options == {"banned": [], "required": []}


def test_as_many_lines_are_read_ahead_as_asked_for(monkeypatch, capsys):
    echo = Echo()
    monkeypatch.setattr(Translator, "load", lambda *_, **__: echo)
    draw = "--sample", "3", "--lines-ahead", "2"
    for words in ((), ("--lines-ahead", "1"), ("--lines-ahead", "7"), draw):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
        assert main(["translate", "run", *words]) == 0
    assert echo.lines_ahead == [None, 1, 7, 2]
    assert main(["translate", "run", "--lines-ahead", "0"]) == 2
    assert "--lines-ahead needs to be at least 1. Received: 0." in capsys.readouterr().err


def test_several_runs_are_loaded_together(translate):
    _, (folders, _) = translate("one", "two", "three")
    assert folders == ["one", "two", "three"]


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


def test_any_key_of_decoding_can_be_set_and_an_option_of_its_own_comes_first(translate):
    settings = ["decoding.no_repeat_ngram_size=3", "decoding.beam=2", "decoding.jit_compile=true"]
    words = [word for setting in settings for word in ("--set", setting)]
    _, (_, options) = translate("run", *words, "--beam", "7")
    expected = {"no_repeat_ngram_size": 3, "beam": 7, "jit_compile": True}
    assert options == {"banned": [], "required": [], **expected}


def test_translations_are_drawn_where_asked_for(translate):
    lines, _ = translate("run", "--sample", "3", "--temperature", "0.5", "--scores")
    assert lines == ["a 3 0.5\t-0.5000", "\u00e4 3 0.5\t-0.5000"]
    lines, _ = translate("run", "--sample", "0")
    assert lines == ["a 0 1.0", "\u00e4 0 1.0"]


@pytest.mark.parametrize("words", ["--n-best 2", "--beam 4", "--attention map.png"])
def test_what_drawing_has_no_use_for_is_refused(words, capsys):
    assert main(["translate", "run", "--sample", "3", *words.split()]) == 2
    assert f"Received: {words}" in capsys.readouterr().err


def test_a_temperature_without_drawing_is_refused(capsys):
    assert main(["translate", "run", "--temperature", "0.5"]) == 2
    assert "--temperature needs --sample" in capsys.readouterr().err


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
