"""The thin shell around `study`: read, study, draw, record; and the embedded demonstration."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

from whywin import config, report, sources, tracking
from whywin.catalogue import kind_of
from whywin.deals.contract import ContractError
from whywin.deals.names import as_far_as_there, texts_in
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.errors import ConfigError, DataError, QuestionError
from whywin.plan import File, Plan
from whywin.registering import held_to_register
from whywin.studies import Run, needs, study
from whywin.worlds.market import Market, simulate

DEMONSTRATION: Final = ("winrates/demo.yaml", "effects/demo.yaml", "trials/demo.yaml")
Notify = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Finished:
    """A run that was recorded.

    Attributes:
        run: the plan and its evidence.
        run_id: its identifier in the record.
        page: where its page lies.
        links: deep links into the MLflow UI by label.
    """

    run: Run
    run_id: str
    page: Path
    links: Mapping[str, str]


def execute(
    path: Path, overrides: Sequence[str] = (), *, store_root: Path, port: int, notify: Notify = lambda _: None
) -> Finished:
    """Run one config from its data to its recorded page.

    Raises:
        ConfigError: the file is no sound plan; every fault at once.
        DataError: the deals cannot be read, or break their contract beyond what the plan allows.
        QuestionError: the question does not fit the deals.
        TrackingError: the record of runs cannot be opened or written.
    """
    plan = held_to_register(config.load_plan(path, overrides), path)
    return carry_out(
        plan, repeat=command_of(path, overrides), tags={"config": str(path)}, store_root=store_root, port=port, notify=notify
    )


def command_of(path: Path, overrides: Sequence[str]) -> str:
    """Return the command that runs a config with these changes."""
    return shlex.join(["whywin", "run", str(path), *(part for text in overrides for part in ("--set", text))])


def carry_out(
    plan: Plan,
    *,
    tags: Mapping[str, str],
    store_root: Path,
    port: int,
    repeat: str = "",
    register: bool = True,
    given: tuple[Deals, sources.Table] | None = None,
    answered: Callable[[], Run] | None = None,
    notify: Notify = lambda _: None,
) -> Finished:
    """Run one plan from its data to its recorded page.

    Args:
        plan: the plan.
        tags: what else is known of the run.
        store_root: the folder of the record.
        port: of the MLflow UI, for links.
        repeat: the command that repeats it, shown on the page; `whywin rerun` when not given.
        register: whether a model that it fits becomes the newest of the plan's name.
        given: the plan's deals where they were read already.
        answered: gives the plan's evidence where it was answered elsewhere, or raises what went wrong there.
        notify: called with a few words before each step.

    Raises:
        DataError: the deals cannot be read, or break their contract beyond what the plan allows.
        QuestionError: the question does not fit the deals.
        TrackingError: the record of runs cannot be opened or written.
    """
    notify("opening the record")
    store = tracking.open_store(store_root, notify=notify)
    plan_text = config.to_yaml(plan)
    marks = {"kind": kind_of(plan.question), "seed": str(plan.seed), **tags, **plan.track.tags}
    with tracking.recording(
        store, name=plan.name, experiment=plan.track.experiment, tags=marks, params=config.flat(plan), plan_text=plan_text
    ) as record:
        run = _studied(record, answered or (lambda: answer(plan, given, notify)))
        notify("drawing the page")
        made = {"Run": record.run_id, "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
        made |= ({"Commit": record.commit} if record.commit else {}) | dict(record.links(port))
        again = repeat or f"whywin rerun {record.run_id}"
        page = report.page(run, plan_text=plan_text, repeat=again, recorded=made)
        notify("recording")
        record.write_run(run, page=page, figures=report.figures(run), register=register)
    return Finished(run, record.run_id, record.page_path, record.links(port))


@contextmanager
def computing_in(threads: int | None) -> Iterator[None]:
    """Let linear algebra and the trees of scikit-learn compute in so many threads; None leaves them as they are."""
    from threadpoolctl import threadpool_limits

    if threads is None:
        yield
        return
    import sklearn.utils._openmp_helpers  # noqa: F401 - only what is loaded can be limited

    with threadpool_limits(limits=threads):
        yield


def _studied(record: tracking.Recording, answered: Callable[[], Run]) -> Run:
    try:
        return answered()
    except ContractError as refused:
        record.attach("quarantine.csv", refused.quarantine.to_csv(index=False))
        raise


def answer(plan: Plan, given: tuple[Deals, sources.Table] | None = None, notify: Notify = lambda _: None) -> Run:
    """Answer a plan from its data, and draw and record nothing."""
    deals, table = given or kept(plan, notify)
    return study(plan, deals, truth=table.truth, notify=notify)


def answer_alone(plan: Plan) -> Run:
    """Answer a plan as one of many: in one thread, and with nothing left in it that is bound to this process."""
    with computing_in(1):
        run = answer(plan)
    return replace(run, deals=replace(run.deals, counts=None, there=None))


def kept(plan: Plan, notify: Notify = lambda _: None) -> tuple[Deals, sources.Table]:
    """Read a plan's deals and hold them to their contract, without answering anything."""
    if plan.source is None:
        raise ConfigError("source: missing; say where the deals are, such as source: {path: deals.csv}")
    notify("reading deals")
    if sources.stays(plan.source):
        document = config.document_of(plan)
        mentioned = texts_in([document[part] for part in ("question", "methods", "checks")])
        # counts and sums by rep leave the engine for the others, and these are exact
        seed = plan.seed if kind_of(plan.question) == "effect" else None
        return sources.keep_there(plan.source, plan.deals, needs(plan), sorted(mentioned), seed)
    table = sources.read(plan.source, plan.deals)
    notify("holding the deals to their contract")
    return keep_contract(table.frame, plan.deals), table


def examine(path: Path, overrides: Sequence[str] = ()) -> tuple[Plan, Deals, sources.Table]:
    """Read a config and its deals and see whether the question fits them; nothing is run or recorded."""
    plan = config.load_plan(path, overrides)
    deals, table = kept(plan)
    faults = plan.question.faults(deals.table)
    if faults:
        raise QuestionError(faults)
    return plan, deals, table


def predict(reference: str, path: Path, *, store_root: Path, level: float | None = None) -> pd.DataFrame:
    """Return the chances of new deals by the model of a recorded run: deal_id, rate, low and high in percent, and unseen.

    The file is read as the plan of the run read its own: the same names of columns, replacements and joins.

    Args:
        reference: the run, as `tracking.recorded` finds it.
        path: the new deals; those that are open need no outcome.
        store_root: the folder of the record.
        level: coverage of the intervals; that of the run's question when not given.

    Raises:
        TrackingError: there is no such run, or it has no model.
        DataError: the file cannot be read, or lacks what the model needs; every fault at once.
        ConfigError: the run's plan cannot be read any more, such as without an environment variable that it names.
        QuestionError: the level is not between 0 and 1.
    """
    model, run = tracking.kept_model(tracking.open_store(store_root), reference)
    plan = config.load_plan(run.folder / "plan.yaml")
    source = replace(plan.source, path=path) if isinstance(plan.source, File) else File(path)
    deals = as_far_as_there(sources.read(source).frame, plan.deals)
    faults = model.faults(deals, plan.deals.columns)
    if faults:
        raise DataError([f"{path}: {fault}" for fault in faults])
    numbered = [f"row {number}" for number in range(1, len(deals) + 1)]
    identifiers = deals["deal_id"].to_numpy() if "deal_id" in deals else numbered
    found = model.predict(deals, level).reset_index(drop=True)
    found.insert(0, "deal_id", identifiers)
    return found


def demonstration() -> tuple[Path, ...]:
    """Return the demonstration's configs: below the current folder, or beside the source that is running.

    Raises:
        ConfigError: there is no folder of configs in either place.
    """
    for root in (Path("configs"), Path(__file__).parents[2] / "configs"):
        paths = tuple(root / name for name in DEMONSTRATION)
        if all(path.is_file() for path in paths):
            return paths
    raise ConfigError("the demonstration's configs are not here: run `whywin demo` in a checkout of whywin, which has configs/")


def write_world(folder: Path, overrides: Sequence[str] = ()) -> dict[Path, int]:
    """Write a made-up market's tables and its truth as CSV files; return the number of rows by file.

    Raises:
        ConfigError: a setting of the market is unknown or out of bounds.
        DataError: the folder cannot be written to.
    """
    world = simulate(config.settings_of(Market, {}, overrides))
    written = {}
    for name, frame in {**world.tables, "truth": world.truth, "potential": world.potential}.items():
        path = folder / f"{name}.csv"
        sources.write_table(frame, path)
        written[path] = len(frame)
    return written
