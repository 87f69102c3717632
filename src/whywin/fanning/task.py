"""One task: done where it lies, packed by the worker that did it, and opened by the one who asked."""

import pickle
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import chdir, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from whywin.fanning.fan import Fan

Notify = Callable[[str], None]
Work = Callable[..., Any]
Arguments = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a task.

    Attributes:
        number: which of the tasks.
        value: what it returned.
        error: what was raised instead, with the traceback from its worker as a note.
    """

    number: int
    value: Any = None
    error: BaseException | None = None

    def get(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


class LostError(RuntimeError):
    """Every worker that had the task died."""


@dataclass(frozen=True)
class Place:
    """Where the code that runs now may fan out to."""

    fan: Fan = field(default_factory=Fan)
    notify: Notify = lambda _: None
    threads: int | None = None  # as many as there are processors


HERE: Final = ContextVar("whywin.fanning", default=Place())  # noqa: B039 - it is frozen


def processors() -> int:
    """Return how many processors this process may use; the variable LOKY_MAX_CPU_COUNT lowers it."""
    from joblib import cpu_count

    return int(cpu_count())


def done(work: Work, arguments: Arguments, threads: int | None) -> tuple[Any, BaseException | None]:
    """Do a task here; return its value, or None and what was raised."""
    from threadpoolctl import threadpool_limits

    before = HERE.set(Place(Fan(workers=1), threads=threads))
    try:
        with threadpool_limits(1):
            return work(*arguments), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whoever asked for the task decides what a failure means
        return None, error
    finally:
        HERE.reset(before)


def shipped(number: int, work: Work, arguments: Arguments, threads: int, folder: str) -> tuple[int, bytes]:
    """Do a task in a worker and pack what became of it; in the folder of the one who asked, where the worker has it."""
    import cloudpickle

    with chdir(folder) if Path(folder).is_dir() else nullcontext():
        value, error = done(work, arguments, threads)
    if error is None:
        try:
            return number, cloudpickle.dumps((value, None))
        except Exception as unpackable:  # noqa: BLE001 - pickle raises anything; the failure is this task's alone
            error = unpackable
    text = "".join(traceback.format_exception(error))
    try:  # by its parts: errors of ours, and of libraries, are not made again from their message alone
        return number, cloudpickle.dumps((None, (type(error), error.args, error.__dict__, text)))
    except Exception:  # noqa: BLE001 - likewise
        return number, cloudpickle.dumps((None, (RuntimeError, (f"{type(error).__name__}: {error}",), {}, text)))


def opened(number: int, packed: bytes) -> Outcome:
    """Return what a worker packed; an error has the traceback from there as a note."""
    try:
        value, parts = pickle.loads(packed)  # noqa: S301 - packed by our own worker
        if parts is None:
            return Outcome(number, value)
        kind, arguments, state, text = parts
        error = kind.__new__(kind, *arguments)
        error.__dict__.update(state)
        error.add_note(f"In its worker:\n{text}")
    except Exception as unreadable:  # noqa: BLE001 - what cannot be unpacked fails this task alone
        error = unreadable
    return Outcome(number, error=error)


def listened(parallel: Any, jobs: Iterable[Any]) -> Generator[tuple[int, Any]]:
    """Yield what joblib's generator does, and close it without its warning that somebody stopped listening."""
    found = parallel(jobs)
    try:
        for one in found:  # noqa: UP028 - `yield from` would close it where the warning is not held back
            yield one
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.close()
