"""The history: lines appended, cut where a run goes on, whole after a crash."""

import math

import pytest

from seq2seq.errors import UserError
from seq2seq.training.history import append_history, cut_history, read_history


@pytest.fixture
def history(tmp_path):
    """Three validations."""
    for step, loss in ((10, 2.5), (20, 1.25), (30, math.inf)):
        append_history(tmp_path, step, step / 4, {"validation_loss": loss, "bleu": 0.1 * step})
    return tmp_path / "history.tsv"


def test_what_is_appended_is_what_is_read(history):
    assert read_history(history.parent) == {
        "step": [10, 20, 30],
        "seconds": [2.5, 5.0, 7.5],
        "validation_loss": [2.5, 1.25, math.inf],
        "bleu": [1.0, 2.0, 0.1 * 30],
    }
    lines = history.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step\tseconds\tvalidation_loss\tbleu"
    assert lines[2] == "20\t5.0\t1.25\t2.0"


def test_a_folder_without_history_reads_as_empty_and_cuts_as_it_is(tmp_path):
    cut_history(tmp_path, 5)
    assert read_history(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("step", "kept"), [(30, [10, 20, 30]), (29, [10, 20]), (20, [10, 20])])
def test_a_cut_drops_the_lines_after_a_step(history, step, kept):
    cut_history(history.parent, step)
    assert read_history(history.parent)["step"] == kept
    assert [path.name for path in history.parent.iterdir()] == ["history.tsv"]


def test_a_cut_to_the_start_leaves_columns_without_rows(history):
    cut_history(history.parent, 0)
    assert read_history(history.parent).get("step", []) == []


def test_a_history_torn_anywhere_can_be_read_and_gone_on_with(tmp_path):
    append_history(tmp_path, 10, 1.0, {"bleu": 2.0})
    path = tmp_path / "history.tsv"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_history(tmp_path).get("step", []) == []
        cut_history(tmp_path, 10)
        append_history(tmp_path, 20, 2.0, {"bleu": 4.0})
        assert read_history(tmp_path) == {"step": [20], "seconds": [2.0], "bleu": [4.0]}


def test_lines_before_a_torn_one_stay(history):
    history.write_bytes(history.read_bytes()[:-3])
    assert read_history(history.parent)["step"] == [10, 20]
    cut_history(history.parent, 30)
    assert read_history(history.parent)["step"] == [10, 20]


@pytest.mark.parametrize("measured", [{"bleu": 1.0}, {"bleu": 1.0, "validation_loss": 2.0}])
def test_a_line_of_other_columns_is_refused(history, measured):
    before = history.read_bytes()
    with pytest.raises(UserError) as caught:
        append_history(history.parent, 40, 1.0, measured)
    assert str(caught.value).startswith(
        f"The history {history} needs the columns step, seconds, validation_loss, bleu. "
        f"Received: step, seconds, {', '.join(measured)}. Go on with the `validate` that"
    )
    assert history.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"step\tseconds\n1\tx\n", "could not convert string to float: 'x'"),
        (b"step\tseconds\n1\n", "1 cells under a header of 2"),
        (b"step\tseconds\n\n1\t2.0\n", "0 cells under a header of 2"),
        (b"\n\n", "0 cells under a header of 0"),
        (b"step\n\xff\n", "can't decode byte 0xff"),
        (b"abc\tdef\n1\t2\n", "its columns begin with abc, def, not step, seconds"),
    ],
)
@pytest.mark.parametrize("use", [read_history, lambda folder: cut_history(folder, 5)])
def test_a_damaged_history_is_refused_with_the_reason(use, content, reason, tmp_path):
    path = tmp_path / "history.tsv"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        use(tmp_path)
    assert str(caught.value).startswith(f"The history {path} is damaged: ")
    assert reason in str(caught.value)
    assert path.read_bytes() == content
