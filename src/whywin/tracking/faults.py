"""What can go wrong with a store, as sentences that say what to do about it."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import Timeout

from whywin.errors import TrackingError

_BY_NUMBER: Final = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EPERM: "read-only",
    errno.ENOTDIR: "not a folder",
    errno.EEXIST: "not a folder",
}
_BY_WORDS: Final = (
    ("database or disk is full", "full"),
    ("no space left", "full"),
    ("errno = 28", "full"),  # h5py
    ("readonly database", "read-only"),
    ("database is locked", "locked"),
    ("database table is locked", "locked"),
    ("unable to open database", "unreadable"),
    ("out-of-date database schema", "other version"),
    ("can't locate revision", "other version"),
    ("not a database", "broken"),
    ("malformed", "broken"),
    ("disk i/o error", "broken"),
    ("no such table", "broken"),
    ("no such column", "broken"),
)
_ELSEWHERE: Final = "or choose another folder by --store"
_SENTENCES: Final = {
    "full": "{root}: no space left to record in; free some and run again, {elsewhere}",
    "read-only": "{root}: the record of runs may not be written to ({detail}); give yourself write access, {elsewhere}",
    "not a folder": "{root}: the record of runs must be a folder, and something else has that name; move it, {elsewhere}",
    "locked": "{root}: another program keeps the record of runs locked; end it (a `whywin ui`, a database browser) and run again",
    "unreadable": "{root}/mlflow.db: the record of runs cannot be opened ({detail}); see to its permissions, {elsewhere}",
    "other version": "{root}/mlflow.db: made by another version of MLflow; keep a copy of it and run "
    "`python -m mlflow db upgrade sqlite:///{root}/mlflow.db`, {elsewhere}",
    "broken": "{root}/mlflow.db: the record of runs is broken ({detail}); put a copy of it back, or move it away and a new one "
    "is made (pages and tables stay below {root}/artifacts)",
    "other": "{root}: the record of runs cannot be used: {detail}",
}


@contextmanager
def told(root: Path) -> Iterator[None]:
    """Turn what a caller can mend about a store into one sentence; anything else goes through as it is."""
    try:
        yield
    except (OSError, sqlite3.Error, Timeout) as error:
        raise fault(root, error) from error
    except Exception as error:
        known = type(error).__module__.partition(".")[0] in {"mlflow", "sqlalchemy", "alembic"}
        if known and _kind(error) != "other":
            raise fault(root, error) from error
        raise


def fault(root: Path, error: Exception) -> TrackingError:
    """Return the sentence for what went wrong below a store's folder."""
    detail = " ".join(str(error).split())[:200]
    return TrackingError(_SENTENCES[_kind(error)].format(root=root, detail=detail, elsewhere=_ELSEWHERE))


def _kind(error: Exception) -> str:
    if isinstance(error, Timeout):
        return "locked"
    if isinstance(error, OSError) and error.errno in _BY_NUMBER:
        return _BY_NUMBER[error.errno]
    words = str(error).lower()
    return next((kind for part, kind in _BY_WORDS if part in words), "other")
