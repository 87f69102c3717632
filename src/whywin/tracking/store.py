"""The folder that runs are recorded in: made once, moved freely, and tidied after processes that were killed."""

import errno
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from whywin.errors import TrackingError
from whywin.tracking.artifacts import PAGE, UNFINISHED, folder_of
from whywin.tracking.faults import told
from whywin.tracking.processes import HOST, PID, STARTED, is_gone
from whywin.tracking.quiet import create

PATIENCE: Final = 20.0  # seconds to wait for another program's write; MLflow itself waits as long
CREATION: Final = 120.0  # seconds to wait for another process that is making the database
FAILURE: Final = "failure"
PART: Final = "whywin.part"  # the tag that says what a run is part of a record: plan, method, claim, …
ENDED_SILENTLY: Final = "the process ended without a word: it was killed, or the machine went down"
_BUILDING: Final = ".mlflow.db."
_ADDRESSES: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@dataclass(frozen=True)
class Store:
    """Where runs are recorded.

    Attributes:
        root: the folder, usually ``mlruns``; it holds ``mlflow.db`` and ``artifacts/``.
    """

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The folder of pages, figures and tables."""
        return self.root / "artifacts"

    @property
    def uri(self) -> str:
        """The store's address as MLflow writes it."""
        return f"sqlite:///{self.database}"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let one process at a time write, and say in a sentence what keeps it from doing so."""
        with told(self.root), FileLock(self.root / ".lock", timeout=CREATION):
            yield

    @contextmanager
    def appending(self) -> Iterator[None]:
        """Let one process at a time continue the ledger: who reads its end must be the next to write."""
        with told(self.root), FileLock(self.root / ".ledger.lock", timeout=CREATION):
            yield


def open_store(root: Path, notify: Callable[[str], None] = lambda _: None) -> Store:
    """Return the store below a folder; a missing one is made, and runs whose process was killed are marked FAILED.

    Args:
        root: the folder.
        notify: called with a few words when the database has to be made, which takes some seconds.

    Raises:
        TrackingError: the store cannot be read or written, with the reason and the way out.
    """
    store = Store(Path(root).expanduser().resolve())
    _refuse_signs(store.root)
    with told(store.root):
        store.root.mkdir(parents=True, exist_ok=True)
        if not _is_made(store):
            with FileLock(store.root / ".lock", timeout=CREATION):
                if not _is_made(store):
                    notify("making the record of runs, once; this takes some seconds")
                    _make(store)
        _refuse_read_only(store)
        _tidy(store)
    return store


def _refuse_signs(root: Path) -> None:
    found = [sign for sign in "?%" if sign in str(root)]
    if found:
        msg = (
            f"{root}: MLflow misreads {' and '.join(map(repr, found))} in the path of its store; choose another folder by --store"
        )
        raise TrackingError(msg)


def _refuse_read_only(store: Store) -> None:
    """SQLite opens what it may only read, and says so at the first write, which may be hours later."""
    for path in (store.root, store.database):
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "no write access", str(path))


def _is_made(store: Store) -> bool:
    return store.database.exists() and store.database.stat().st_size > 0


def _make(store: Store) -> None:
    """Build the database under another name and rename it, so that a half-made one is never found."""
    for left in store.root.glob(f"{_BUILDING}*"):
        left.unlink(missing_ok=True)
    building = store.root / f"{_BUILDING}{uuid.uuid4().hex}"
    create(f"sqlite:///{building}", str(store.artifacts))
    building.replace(store.database)


def _tidy(store: Store) -> None:
    with closing(
        sqlite3.connect(f"{store.database.as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None)
    ) as database:
        database.execute("BEGIN IMMEDIATE")
        _follow_the_folder(database, store.root)
        left = _mark_the_killed(database)
        database.execute("COMMIT")
    for folder in left:
        (folder / PAGE).unlink(missing_ok=True)  # a run that failed has no page, whole or not
        for unfinished in folder.rglob(f"{UNFINISHED}*"):
            unfinished.unlink(missing_ok=True)


def _follow_the_folder(database: sqlite3.Connection, root: Path) -> None:
    """Rewrite the absolute addresses that MLflow keeps when the folder lies elsewhere than at the last opening."""
    database.execute("CREATE TABLE IF NOT EXISTS whywin_store (root TEXT NOT NULL)")
    known = database.execute("SELECT root FROM whywin_store").fetchone()
    here = str(root)
    if known and known[0] == here:
        return
    if known:
        old = known[0]
        for table, column in _ADDRESSES:
            rewrite = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"  # noqa: S608 - names are ours
            database.execute(rewrite, (here + "/", len(old) + 2, len(old) + 1, old + "/"))
    database.execute("DELETE FROM whywin_store")
    database.execute("INSERT INTO whywin_store VALUES (?)", (here,))


def _mark_the_killed(database: sqlite3.Connection) -> list[Path]:
    """Mark runs FAILED whose process is gone, and return their folders."""
    running = database.execute(
        "SELECT run_uuid, artifact_uri, p.value, h.value, s.value FROM runs"
        " JOIN tags p USING (run_uuid) JOIN tags h USING (run_uuid) JOIN tags s USING (run_uuid)"
        " WHERE status = 'RUNNING' AND p.key = ? AND h.key = ? AND s.key = ?",
        (PID, HOST, STARTED),
    ).fetchall()
    gone = [(run, folder) for run, folder, *process in running if is_gone(dict(zip((PID, HOST, STARTED), process, strict=True)))]
    now = int(time.time() * 1000)
    for run, _ in gone:
        database.execute("UPDATE runs SET status = 'FAILED', end_time = ? WHERE run_uuid = ?", (now, run))
        database.execute(  # killed while it was closing its runs: a method's run is not finished when its plan's is not
            "UPDATE runs SET status = 'FAILED' WHERE run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
            " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = 'method')",
            ("mlflow.parentRunId", run, PART),
        )
        said = [(FAILURE, ENDED_SILENTLY), ("mlflow.note.content", f"**Failed**: {ENDED_SILENTLY}.")]
        database.executemany("INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", [(*tag, run) for tag in said])
    return [folder_of(folder) for _, folder in gone]
