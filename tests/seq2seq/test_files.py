"""Files are written whole or not at all."""

import errno
import tempfile
from pathlib import Path

import pytest
import tensorflow as tf

from seq2seq.errors import UserError
from seq2seq.files import check_name, check_writable, write_whole, writing


def test_a_name_that_tensorflow_reads_as_a_pattern_is_refused(tmp_path):
    check_name(tmp_path / "für alle (1) {2} 'x' $HOME")
    for name in ("a*", "a?", "a[1", "1]", "a\\b", "a\0", "\udcff"):
        with pytest.raises(UserError, match="a name in UTF-8 without"):
            check_name(tmp_path / name)


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, tmp_path / "new" / "deep", Path("new"), Path()):
        check_writable(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused_by_name(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    folder = tmp_path / "file" / "deep" / "run"
    with pytest.raises(UserError, match=f"^{folder} cannot be written: Not a directory"):
        check_writable(folder)

    def refuse(**options):
        assert options == {"dir": tmp_path}
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(UserError, match=f"^{tmp_path / 'new'} cannot be written: Read-only file"):
        check_writable(tmp_path / "new")


def test_text_and_bytes_are_written_as_they_are(tmp_path):
    write_whole(tmp_path / "text", "zwei\u2028 Zeilen\n")
    write_whole(tmp_path / "bytes", b"\xff\x00")
    assert (tmp_path / "text").read_bytes() == b"zwei\xe2\x80\xa8 Zeilen\n"
    assert (tmp_path / "bytes").read_bytes() == b"\xff\x00"
    assert {path.name for path in tmp_path.iterdir()} == {"text", "bytes"}


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "file", "old")
    (tmp_path / "file.part").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "No space left on device"),
    ],
)
def test_errors_of_python_and_of_tensorflow_become_one_line(tmp_path, error):
    with pytest.raises(UserError) as raised, writing(tmp_path):
        raise error
    assert str(raised.value) == (
        f"{tmp_path} cannot be written: No space left on device. "
        "Free some space or name another folder; what was there before is untouched."
    )


def test_other_errors_pass(tmp_path):
    with pytest.raises(KeyError), writing(tmp_path):
        raise KeyError("mine")
