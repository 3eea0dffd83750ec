"""Parallel text: lines of two languages, read from files, the unusable left out and counted."""

import gzip
import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from seq2seq.errors import UserError

__all__ = [
    "MAXIMUM_LINE_BYTES",
    "ParallelCorpus",
    "decode_lines",
    "read_line_pairs",
    "read_lines",
    "read_parallel",
]

MAXIMUM_LINE_BYTES = 10_000
"""A longer line is no sentence but a broken file; a pair with one is skipped."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = b"\xff\xfe", b"\xfe\xff"

_TOO_LONG = f"longer than {MAXIMUM_LINE_BYTES} bytes"
_INVALID = "invalid UTF-8"
_BOTH_EMPTY = "empty on both sides"
_ONE_EMPTY = "empty on one side"


@dataclass(frozen=True)
class ParallelCorpus:
    """Sentences and their translations: `target[i]` translates `source[i]`.

    Args:
        source: Lines of the source language, without white space at their ends; none is empty.
        target: As many lines of the target language.
        skipped: How many pairs were left out, by reason.
    """

    source: list[str]
    target: list[str]
    skipped: dict[str, int] = field(default_factory=dict)

    def fingerprint(self) -> str:
        """Return what tells this text from any other: the number of pairs, and a digest of them.

        >>> ParallelCorpus(["A dog."], ["Ein Hund."]).fingerprint()
        '1 pairs e72afb9d9d13e42a'
        """
        digest = hashlib.blake2b(digest_size=8)
        for line in (*self.source, *self.target):
            digest.update(f"{line}\n".encode())
        return f"{len(self.source)} pairs {digest.hexdigest()}"


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    r"""Read the lines of a text file, UTF-8, plain or `.gz`.

    Only "\n" ends a line, with or without a "\r" before it: U+2028 and its like are text. A byte
    order mark at the start is dropped; invalid UTF-8 becomes U+FFFD.

    Returns:
        The lines without their ends, in order, empty ones too.

    Raises:
        UserError: If the file cannot be read, is a damaged gzip file, or is in UTF-16.
    """
    return [_decode(line) for line in _byte_lines(Path(path))]


def decode_lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream of bytes as they come, by the rules of `read_lines`.

    Args:
        stream: An open binary file, such as `sys.stdin.buffer`.

    Raises:
        UserError: On the way, if it is in UTF-16.
    """
    return map(_decode, _strip(stream, "a stream"))


def read_line_pairs(
    source: str | os.PathLike[str], target: str | os.PathLike[str]
) -> list[tuple[str, str]]:
    """Read every line of two files with its translation, by the rules of `read_lines`.

    Unlike `read_parallel` it leaves none out, empty ones neither.

    Raises:
        UserError: If the files cannot be read, are in UTF-16, are empty or differ in length.
    """
    return [(_decode(one), _decode(other)) for one, other in _align(Path(source), Path(target))]


def _decode(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")


def read_parallel(
    source: str | os.PathLike[str] | None = None,
    target: str | os.PathLike[str] | None = None,
    pairs: str | os.PathLike[str] | None = None,
) -> ParallelCorpus:
    """Read parallel text, either from two files or from one.

    Files are UTF-8, plain or `.gz`; lines end as `read_lines` says. A pair is skipped and counted
    if one of its sides is empty or white space, is longer than `MAXIMUM_LINE_BYTES`, or is not
    valid UTF-8. One line is in memory at a time, besides the pairs that are kept.

    Args:
        source: File with one source sentence a line.
        target: File with its translation on the same line.
        pairs: File of source TAB target, without quoting; further columns are ignored. Given
            instead of the other two. None and "" both mean not given.

    Raises:
        UserError: If the files are not given so, cannot be read, are in UTF-16 (by its mark), are
            empty, differ in length, have a line without a second column, or hold no pair that can
            be used.
    """
    if bool(source) != bool(target) or bool(source) == bool(pairs):
        raise UserError(
            "Parallel text needs either a source file and a target file, or one file of pairs. "
            f"Received: source={source!r}, target={target!r}, pairs={pairs!r}. "
            "Set `source` and `target`, or `pairs` alone."
        )
    if pairs:
        return _collect(_split_columns(Path(pairs)), str(pairs))
    return _collect(_align(Path(source), Path(target)), f"{source} and {target}")


def _byte_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their ends and without a leading byte order mark."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield from _strip(stream, str(path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"A .gz file needs to be whole, valid gzip. Received: {path} ({error}). "
            "Fetch or compress it again."
        ) from error
    except OSError as error:
        raise UserError(
            f"Reading text needs a file that can be read. Received: {path} ({error.strerror}). "
            "Check the path."
        ) from error


def _strip(stream: Iterable[bytes], name: str) -> Iterator[bytes]:
    for number, line in enumerate(stream):
        if number == 0 and line.startswith(_UTF_16_MARKS):
            raise UserError(
                f"Text needs to be in UTF-8. Received: {name}, in UTF-16. Convert it, for example "
                "by `iconv -f UTF-16 -t UTF-8`."
            )
        text = line if number else line.removeprefix(_BYTE_ORDER_MARK)
        yield text.removesuffix(b"\n").removesuffix(b"\r")


def _align(source: Path, target: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield line i of both files, and refuse files that differ in length once both are read."""
    source_count = target_count = 0
    for source_line, target_line in zip_longest(_byte_lines(source), _byte_lines(target)):
        source_count += source_line is not None
        target_count += target_line is not None
        if source_count == target_count:
            yield source_line, target_line
    for path, count in ((source, source_count), (target, target_count)):
        if count == 0:
            raise _empty_file(path)
    if source_count != target_count:
        raise UserError(
            "Parallel files need as many lines as each other. "
            f"Received: {source} with {source_count}, {target} with {target_count}. "
            "Line i of the one must translate line i of the other: align them again."
        )


def _split_columns(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the first two columns of each line; a blank line is a pair of empty sides."""
    number = 0
    for number, line in enumerate(_byte_lines(path), start=1):
        columns = line.split(b"\t", maxsplit=2)
        if len(columns) >= 2:
            yield columns[0], columns[1]
        elif line.strip():
            raise UserError(
                "A file of pairs needs source TAB target on every line. "
                f"Received: {path}, line {number}, without a TAB. Correct or remove that line."
            )
        else:
            yield b"", b""
    if number == 0:
        raise _empty_file(path)


def _empty_file(path: Path) -> UserError:
    return UserError(
        f"Parallel text needs at least one line. Received: {path}, which is empty. "
        "Check that it was written."
    )


def _collect(byte_pairs: Iterator[tuple[bytes, bytes]], files: str) -> ParallelCorpus:
    """Keep the pairs that can be used and count the others by reason."""
    sources, targets, skipped = [], [], Counter()
    for source_bytes, target_bytes in byte_pairs:
        pair, reason = _decode_pair(source_bytes, target_bytes)
        if reason:
            skipped[reason] += 1
        else:
            sources.append(pair[0])
            targets.append(pair[1])
    if not sources:
        reasons = ", ".join(f"{count} {reason}" for reason, count in skipped.items())
        raise UserError(
            f"Parallel text needs at least one usable pair. Received: {files}, all pairs of which "
            f"were skipped: {reasons}. Check that these are the files you mean, in UTF-8."
        )
    return ParallelCorpus(sources, targets, dict(skipped))


def _decode_pair(source: bytes, target: bytes) -> tuple[tuple[str, str], str]:
    """Return the two sides as stripped text, and the reason to skip them or ""."""
    if max(len(source), len(target)) > MAXIMUM_LINE_BYTES:
        return ("", ""), _TOO_LONG
    try:
        pair = source.decode("utf-8").strip(), target.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ("", ""), _INVALID
    if not any(pair):
        return pair, _BOTH_EMPTY
    return pair, "" if all(pair) else _ONE_EMPTY
