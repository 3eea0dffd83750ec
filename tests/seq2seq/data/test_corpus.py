"""Reading parallel text: what is kept, what is counted, what is refused."""

import gzip
import io
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seq2seq
from seq2seq.data.corpus import (
    MAXIMUM_LINE_BYTES,
    ParallelCorpus,
    decode_lines,
    read_lines,
    read_parallel,
)
from seq2seq.errors import UserError


@pytest.fixture
def write(tmp_path):
    """Write bytes to a file of that name and return its path; `.gz` is compressed."""

    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


@pytest.fixture
def read(write):
    """Read two sides given as bytes."""
    return lambda source, target: read_parallel(write("a.txt", source), write("b.txt", target))


def refuses(*parts):
    """Expect a one-line `UserError` that holds the parts in this order."""
    return pytest.raises(UserError, match="^(?!.*\n).*" + ".*".join(map(re.escape, parts)))


@pytest.mark.parametrize("suffix", ["txt", "txt.gz"])
def test_two_files_are_read_line_by_line(write, suffix):
    source = write(f"a.{suffix}", "der Hund\ndie Köchin\n".encode())
    target = write(f"b.{suffix}", b"the dog\nthe cook\n")
    corpus = read_parallel(source, target)
    assert corpus.source == ["der Hund", "die Köchin"]
    assert corpus.target == ["the dog", "the cook"]
    assert corpus.skipped == {}


@pytest.mark.parametrize("suffix", ["tsv", "tsv.gz"])
def test_pairs_are_the_first_two_columns(write, suffix):
    path = write(f"a.{suffix}", b"a b\tc d\r\ne\tf\tlicence\tid\r\n\n")
    corpus = read_parallel(pairs=path)
    assert (corpus.source, corpus.target) == (["a b", "e"], ["c d", "f"])
    assert corpus.skipped == {"empty on both sides": 1}


def test_settings_left_empty_count_as_not_given(write):
    path = write("a.tsv", b"a\tb\n")
    assert read_parallel(source="", target="", pairs=str(path)).target == ["b"]


def test_the_last_line_needs_no_line_end(read):
    assert read(b"a\nb", b"c\nd\n").source == ["a", "b"]


def test_windows_line_ends_and_white_space_at_the_ends_are_stripped(read):
    corpus = read(b"a b\r\n  c\t\r\n", "d\r\n\u00a0e \n".encode())
    assert corpus.source == ["a b", "c"]
    assert corpus.target == ["d", "e"]


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_byte_order_mark_is_dropped_at_the_start_only(write, name):
    path = write(name, "\ufeffa\n\ufeffb\n".encode())
    assert read_lines(path) == ["a", "\ufeffb"]


@pytest.mark.parametrize("separator", "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e\r")
def test_only_a_newline_ends_a_line(read, separator):
    corpus = read(f"a{separator}b\nc\n".encode(), b"d\ne\n")
    assert corpus.source == [f"a{separator}b", "c"]


def test_read_lines_keeps_empty_lines_and_replaces_invalid_bytes(write):
    assert read_lines(write("a.txt", b" a\n\n\xff\xfe\r\n")) == [" a", "", "\ufffd\ufffd"]


def test_invalid_utf8_skips_the_pair_and_is_counted(read):
    corpus = read(b"a\nb\xff\nc\n", b"d\ne\n\xe9\n")
    assert (corpus.source, corpus.target) == (["a"], ["d"])
    assert corpus.skipped == {"invalid UTF-8": 2}


def test_a_replacement_character_in_the_text_is_valid(read):
    assert read("a\ufffd\n".encode(), b"b\n").source == ["a\ufffd"]


def test_empty_lines_skip_the_pair_and_are_counted(read):
    corpus = read("a\n \t\nb\n\u3000\n".encode(), b"c\nd\n\n\n")
    assert (corpus.source, corpus.target) == (["a"], ["c"])
    assert corpus.skipped == {"empty on one side": 2, "empty on both sides": 1}


def test_a_line_at_the_limit_is_kept_and_one_over_it_is_skipped(read):
    at_limit, over_limit = b"x" * MAXIMUM_LINE_BYTES, b"x" * (MAXIMUM_LINE_BYTES + 1)
    corpus = read(b"\n".join([at_limit, over_limit, b"a"]), b"\n".join([b"b", b"c", over_limit]))
    assert (corpus.source, corpus.target) == ([at_limit.decode()], ["b"])
    assert corpus.skipped == {f"longer than {MAXIMUM_LINE_BYTES} bytes": 2}


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_of_a_megabyte_are_skipped_without_being_kept(write, name):
    count, megabyte = 12, 2**20
    source = write(name, b"a\n" + (b"x" * megabyte + b"\n") * count)
    target = write("b.txt", b"b\n" * (count + 1))
    tracemalloc.start()
    corpus = read_parallel(source, target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert corpus.source == ["a"]
    assert corpus.skipped == {f"longer than {MAXIMUM_LINE_BYTES} bytes": count}
    assert peak < 5 * megabyte


@pytest.mark.parametrize(("source", "target"), [(3, 2), (2, 3), (1, 9)])
def test_unequal_line_counts_are_refused_with_both_counts(read, source, target):
    with refuses("as many lines", f"a.txt with {source}", f"b.txt with {target}", "align"):
        read(b"a\n" * source, b"b\n" * target)


@pytest.mark.parametrize(("source", "target"), [(b"", b"a\n"), (b"a\n", b""), (b"", b"")])
def test_an_empty_file_is_refused_by_name(read, source, target):
    name = "b.txt" if source else "a.txt"
    with refuses("at least one line", name, "which is empty"):
        read(source, target)


def test_an_empty_file_of_pairs_is_refused(write):
    with refuses("at least one line", "a.tsv", "which is empty"):
        read_parallel(pairs=write("a.tsv", b""))


def test_a_line_without_a_tab_is_refused_by_number(write):
    with refuses("source TAB target", "a.tsv, line 3, without a TAB"):
        read_parallel(pairs=write("a.tsv", b"a\tb\n\nc d\ne\tf\n"))


def test_no_usable_pair_is_refused_with_the_reasons(read):
    with refuses("at least one usable pair", "a.txt and", "1 empty on one side, 2 invalid UTF-8"):
        read(b"\n\xff\n\xff\n", b"a\nb\nc\n")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_in_utf16_is_refused_by_its_mark(read, encoding):
    text = "\ufeffa\nb\n".encode(encoding)
    with refuses("in UTF-8", "a.txt, in UTF-16", "iconv"):
        read(text, b"a\nb\n")
    with refuses("in UTF-8", "a stream, in UTF-16"):
        list(decode_lines(io.BytesIO(text)))


def test_a_missing_file_is_refused(tmp_path, write):
    with refuses("a file that can be read", "missing.txt (No such file or directory)", "path"):
        read_parallel(write("a.txt", b"a\n"), tmp_path / "missing.txt")


@pytest.mark.parametrize("name", ["folder", "folder.gz"])
def test_a_folder_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with refuses("a file that can be read", f"{name} (Is a directory)"):
        read_lines(tmp_path / name)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"plain text\n", id="no gzip at all"),
        pytest.param(lambda content: content[:-12], id="cut off"),
        pytest.param(lambda content: content[:20] + b"\0" * 20 + content[40:], id="overwritten"),
        pytest.param(lambda content: content[:-8] + b"\0" * 8, id="wrong checksum"),
    ],
)
def test_a_damaged_gzip_file_is_refused(tmp_path, damage):
    text = "".join(f"line {number * number}\n" for number in range(100)).encode()
    path = tmp_path / "a.txt.gz"
    path.write_bytes(damage(gzip.compress(text)))
    with refuses("whole, valid gzip", "a.txt.gz (", "again"):
        read_lines(path)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"source": "a"},
        {"target": "b"},
        {"source": "a", "pairs": "c"},
        {"source": "a", "target": "b", "pairs": "c"},
    ],
)
def test_files_must_be_two_sides_or_pairs(files):
    with refuses("either a source file and a target file", "Received: source=", "pairs="):
        read_parallel(**files)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\ufeff"))))
def test_lines_written_are_lines_read(tmp_path_factory, lines):
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    assert read_lines(path) == lines


PAIRS = st.lists(st.tuples(st.text("ab", max_size=2), st.text("ab", max_size=2)), max_size=3)


@settings(deadline=None, max_examples=300)
@given(PAIRS, PAIRS)
def test_texts_have_one_fingerprint_only_if_they_are_one(first, second):
    """Whether lines differ, or stand on another side, or in another order."""
    one, other = (
        ParallelCorpus([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        for pairs in (first, second)
    )
    assert (one.fingerprint() == other.fingerprint()) == (first == second)


def test_reading_text_needs_no_tensorflow():
    code = "import sys, seq2seq.data.corpus; sys.exit('tensorflow' in sys.modules)"
    root = Path(seq2seq.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
