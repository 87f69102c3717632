"""Tasks over processes of this machine, by loky."""

import signal
from collections import Counter
from collections.abc import Generator, Sequence
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


def _deaf() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that asked: it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _lost(number: int) -> Outcome:
    return Outcome(number, error=LostError(f"each of the {DEATHS} processes that had it died, as they do when memory runs out"))
