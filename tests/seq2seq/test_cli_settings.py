"""`--set` and several runs, in every command that loads a run."""

from pathlib import Path

import pytest

from seq2seq import evaluation, export
from seq2seq.cli.main import main
from seq2seq.evaluation import Evaluation

COMMANDS = {
    "translate": ["RUN"],
    "score": ["RUN", "--source", "SOURCE", "--target", "REFERENCE"],
    "evaluate": ["RUN", "--source", "SOURCE", "--reference", "REFERENCE"],
    "export": ["RUN", "DIR"],
}


@pytest.fixture
def words(trained_run, tiny_corpus, tmp_path):
    """The words of a command on the run that the tests share."""
    places = {
        "RUN": trained_run,
        "SOURCE": tiny_corpus / "test.en",
        "REFERENCE": tiny_corpus / "test.de",
        "DIR": tmp_path / "models",
    }
    return lambda command: [command, *(str(places.get(word, word)) for word in COMMANDS[command])]


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("decoding.beam=0", "decoding.beam to be at least 1 and at most 1000. Received: 0."),
        ("decoding.bean=2", "no key 'bean'. Did you mean 'beam'?"),
        ("model.dropout=0.1", "--set needs decoding.KEY=VALUE here"),
        ("beam=2", "--set needs SECTION.KEY=VALUE"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(command, setting, message, words, capsys):
    assert main([*words(command), "--set", setting]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_export_takes_several_runs_and_settings(monkeypatch):
    asked = []
    monkeypatch.setattr(export, "export", lambda *args, **options: asked.append((args, options)))
    settings = ["--set", "decoding.beam=4", "--set", "decoding.minimum_tokens=2"]
    assert main(["export", "one", "two", "models", *settings]) == 0
    options = {"beam": 4, "minimum_tokens": 2}
    assert asked == [((["one", "two"], Path("models")), options)]


def test_evaluate_takes_several_runs_and_settings(words, monkeypatch):
    asked = []

    def evaluate(folders, corpus, tokenize, **options):
        asked.append((folders, options))
        return Evaluation("BLEU", "chrF", 1.0, [], 0)

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    command, run, *files = words("evaluate")
    assert main([command, run, "other", *files, "--set", "decoding.beam=3"]) == 0
    assert asked == [([run, "other"], {"beam": 3})]


def test_export_is_compiled_where_a_setting_says_so(monkeypatch):
    asked = []
    monkeypatch.setattr(export, "export", lambda *args, **options: asked.append(options))
    assert main(["export", "run", "models", "--set", "decoding.jit_compile=true"]) == 0
    assert asked == [{"jit_compile": True}]


def test_export_without_a_folder_is_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["export", "run"])
    assert "required: DIR" in capsys.readouterr().err
