"""Writing files: whole or not at all, and with one clear error when it fails."""

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seq2seq.errors import UserError

__all__ = ["check_name", "check_writable", "write_whole", "writing"]


def check_name(path: Path) -> None:
    """Check the name of a folder that TensorFlow writes to and reads from, or raise `UserError`.

    TensorFlow takes some characters for patterns: it would read and remove files of other folders.
    """
    if not re.fullmatch(r"[^*?\[\]\\\0\ud800-\udfff]*", str(path)):
        raise UserError(
            "A folder for models needs a name in UTF-8 without * ? [ ] and \\. "
            f"Received: {str(path)!r}. Name another folder."
        )


def check_writable(folder: Path) -> None:
    """Raise `UserError` unless something can be written where a folder is, or is to be."""
    with writing(folder):
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file aside and rename it: a crash leaves the old one or the new one, never a part.

    Args:
        path: The file.
        content: Bytes, or text to be written as UTF-8.

    Raises:
        OSError: If it cannot be written.
    """
    aside = path.with_name(f"{path.name}.part")
    aside.write_bytes(content.encode() if isinstance(content, str) else content)
    aside.replace(path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong while writing, in Python or in TensorFlow, into a `UserError`.

    Args:
        path: The file or folder that the error names.
    """
    try:
        yield
    except Exception as error:
        # TensorFlow's errors are told by their module, so that it need not be imported here.
        if not isinstance(error, OSError) and "tensorflow" not in type(error).__module__:
            raise
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        # TensorFlow puts the node of its graph before what went wrong.
        reason = " ".join(re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(reason)).split())
        raise UserError(
            f"{path} cannot be written: {reason}. "
            "Free some space or name another folder; what was there before is untouched."
        ) from error
