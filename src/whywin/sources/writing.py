"""Files that whywin writes, each whole or not at all, and texts that it reads."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from whywin.errors import DataError


def write_quarantine(frame: pd.DataFrame, path: Path) -> None:
    """Write the rows that were left out, with their reasons; the file is there whole or not at all."""
    write_table(frame, path)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; the file is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """
    write_with(path, lambda temporary: frame.to_csv(temporary, index=False))


def write_text(text: str, path: Path) -> None:
    """Write a text; the file is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_with(path, write)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file; it is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_with(path, write)


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        DataError: there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'it is no UTF-8 text'}); name another file"
        ) from error


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file by a function that is given a temporary path; it is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror or error}): choose another folder, or make room") from error
