"""Many plans at once: answered by workers, wherever these are, and drawn and recorded here.

A worker needs neither the record nor its folder: what it found comes back whole. One process writes, plan by plan, so that whatever is
interrupted leaves whole runs and none that is half-written.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from whywin import runner
from whywin.errors import WhywinError
from whywin.fanning import Fan, Outcome, fan_out, in_order
from whywin.plan import Plan

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A plan that is to be run as one of many.

    Attributes:
        load: gives the plan, or raises what is wrong with it.
        tags: what else is known of the run.
        repeat: the command that repeats it, shown on the page; `whywin rerun` when empty.
    """

    load: Callable[[], Plan]
    tags: Mapping[str, str]
    repeat: str = ""


@dataclass(frozen=True, eq=False)
class Ended:
    """What became of a job.

    Attributes:
        number: which of the jobs.
        finished: its recorded run, where it was answered.
        failure: why not, one sentence a fault, where it was not.
    """

    number: int
    finished: runner.Finished | None = None
    failure: tuple[str, ...] = ()


def run_many(
    jobs: Sequence[Job], *, fan: Fan, store_root: Path, port: int, register: bool, notify: Notify = lambda _: None
) -> Generator[Ended]:
    """Run the plans and yield what became of each once it is recorded; one that fails, whatever the reason, fails alone.

    Args:
        jobs: the plans.
        fan: over what they go.
        store_root: the folder of the record.
        port: of the MLflow UI, for links.
        register: whether models that they fit are registered; then runs are recorded in the order of the jobs, the newest last.
        notify: called with a few words as plans finish.

    Raises:
        ConfigError: a cluster cannot be reached, or is gone.
    """
    plans: dict[int, Plan] = {}
    for number, job in enumerate(jobs):
        try:
            plans[number] = job.load()
        except WhywinError as error:
            yield Ended(number, failure=error.faults)
    numbers = list(plans)
    tasks = ((plan,) for plan in plans.values())
    with closing(fan_out(runner.answer_alone, tasks, what="plans", fan=fan, notify=notify)) as answered:
        for outcome in in_order(answered) if register else answered:
            number = numbers[outcome.number]
            yield _recorded(number, jobs[number], plans[number], outcome, store_root, port, register=register)


def _recorded(number: int, job: Job, plan: Plan, outcome: Outcome, store_root: Path, port: int, *, register: bool) -> Ended:
    try:
        with runner.computing_in(1):  # the run says in how many threads it was answered
            finished = runner.carry_out(
                plan,
                tags=job.tags,
                repeat=job.repeat,
                store_root=store_root,
                port=port,
                register=register,
                answered=outcome.get,
            )
        return Ended(number, finished)
    except WhywinError as error:
        return Ended(number, failure=error.faults)
    except Exception as error:  # noqa: BLE001 - a bug in one plan is in its run, with its traceback, and is no reason to lose the others
        return Ended(number, failure=(f"{type(error).__name__}: {error}",))
