"""The command line: a mistake is one line and status 2, and harms nothing; text comes out whole."""

import hashlib
import io
import math
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from seq2seq.cli.main import main
from seq2seq.config import save_config
from seq2seq.inference import Translator
from seq2seq.training import TrainingResult
from seq2seq.training.history import append_history

OOM = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.fixture(scope="module")
def translator(trained_run):
    return Translator.load(trained_run)


@pytest.fixture
def workplace(tiny_config, tmp_path, monkeypatch):
    """A working folder with files good and bad for commands to name."""
    monkeypatch.chdir(tmp_path)
    save_config(tiny_config, "tiny.toml")
    Path("two").write_text("a b c\nd e f\n")
    Path("three").write_text("a b c\nd e f\ng h i\n")
    Path("empty").write_text("")
    Path("binary").write_bytes(b"\xff\xfe\x00\n")
    Path("bad.toml").write_text("[data\n")
    Path("folder").mkdir()
    return tmp_path


def hash_of(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = (f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in files)
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def status_of(words):
    """The exit status of a command, whichever way it ends."""
    try:
        return main(words)
    except SystemExit as end:
        return end.code


NEW = ["train", "tiny.toml", "--run", "new"]
MISTAKES = [
    ([], "required: COMMAND"),
    (["trian"], "invalid choice: 'trian'"),
    (["train"], "required: CONFIG"),
    (["train", "nowhere.toml"], "The config file nowhere.toml cannot be read: No such file"),
    (["train", "folder"], "The config file folder cannot be read: Is a directory."),
    (["train", "bad.toml"], "The config file bad.toml is not valid TOML"),
    (["train", "binary"], "The config file binary is not valid TOML"),
    ([*NEW, "--set", "model.droput=0.1"], "no key 'droput'. Did you mean 'dropout'?"),
    ([*NEW, "--set", "modle.dropout=0.1"], "no key 'modle'. Did you mean 'model'?"),
    ([*NEW, "--set", "model.dropout=high"], "model.dropout to be of type number"),
    ([*NEW, "--set", "model.dropout=nan"], "model.dropout to be a finite number"),
    ([*NEW, "--set", "model.dropout"], "--set needs SECTION.KEY=VALUE"),
    ([*NEW, "--set", "training.epochs=0"], "training.epochs to be at least 1. Received: 0."),
    ([*NEW, "--set", "model.cell=gur"], "mgu, sru, ssru. Received: 'gur'. Did you"),
    ([*NEW, "--set", "model.encoder_units=1000000000"], "model.encoder_units to be at least 1 and"),
    ([*NEW, "--set", "data.batch_tokens=1000000000000"], "data.batch_tokens to be an integer"),
    ([*NEW, "--set", "data.vocabulary_size=5000"], "where this text allows at most "),
    ([*NEW, "--set", "data.vocabulary_size=270"], "where this text requires at least "),
    ([*NEW, "--set", "data.source=nowhere"], "nowhere (No such file or directory)"),
    ([*NEW, "--set", "data.source=folder"], "folder (Is a directory)"),
    ([*NEW, "--set", "data.source=two"], "with 2, "),
    ([*NEW, "--set", "data.source=empty"], "empty, which is empty"),
    ([*NEW, "--set", "data.source="], "a source file and a target file, or one file of pairs"),
    ([*NEW, "--set", "data.maximum_tokens=2"], "none of which has"),
    ([*NEW, "--set", "model.bridge=copy"], "needs decoder_units = 2 * encoder_units"),
    (["train", "tiny.toml", "--run", "two"], "needs a folder that is new or empty"),
    (["train", "tiny.toml", "--run", "two/deep"], "two/deep cannot be written: "),
    (["train", "tiny.toml", "--run", "."], "is not a whole run folder"),
    (["train", "tiny.toml", "--run", "a[1]"], r"without * ? [ ] and \. Received: 'a[1]'."),
    (["tune", "tiny.toml", "--dir", "a[1]"], "Received: 'a[1]'."),
    (["demo", "--dir", "a[1]"], "Received: 'a[1]'."),
    (["translate", "a*"], "Received: 'a*'."),
    (["translate", "\udcff"], r"a name in UTF-8 without * ? [ ] and \. Received: '\udcff'."),
    ([*NEW, "--set", 'data.source="a\\u0000b"'], "UTF-8 that leads to a file. Received: 'a"),
    ([*NEW, "--set", "decoding.maximum_tokens=2000000"], "maximum_tokens to be at least 1 and at"),
    (
        ["train", "tiny.toml", "--run", "RUN", "--set", "training.seed=8"],
        "training.seed (1, now 8)",
    ),
    (["translate", "nowhere"], "There is no run folder nowhere."),
    (["translate", "folder"], "folder is not a whole run folder"),
    (["translate", "RUN", "--beam", "0"], "decoding.beam to be at least 1"),
    (["translate", "RUN", "--beam", "1000000"], "decoding.beam to be at least 1 and at most"),
    (["translate", "RUN", "--beam", "two"], "invalid int value: 'two'"),
    (["translate", "RUN", "--length-penalty", "-1"], "length_penalty to be at least 0.0"),
    (["translate", "RUN", "--attention", "map.xyz"], "an ending such as .png. Received: map.xyz"),
    (["translate", "RUN", "--attention", "folder"], "an ending such as .png. Received: folder"),
    (["translate", "RUN", "--attention", "no/map.png"], "no/map.png cannot be written: No such"),
    (["evaluate", "RUN", "--source", "two"], "required: --reference"),
    (["evaluate", "RUN", "--source", "two", "--reference", "three"], "two with 2, three with 3"),
    (["evaluate", "RUN", "--source", "no", "--reference", "two"], "no (No such file or directory)"),
    (["evaluate", "RUN", "--source", "empty", "--reference", "empty"], "which is empty"),
    (["evaluate", "no", "--source", "two", "--reference", "two"], "There is no run folder no."),
    (["export", "nowhere", "new"], "There is no run folder nowhere."),
    (["export", "RUN", "a?"], "Received: 'a?'."),
    (["export", "RUN", "two"], "two cannot be written: File exists."),
    (["export", "RUN", "two/deep"], "two/deep cannot be written: Not a directory."),
    (["demo", "--dir", "."], "holds other files"),
    (["demo", "--dir", "two"], "two cannot be written: "),
]


@pytest.mark.parametrize(("words", "text"), MISTAKES, ids=[" ".join(case[0]) for case in MISTAKES])
def test_a_mistake_is_one_line_and_status_2_and_harms_nothing(
    words, text, workplace, trained_run, translator, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"A dog runs.")))
    if words[:2] == ["export", "RUN"]:  # Tried before it is written: no graph of its own.
        monkeypatch.setattr(Translator, "load", lambda folder, **decoding: translator)
    before = hash_of(trained_run), hash_of(workplace)
    assert status_of([str(trained_run) if word == "RUN" else word for word in words]) == 2
    lines = capsys.readouterr().err.splitlines()
    # Notes on the text may stand before it.
    assert [line for line in lines if line.startswith("seq2seq")] == lines[-1:]
    assert text in lines[-1]
    assert "Traceback" not in lines[-1]
    assert (hash_of(trained_run), hash_of(workplace)) == before


@pytest.mark.parametrize("words", [NEW, ["translate", "RUN"], ["export", "RUN", "new"]])
@pytest.mark.parametrize("error", [MemoryError(), OOM])
def test_too_little_memory_is_one_line(words, error, workplace, trained_run, capsys, monkeypatch):
    def fill_memory(*_, **__):
        raise error

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"A dog runs.")))
    for name in ("seq2seq.training.train", "seq2seq.inference.Translator.load"):
        monkeypatch.setattr(name, fill_memory)
    assert status_of([str(trained_run) if word == "RUN" else word for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs more memory than there is. Lower data.batch_tokens" in line


def test_training_that_ends_in_no_numbers_fails(workplace, capsys, monkeypatch):
    result = TrainingResult(Path("new"), 3, math.nan, {}, 0.0, is_interrupted=False)
    monkeypatch.setattr("seq2seq.training.train", lambda *_: result)
    assert status_of(NEW) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the last validation loss is nan. What is left in new is the best model" in line


@pytest.mark.parametrize("has_history", [True, False])
def test_what_was_trained_is_said_and_drawn_if_there_is_a_history(
    has_history, workplace, capsys, monkeypatch
):
    new = workplace / "new"
    result = TrainingResult(new, 3, 1.0, {}, 30.0, is_interrupted=False)
    new.mkdir()
    if has_history:
        append_history(new, 3, 1.0, {"training_loss": 2.0, "validation_loss": 1.0})
    monkeypatch.setattr("seq2seq.training.train", lambda *_: result)
    assert status_of(NEW) == 0
    said = capsys.readouterr().out
    assert "Trained 3 updates; best validation BLEU 30.00." in said
    assert ("loss curve: new/loss.png" in said) == (new / "loss.png").exists() == has_history


@pytest.fixture
def translate(trained_run, translator, monkeypatch, capsysbinary):
    """Run the command `translate` on bytes; return the lines of its output."""
    monkeypatch.setattr(Translator, "load", lambda folder, **decoding: translator)

    def run(text, *options):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert main(["translate", str(trained_run), *options]) == 0
        output = capsysbinary.readouterr().out
        assert output == b"" or output.endswith(b"\n")
        return output.decode().split("\n")[:-1]

    return run


@pytest.mark.parametrize("names", [("stdin",), ("stdout", "stderr"), ("stdin", "stderr")])
def test_standard_streams_may_be_closed(names, trained_run, translator, monkeypatch):
    monkeypatch.setattr(Translator, "load", lambda folder, **decoding: translator)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"A dog runs.")))
    for name in names:
        monkeypatch.setattr(sys, name, None)
    assert main(["translate", str(trained_run)]) == 0
    assert status_of(["trian"]) == 2


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"The dog sleeps.", 1),
        (b"The dog sleeps.\r\nThe cat runs.\r\n", 2),
        (b"\xef\xbb\xbfThe dog sleeps.\n\n \t \nThe cat runs.", 4),
        (b"bad \xff\xfe\n\xed\xa0\x80\nnul \x00\n\x85 \x1c \x0b \x0c\n", 4),
        ("one\u2028line\u2029still\x85one\nCR\rinside\n".encode(), 2),
        (b"x" * 1_000_000 + b"\n" + b"y\n" * 20, 21),
    ],
)
def test_as_many_lines_come_out_as_go_in(text, lines, translate):
    assert len(translate(text)) == lines


def test_translations_come_in_the_order_of_the_lines(translate, translator, tiny_corpus):
    text = (tiny_corpus / "train.en").read_bytes()
    # With scores, since a model that has learned little says the same of many a line.
    scored = translator.translate_with_scores(text.decode().splitlines())
    expected = [f"{translation}\t{score:.4f}" for translation, score in scored]
    assert translate(text, "--scores") == expected
    assert len(set(expected)) > 5
    # Line ends and a byte order mark are not part of the text.
    marked = b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")
    assert translate(marked, "--scores") == expected


def test_scores_stand_after_a_tab(translate, translator):
    ((_, score),) = translator.translate_with_scores(["The dog sleeps."])
    first, second = translate(b"The dog sleeps.\n\n", "--scores")
    assert first.split("\t")[1] == f"{score:.4f}"
    assert second == "\t0.0000"


def test_the_attention_of_the_first_line_is_drawn(translate, tmp_path):
    picture = tmp_path / "map.png"
    for text in (b"It costs $5 or $6.\nThe cat runs.\n", b""):
        translate(text, "--attention", str(picture))
        assert picture.read_bytes().startswith(b"\x89PNG")
        picture.unlink()


def test_evaluate_prints_both_scores_with_signatures(trained_run, tiny_corpus, capsys):
    files = [str(tiny_corpus / name) for name in ("test.en", "test.de")]
    words = ["evaluate", str(trained_run), "--source", files[0], "--reference", files[1]]
    assert main(words) == 0
    bleu, chrf, perplexity = capsys.readouterr().out.splitlines()
    assert bleu.startswith("BLEU = ")
    assert "|tok:13a|" in bleu
    assert chrf.startswith("chrF2 = ")
    assert 1 < float(perplexity.removeprefix("perplexity = ")) < 1000
