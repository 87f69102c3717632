"""What is done before a trial has data: its design is judged and recorded, and its units are assigned."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from whywin import config, registering, sources, tracking
from whywin.catalogue import kind_of
from whywin.errors import ConfigError, QuestionError
from whywin.plan import Plan
from whywin.report.design_page import design_figures, design_page
from whywin.runner import kept
from whywin.stats.group_sequential import Spending
from whywin.stats.streams import stream
from whywin.trials.assignment import treated_deals
from whywin.trials.design import PARAMETERS, Designed, TrialDesign
from whywin.trials.designing import designed
from whywin.trials.ledger import Stamp, extended, ledger_text, read_ledger
from whywin.trials.past import past_of
from whywin.trials.question import Trial
from whywin.trials.roster import drawing_of, roster_of

Notify = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A design that was judged and recorded.

    Attributes:
        plan: the plan.
        design: what follows from its design.
        run_id: the identifier of its run.
        page: where its page lies.
        links: deep links into the MLflow UI by label.
    """

    plan: Plan
    design: Designed
    run_id: str
    page: Path
    links: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Assigned:
    """An assignment that was written.

    Attributes:
        path: the ledger.
        ledger: its rows.
        new: how many of them were added now.
        unit: the column of the unit.
        arm: the column of the arm.
        deals: where the second stage's deals were written; None where there is no such stage.
    """

    path: Path
    ledger: pd.DataFrame
    new: int
    unit: str
    arm: str
    deals: Path | None


def trial_plan(path: Path, overrides: Sequence[str]) -> tuple[Plan, Trial]:
    """Return a plan and its question, which must be a trial.

    Raises:
        ConfigError: the file is no plan of a trial; every fault at once.
    """
    plan = config.load_plan(path, overrides)
    if not isinstance(plan.question, Trial):
        raise ConfigError(f"{path}: question.kind: must be trial, got {kind_of(plan.question)}")
    faults = plan_faults(plan.question)
    if faults:
        raise QuestionError(faults)
    return plan, plan.question


def plan_faults(question: Trial) -> list[str]:
    """Return what is wrong with a trial's question before there are data."""
    from whywin.trials.faults import faults_of_plan

    return list(faults_of_plan(question))


def design(path: Path, overrides: Sequence[str] = (), *, store_root: Path, port: int, notify: Notify = lambda _: None) -> Drawn:
    """Judge the design of a config's trial, draw its page, and record both.

    Raises:
        ConfigError: the file is no sound plan of a trial, or the design lacks what nothing tells.
        DataError: the past deals cannot be read, or break their contract.
        QuestionError: the question does not fit the past deals.
        TrackingError: the record of runs cannot be opened or written.
    """
    plan, question = trial_plan(path, overrides)
    settings = plan.design or TrialDesign()
    adjusting = type(plan.methods[plan.headline]).__name__ == "Adjusted"
    settings = replace(settings, adjusted=settings.adjusted or adjusting)
    found = _designed(plan, question, settings, notify)
    notify("opening the record")
    store = tracking.open_store(store_root, notify=notify)
    text = config.to_yaml(plan)
    tags = {"kind": "design", "config": str(path), "seed": str(plan.seed), **plan.track.tags}
    name = f"{plan.name} design"
    with tracking.recording(
        store, name=name, experiment=plan.track.experiment, tags=tags, params=config.flat(plan), plan_text=text
    ) as record:
        repeat = shlex.join(["whywin", "design", str(path), *(part for one in overrides for part in ("--set", one))])
        made = {"Run": record.run_id, "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
        made |= ({"Commit": record.commit} if record.commit else {}) | dict(record.links(port))
        notify("drawing the page")
        page = design_page(plan, question, settings, found, plan_text=text, repeat=repeat, recorded=made)
        record.write_page(
            metrics=_metrics(found), tags={"sound": "yes" if found.sound else "no", "answer": found.says},
            tables=found.tables, figures=design_figures(question, settings, found), page=page,
        )  # fmt: skip
    return Drawn(plan, found, record.run_id, record.page_path, record.links(port))


def assign(path: Path, overrides: Sequence[str] = (), *, ledger: Path | None = None, deals: Path | None = None) -> Assigned:
    """Assign the units of a config's trial that are not assigned yet, and write them behind the others.

    Args:
        path: the config.
        overrides: changes of it.
        ledger: where the ledger lies; beside the config when not given.
        deals: where the deals that a second stage treats are written; nowhere when not given.

    Raises:
        ConfigError: the file is no sound plan of a trial, or the scheme does not fit the units.
        DataError: the deals or the ledger cannot be read, or the ledger cannot be written.
        QuestionError: the question does not fit the deals; every fault at once.
    """
    plan, question = trial_plan(path, overrides)
    drawing = drawing_of(question, plan.seed, plan.name)
    if deals is not None and not question.assignment.saturation:
        raise ConfigError("question.assignment.saturation: missing; a second stage by deal needs the share that each arm treats")
    table = kept(plan)[0].table
    units = roster_of(question, table)
    target = ledger or path.with_suffix(".ledger.csv")
    names = (question.unit, question.arm)
    with registering.locked(target):
        before = read_ledger(sources.read_text(target), str(target), names) if target.exists() else None
        stamp = Stamp(registering.now(), registering.plan_hash(plan)[:16])
        after = extended(before, units, drawing, stamp, names=names, strata=question.strata)
        if after is not before:
            sources.write_text(ledger_text(after), target)
    if deals is not None:
        _write_deals(table, after, question, plan, deals)
    return Assigned(target, after, len(after) - (0 if before is None else len(before)), *names, deals)


def _write_deals(table: pd.DataFrame, ledger: pd.DataFrame, question: Trial, plan: Plan, path: Path) -> None:
    if "deal_id" not in table:
        raise QuestionError("deals.columns.deal_id: missing; a second stage by deal needs identifiers of deals")
    rows = table[table[question.unit].notna()]
    units = rows[question.unit].astype("string").astype(object)
    saturation = units.map(ledger.set_index(question.unit)["saturation"].astype(float))
    treated = treated_deals(rows["deal_id"], saturation, drawing_of(question, plan.seed, plan.name))
    listed = {"deal_id": rows["deal_id"], question.unit: units, "treated": treated.astype(int), "probability": saturation}
    sources.write_table(pd.DataFrame(listed).sort_values("deal_id"), path)


def _designed(plan: Plan, question: Trial, settings: TrialDesign, notify: Notify) -> Designed:
    told = (settings.units, settings.correlation, settings.variation, settings.deals_per_week, settings.mean)
    whole = all(one is not None for one in told) and (question.primary.is_rate or settings.deviation is not None)
    past = None
    if plan.source is not None and not whole:
        deals, _ = kept(plan, notify)
        notify("learning from past deals")
        past = past_of(question, deals.table, settings.weeks, settings.past_weeks)
    spends = next((method for method in plan.methods.values() if hasattr(method, "spending")), None)
    spending: Spending = getattr(spends, "spending", "obrien_fleming")
    given = getattr(spends, "parameter", None)
    parameter = PARAMETERS.get(spending, 0.0) if given is None else given
    notify("simulating trials")
    return designed(question, settings, past, spending, parameter, stream(plan.seed, "design"))


def _metrics(found: Designed) -> dict[str, float]:
    return {
        "design/power": found.power, "design/power_simulated": found.simulated, "design/effect": found.effect,
        "design/detectable": found.detectable, "design/units_wanted": float(found.wanted), "design/weeks": found.weeks,
        "design/correlation": found.clusters.correlation, "design/variation": found.clusters.variation,
        "sound": float(found.sound), **{f"check/{check.name}": float(check.passed) for check in found.checks},
    }  # fmt: skip
