"""Many tasks at once: over processes of this machine, or over a Dask cluster by the same code.

A task is a function of a module and its arguments, its seed among them, so that its numbers depend neither on how many workers there are
nor on which of them has it. A worker computes in one thread and runs whatever would fan out inside a task in turns. A task that fails
fails alone; the tasks of a worker that died are done again, twice at most, so that one which kills every worker ends with a sentence.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from whywin.fanning.cluster import on_cluster
from whywin.fanning.fan import ENGINES, Fan
from whywin.fanning.local import on_processes
from whywin.fanning.task import HERE, Arguments, LostError, Notify, Outcome, Place, Work, done, processors

__all__ = ["ENGINES", "Fan", "LostError", "Outcome", "fan_out", "fanned_by", "in_order", "in_threads", "processors", "values"]


@contextmanager
def fanned_by(fan: Fan, notify: Notify = lambda _: None) -> Iterator[None]:
    """Let tasks inside go over these workers, and tell how many are done."""
    before = HERE.set(Place(fan, notify))
    try:
        yield
    finally:
        HERE.reset(before)


def fan_out(
    work: Work,
    tasks: Iterable[Arguments],
    *,
    what: str = "tasks",
    usual: int | None = None,
    fan: Fan | None = None,
    notify: Notify | None = None,
) -> Generator[Outcome]:
    """Yield what becomes of each task, as they end. Whoever stops listening, or is interrupted, ends the workers.

    Args:
        work: what is done: a function of a module, or one that can be pickled.
        tasks: its arguments, one tuple a task.
        what: the tasks in the words of the progress, such as "12 of 40 worlds are done".
        usual: tasks at the same time where nobody said how many; as many as there are processors when not given.
        fan: over what they go; over what `fanned_by` says when not given.
        notify: called with those words.

    Raises:
        ConfigError: the cluster cannot be reached, or is gone.
    """
    given, place = list(tasks), HERE.get()
    fan, notify = fan or place.fan, notify or place.notify
    workers = min(fan.workers or usual or processors(), len(given))
    if fan.engine == "dask":
        found = on_cluster(work, given, fan)
    elif workers > 1:
        found = on_processes(work, given, workers)
    else:
        found = (Outcome(number, *done(work, arguments, None)) for number, arguments in enumerate(given))
    with closing(found):
        for count, outcome in enumerate(found, 1):
            notify(f"{count} of {len(given)} {what} are done")
            yield outcome


def values(work: Work, tasks: Iterable[Arguments], *, what: str = "tasks", usual: int | None = None) -> list[Any]:
    """Return what each task returned, in their order; what is raised in one ends all.

    Args:
        work: what is done.
        tasks: its arguments, one tuple a task.
        what: the tasks in the words of the progress.
        usual: tasks at the same time where nobody said how many.
    """
    with closing(fan_out(work, tasks, what=what, usual=usual)) as ended:
        found = {outcome.number: outcome.get() for outcome in ended}
    return [found[number] for number in range(len(found))]


def in_order(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Yield outcomes in the order of the tasks, each as soon as those before it are there."""
    waiting: dict[int, Outcome] = {}
    following = 0
    for outcome in outcomes:
        waiting[outcome.number] = outcome
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def in_threads(work: Work, tasks: Iterable[Arguments], *, most: int | None = None) -> list[Any]:
    """Return what each task returned, in their order, by threads of this process: for work that lets go of Python's lock.

    Args:
        work: what is done; anything that can be called.
        tasks: its arguments, one tuple a task.
        most: threads that are worth it; as many as there are processors when not given.
    """
    from joblib import Parallel, delayed

    count = min(HERE.get().threads or processors(), most or processors())
    return list(Parallel(n_jobs=count, backend="threading")(delayed(work)(*arguments) for arguments in tasks))
