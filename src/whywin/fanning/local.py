"""Tasks over processes of this machine, by loky."""

import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Final

from whywin.fanning.task import Arguments, LostError, Outcome, Work, listened, opened, processors, shipped

DEATHS: Final = 3  # of the workers that had a task, after which it is given up
ALONE: Final = 2  # deaths after which a task has the workers for itself, so that it takes no other with it


def on_processes(work: Work, given: Sequence[Arguments], workers: int) -> Generator[Outcome]:
    """Yield the outcomes of tasks done by processes; those of a process that died go round again."""
    from joblib import Parallel, delayed, parallel_config

    _calm()
    threads, folder = max(processors() // workers, 1), str(Path.cwd())
    left, deaths = list(range(len(given))), Counter[int]()
    while left:
        feared = [number for number in left if deaths[number] >= ALONE]
        now, ended = feared[:1] or left, set[int]()
        with parallel_config("loky", inner_max_num_threads=1):
            # Two at least: joblib would do the work of one here, and a task that kills its worker would kill us.
            parallel = Parallel(workers, return_as="generator_unordered", batch_size=1, initializer=_deaf)
        try:
            with closing(listened(parallel, (delayed(shipped)(one, work, given[one], threads, folder) for one in now))) as found:
                for number, packed in found:
                    ended.add(number)
                    yield opened(number, packed)
        except BrokenProcessPool:
            begun = [number for number in now if number not in ended][:workers]  # they are begun in their order
            deaths.update(begun)
            for number in begun:
                if deaths[number] >= DEATHS:
                    ended.add(number)
                    yield _lost(number)
        left = [number for number in left if number not in ended]


def _calm() -> None:
    """Keep off the terminal what loky says of itself in its own thread, and what is no fault of anybody.

    It warns when it replaces a worker that grew; an error in place of that warning would end its thread, and we would wait for ever.
    And a task that is handed out while it ends its workers, because another failed, ends its thread by a KeyError (joblib 1.6).
    """
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given", category=UserWarning)
    before = threading.excepthook
    if getattr(before, "__name__", "") != _unless_ending.__name__:
        threading.excepthook = _unless_ending(before)


def _unless_ending(before: Callable[[threading.ExceptHookArgs], object]) -> Callable[[threading.ExceptHookArgs], object]:
    def hook(raised: threading.ExceptHookArgs) -> None:
        ending = raised.exc_type is KeyError and getattr(raised.thread, "name", "") == "ExecutorManagerThread"
        if not ending:
            before(raised)

    hook.__name__ = _unless_ending.__name__
    return hook


def _deaf() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that asked: it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _lost(number: int) -> Outcome:
    return Outcome(number, error=LostError(f"each of the {DEATHS} processes that had it died, as they do when memory runs out"))
