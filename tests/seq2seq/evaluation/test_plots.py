"""Pictures: they are drawn, hold what they should, and fail with one line."""

import matplotlib as mpl
import numpy as np
import pytest

from seq2seq.errors import UserError
from seq2seq.evaluation import plot_alignment, plot_history
from seq2seq.inference import Alignment
from seq2seq.training.history import append_history

PNG = b"\x89PNG\r\n\x1a\n"


def alignment(source, target):
    weights = np.full((len(target), len(source)), 1 / len(source), "float32")
    return Alignment(source, target, weights)


def write_history(folder, losses, **scores):
    for index, value in enumerate(losses):
        measured = {"training_loss": 2 * value, "validation_loss": value, **scores}
        append_history(folder, 10 * (index + 1), 1.0, measured)


def drawn_text(draw, *arguments, path):
    """Draw as SVG in which text is text, and return the file."""
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw(*arguments, path)
    return path.read_text(encoding="utf-8")


def assert_is_picture(path):
    content = path.read_bytes()
    assert content.startswith(PNG)
    assert len(content) > 4000


@pytest.mark.parametrize("scores", [{}, {"bleu": 12.5, "chrf": 30.0}])
def test_a_history_becomes_a_picture(tmp_path, scores):
    write_history(tmp_path, [5.0, 4.0, 1.5], **scores)
    plot_history(tmp_path, tmp_path / "loss.png")
    assert_is_picture(tmp_path / "loss.png")
    text = drawn_text(plot_history, tmp_path, path=tmp_path / "loss.svg")
    assert ">training loss<" in text
    assert ">validation loss<" in text
    assert (">validation BLEU, greedy (right)<" in text) == bool(scores)


@pytest.mark.parametrize("losses", [[5.0], [np.inf, 5.0], [np.nan, np.inf]])
def test_a_history_of_one_point_or_of_no_numbers_is_drawn_too(tmp_path, losses):
    write_history(tmp_path, losses, bleu=0.0)
    plot_history(tmp_path, tmp_path / "loss.png")
    assert_is_picture(tmp_path / "loss.png")


def test_a_run_without_validation_has_nothing_to_draw(tmp_path):
    with pytest.raises(UserError, match="has no validation to draw yet"):
        plot_history(tmp_path, tmp_path / "loss.png")
    assert list(tmp_path.iterdir()) == []


def test_an_alignment_becomes_a_picture_larger_for_more_pieces(tmp_path):
    for count in (2, 12):
        pieces = [f"p{index}" for index in range(count)]
        plot_alignment(alignment(pieces, pieces), tmp_path / f"{count}.png")
        assert_is_picture(tmp_path / f"{count}.png")
    sizes = [(tmp_path / f"{count}.png").stat().st_size for count in (2, 12)]
    assert sizes[0] < sizes[1]


def test_a_dollar_sign_is_no_formula(tmp_path):
    pieces = ["\u2581US$", "5$", "$", "$x$", "a\\$", "</s>"]
    drawn = alignment(pieces, pieces[::-1])
    plot_alignment(drawn, tmp_path / "map.png")
    assert_is_picture(tmp_path / "map.png")
    text = drawn_text(plot_alignment, drawn, path=tmp_path / "map.svg")
    for piece in ("\u2581US$", "5$", "$", "$x$", "a\\$", "&lt;/s&gt;"):
        assert text.count(f">{piece}<") == 2, piece


@pytest.mark.parametrize("name", ["map", "map.", "map.doc"])
def test_a_picture_needs_an_ending_that_is_known(tmp_path, name):
    with pytest.raises(UserError, match=r"needs an ending such as \.png\. Received: "):
        plot_alignment(alignment(["a"], ["b"]), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be written: No such file or directory"):
        plot_alignment(alignment(["a"], ["b"]), tmp_path / "none" / "map.png")
