"""Whether a trial fits a table of deals: every reason why not, one sentence each."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import pandas as pd

from whywin.deals.derived import derivable, with_derived
from whywin.errors import nearest
from whywin.trials.faults_of_metrics import faults_of_metrics
from whywin.trials.period import of_trial

FEWEST_UNITS: Final = 2
FEWEST_REPEATED: Final = 6  # reps with several deals, all in one arm, that no chance assignment of deals brings about


def faults_of(question: Any, table: pd.DataFrame) -> list[str]:
    """Return every way in which a trial's question does not fit a deal table; parts whose columns are missing are not judged."""
    named = list(_columns(question))
    missing = [
        f"question.{role}: the deals have no column {name!r}{nearest(name, table.columns)}"
        for role, name in dict.fromkeys(named)
        if not _there(name, table)
    ]
    way_out = "which says when; map it under deals: columns"
    timeless = [
        f"question.{role}: needs the column {name!r}, {way_out}" for role, name in _timed(question) if not _there(name, table)
    ]
    faults = [*missing, *timeless, *_of_plan(question)]
    if timeless:
        return faults
    full = with_derived(table, [name for _, name in named if _there(name, table)])
    trial = of_trial(question, full)
    closed = trial[trial["won"].notna()]
    if not len(closed):
        return [*faults, f"question.start: no deal that was created on or after {question.start} and is in the trial has closed"]
    for needed, judge in (
        ((question.arm,), _of_arms),
        ((question.arm, question.unit), _of_units),
        ((question.arm, question.unit, question.independent), _of_clusters),
        ((question.arm, question.unit, *question.strata), _of_strata),
        ((question.look_date,) if question.looks else (), _of_look_dates),
    ):
        if all(name in closed for name in needed):
            faults += judge(question, closed)
    faults += faults_of_metrics(question, trial, full)
    return faults


def faults_of_plan(question: Any) -> list[str]:
    """Return what is wrong with a trial's question before there are any data."""
    return list(_of_plan(question))


def _there(name: str, table: pd.DataFrame) -> bool:
    return name in table.columns or derivable(name, table.columns)


def _columns(question: Any) -> Iterator[tuple[str, str]]:
    yield from (("arm", question.arm), ("unit", question.unit))
    if not question.metrics:
        yield "metric", question.metric
    for metric in question.metrics:
        yield from (("metrics", name) for name in (metric.column, metric.per) if name)
    for role in ("strata", "before", "segments"):
        yield from ((role, name) for name in getattr(question, role))
    for role in ("cluster", "treated", "team", "assigned"):
        if getattr(question, role) is not None:
            yield role, getattr(question, role)
    if question.dealt_by != question.strata:  # of the ledger, which is joined to the deals by the unit
        yield from (("assignment", name) for name in question.dealt_by)
    if question.looks:
        yield "look_date", question.look_date


def _timed(question: Any) -> Iterator[tuple[str, str]]:
    if question.start is not None:
        yield from (("start", name) for name in ("created", "closed"))
    if question.as_of is not None:
        yield from (("as_of", name) for name in ("created", "closed"))
    if question.assigned is not None:
        yield "assigned", "closed"


def _of_arms(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    arms = sorted(closed[question.arm].drop_duplicates().dropna().astype(str).unique())
    empty = int(closed[question.arm].isna().sum())
    if empty:
        yield f"question.arm: {question.arm} is missing in {empty:,} closed deals; leave out deals that were in no arm before the export"
    if question.control not in arms:
        yield (
            f"question.control: no deal is in an arm {question.control!r}{nearest(question.control, arms)}; "
            f"there are {', '.join(arms) or 'none'}"
        )
    if len(arms) == 1:
        yield f"question.arm: all deals are in one arm, {arms[0]!r}; a comparison needs two"
    shares = dict(question.shares)
    if shares and (set(shares) != set(arms) or abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) <= 0):  # noqa: PLR2004
        yield f"question.shares: must name each arm ({', '.join(arms)}) with positive shares that sum to 1, got {shares}"


def _of_units(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    unit, arm = question.unit, question.arm
    empty = int(closed[unit].isna().sum())
    if empty:
        yield f"question.unit: {unit} is missing in {empty:,} closed deals; the unit of randomisation must be known"
    pairs = _pairs(closed, unit, arm)
    both = pairs.loc[pairs[unit].duplicated(), unit].unique()
    if len(both):
        named = ", ".join(sorted(both)[:3])
        yield f"question.unit: {len(both):,} {unit}(s) have deals in more than one arm, such as {named}; name the unit that was randomised"
        return
    for label, count in pairs.groupby(arm).size().items():
        if count < FEWEST_UNITS:
            yield f"question.unit: arm {label!r} has {count} {unit}; its noise cannot be told with fewer than {FEWEST_UNITS}"
    yield from _unit_guard(question, closed)
    if question.assigned is not None and question.assigned in closed:
        yield from _too_early(question, closed)


def _unit_guard(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    """Refuse deals as units where every rep's deals are all in one arm: then reps were randomised, or the deals of a rep are no accident."""
    if question.unit == "rep" or question.cluster is not None or "rep" not in closed:
        return
    rows = _pairs(closed, "rep", question.arm, question.unit)
    counts = rows.groupby("rep").agg(arms=(question.arm, "nunique"), units=(question.unit, "nunique"))
    repeated = int((counts["units"] > 1).sum())
    if repeated >= FEWEST_REPEATED and (counts["arms"] == 1).all():
        yield (
            f"question.unit: each of {repeated:,} reps has several {question.unit}s, all in one arm, so that whole reps were assigned; "
            f"name rep as the unit, or as the cluster"
        )


def _too_early(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    # a ledger's times have a zone, the deals' dates have none
    assigned = pd.to_datetime(closed[question.assigned], errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    unknown = int(assigned.isna().sum())
    if unknown:
        yield f"question.assigned: {question.assigned} is no date in {unknown:,} closed deals; write days as 2024-03-31"
    early = int((closed["closed"].dt.normalize() < assigned.dt.normalize()).sum())
    if early:
        yield f"question.assigned: {early:,} deals closed before their {question.unit} was assigned; leave deals out that were closed by then"


def _of_clusters(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    if question.team is not None and question.team in closed:
        pairs = _pairs(closed, question.unit, question.team)
        several = pairs.loc[pairs[question.unit].duplicated(), question.unit].unique()
        if len(several):
            named = ", ".join(sorted(several)[:3])
            yield f"question.team: {len(several):,} {question.unit}(s) are in more than one {question.team}, such as {named}; a team holds whole units"
    if question.cluster is None:
        return
    cluster, unit = question.cluster, question.unit
    empty = int(closed[cluster].isna().sum())
    if empty:
        yield f"question.cluster: {cluster} is missing in {empty:,} of {len(closed):,} closed deals; every deal must be in a cluster"
    pairs = _pairs(closed, unit, cluster)
    several = pairs.loc[pairs[unit].duplicated(), unit].unique()
    if len(several):
        named = ", ".join(sorted(several)[:3])
        yield f"question.cluster: {len(several):,} {unit}(s) are in more than one {cluster}, such as {named}; a cluster holds whole units"
    levels = _pairs(closed, cluster, question.arm)
    for label, count in levels.groupby(question.arm).size().items():
        if count < FEWEST_UNITS:
            yield f"question.cluster: arm {label!r} has deals in {count} {cluster}; its noise cannot be told with fewer than {FEWEST_UNITS}"


def _of_strata(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    if not question.strata:
        return
    taken = sorted({question.unit, question.arm, question.metric} & set(question.strata))
    if taken or len(set(question.strata)) < len(question.strata):
        named = f"{', '.join(taken)} is the question's own" if taken else "a column is named twice"
        yield f"question.strata: {named}; name columns that were known of a {question.unit} when it was assigned, each once"
        return
    asked = [question.unit, question.arm, *question.strata]
    levels = closed[asked].drop_duplicates().dropna(subset=[question.unit, question.arm]).astype("string")
    for name in question.strata:
        pairs = levels[[question.unit, name]].fillna("(missing)").drop_duplicates()
        several = sorted(pairs.loc[pairs[question.unit].duplicated(), question.unit].unique())
        if several:
            yield (
                f"question.strata: {name} changes within {len(several):,} {question.unit}(s), such as {', '.join(several[:3])}; "
                f"a stratum is what was known of a {question.unit} when it was assigned"
            )
    there = levels.fillna("(missing)").groupby(list(question.strata))[question.arm].agg(set)
    for arm in sorted(set(levels[question.arm]) - {question.control}):
        if not there.map({arm, question.control}.issubset).any():
            yield (
                f"question.strata: no stratum of {', '.join(question.strata)} has {question.unit}s of both {arm!r} and "
                f"{question.control!r}"
            )


def _of_plan(question: Any) -> Iterator[str]:
    shares = [share for _, share in question.looks]
    listed = ", ".join(f"{share:g}" for share in shares)
    if any(not 0 < share <= 1 for share in shares):
        yield f"question.looks: a share of the information must be above 0 and at most 1, got {listed}"
    elif shares and (shares[-1] != 1 or any(later <= earlier for earlier, later in pairwise(shares))):
        yield f"question.looks: the shares of the information must rise from look to look and end at 1, got {listed}"
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(question.looks)):
        yield f"question.looks: the dates must rise from look to look, got {', '.join(str(day) for day, _ in question.looks)}"
    if question.start is not None and question.as_of is not None and question.as_of < question.start:
        yield f"question.as_of: {question.as_of} is before the trial's start, {question.start}"


def _of_look_dates(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    if not question.looks:
        return
    if not pd.api.types.is_datetime64_any_dtype(closed[question.look_date]):
        yield f"question.look_date: {question.look_date} must be a date, got {str(closed[question.look_date].iloc[0])!r}; use closed or created"
    elif closed[question.look_date].isna().any():
        count = int(closed[question.look_date].isna().sum())
        yield f"question.look_date: {question.look_date} is missing in {count:,} closed deals, which then belong to no look"


def _pairs(closed: pd.DataFrame, *names: str) -> pd.DataFrame:
    """Return the different combinations of labels, as texts: each is made a text once, however many deals have it."""
    return closed[list(dict.fromkeys(names))].drop_duplicates().dropna().astype(str).drop_duplicates()
