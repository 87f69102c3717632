"""The register beside a config: what its plan was before the data, and what the present plan departs in."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from whywin import config, sources
from whywin.catalogue import kind_of
from whywin.errors import ConfigError, DataError
from whywin.plan import Plan
from whywin.trials.checks.plan_drift import PlanDrift
from whywin.trials.registration import Registered, departures, following, hash_of, read_register


@dataclass(frozen=True)
class Kept:
    """A plan in its register.

    Attributes:
        entry: its entry.
        path: the register.
        new: whether it was written now, not before.
    """

    entry: Registered
    path: Path
    new: bool


def now() -> str:
    """Return the moment in UTC as registers and ledgers write it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time read a file's end and write behind it.

    Raises:
        DataError: another process holds it for too long, or the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # beside nobody's files, so that a refusal leaves nothing behind
        name = sha256(str(path.resolve()).encode()).hexdigest()[:24]
        with FileLock(Path(tempfile.gettempdir()) / f"whywin-{os.getuid()}-{name}.lock", timeout=20):
            yield
    except Timeout as error:
        raise DataError(f"{path}: another process has been writing it for 20 seconds; wait for it to end") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}): choose another folder, or make room") from error


def register_of(path: Path) -> Path:
    """Return where the register of a config lies: beside it, with the same name."""
    return path.with_suffix(".register.jsonl")


def plan_hash(plan: Plan) -> str:
    """Return the hash of what a plan settles."""
    return hash_of(config.document_of(plan))


def register(path: Path, overrides: Sequence[str] = ()) -> Kept:
    """Write a plan behind those in its register; one that stands there last, unchanged, is not written again.

    Raises:
        ConfigError: the file is no sound plan of a trial.
        DataError: the register was changed, or cannot be written.
    """
    plan = config.load_plan(path, overrides)
    if kind_of(plan.question) != "trial":
        raise ConfigError(f"{path}: question.kind: plans of trials are registered, this one is of kind {kind_of(plan.question)}")
    document, book = config.document_of(plan), register_of(path)
    with locked(book):
        entries = _entries(book)
        if entries and entries[-1].hash == hash_of(document):
            return Kept(entries[-1], book, new=False)
        entry = following(entries, document, now())
        sources.write_text("".join(f"{one.line}\n" for one in (*entries, entry)), book)
    return Kept(entry, book, new=True)


def held_to_register(plan: Plan, path: Path) -> Plan:
    """Return a plan whose check `plan_drift` knows the register beside its config; the plan itself where there is none.

    Raises:
        DataError: the register was changed after it was written.
    """
    if kind_of(plan.question) != "trial":
        return plan
    entries = _entries(register_of(path))
    if not entries:
        return plan
    last = entries[-1]
    found = departures(last.document, config.document_of(plan))
    drift = PlanDrift(last.time.replace("T", " ").removesuffix("Z") + " UTC", last.hash, len(entries), found)
    return replace(plan, checks={**plan.checks, "plan_drift": drift})


def _entries(book: Path) -> tuple[Registered, ...]:
    return read_register(sources.read_text(book), str(book)) if book.exists() else ()
