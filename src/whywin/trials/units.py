"""A trial by its units of randomisation: one row a unit, which is all that inference needs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.need import Cells, Columns, Need
from whywin.evidence import Unit
from whywin.stats.allocation import accepting as accepting_draws
from whywin.stats.randomization import Accepts
from whywin.trials.metric import TIMED, Metric
from whywin.trials.period import as_number, dates_of, of_trial
from whywin.trials.question import Trial


@dataclass(frozen=True, eq=False)
class Pair:
    """The units of an arm and of control.

    Attributes:
        arm: the arm's label.
        total: sum of the metric of each unit.
        squares: sum of its squares.
        size: number of deals of each unit; of a ratio, the sum of what it is divided by.
        treated: whether the unit is in the arm, not in control.
        stratum: the stratum of each unit; one label for all where there are none.
        cluster: the cluster of each unit; the unit itself where there is none.
        deals: the number of deals of both.
        accepts: which other assignments the design would have accepted, by `treated` of each, one a row; None: all.
    """

    arm: str
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    size: NDArray[np.float64]
    treated: NDArray[np.bool_]
    stratum: NDArray[np.str_]
    cluster: NDArray[np.str_]
    deals: int
    accepts: Accepts | None = None


def need_of(question: Trial, *further: str) -> Need:
    """Counts by arm and unit when the metric is the win rate, else the metric of every closed deal; further columns beside."""
    primary, by = question.primary, dict.fromkeys((question.arm, question.unit, question.independent, *further))
    if primary.column == "won" and primary.kind == "proportion" and not dates_of(question) and question.unassigned == "refuse":
        return Cells(tuple(by))
    names = dict.fromkeys((*by, *primary.columns, *dates_of(question)))
    return Columns(tuple(names), closed_only=primary.kind not in TIMED)


def need_of_all(question: Trial, *further: str) -> Need:
    """Every metric of every deal; counts where the win rate is the only one and nothing further is asked for."""
    if len(question.measured) == 1 and not question.segments:
        return need_of(question, *further)
    columns = [name for metric in question.measured for name in metric.columns]
    by = (question.arm, question.unit, question.independent, *further, *question.segments)
    timed = any(metric.kind in TIMED for metric in question.measured)
    return Columns(tuple(dict.fromkeys((*by, *columns, *dates_of(question), "won"))), closed_only=not timed)


def pairs_of(question: Trial, sample: pd.DataFrame, units: pd.DataFrame | None = None) -> list[Pair]:
    """Return each arm other than control with control, from a sample that has the question's strata beside what `by_unit` takes.

    `units` is what `by_unit` gives, where it is there already.
    """
    units = by_unit(question, sample) if units is None else units
    within = list(question.dealt_within)
    strata = sample[[question.unit, *within]].drop_duplicates(question.unit).astype("string").fillna("(missing)")
    joined = strata.set_index(question.unit).apply(" · ".join, axis=1) if within else None
    label = units["unit"].map(joined) if joined is not None else pd.Series("all", index=units.index)
    found = []
    for arm in arms_of(question, units)[1:]:
        both = units["arm"].isin([question.control, arm])
        rows, stratum = units[both], label[both].to_numpy(dtype=str)
        total, squares, size = (rows[name].to_numpy(dtype=float) for name in ("total", "squares", "size"))
        treated, cluster = (rows["arm"] == arm).to_numpy(dtype=bool), rows["cluster"].to_numpy(dtype=str)
        accepts = accepting(question, sample, units, both.to_numpy(dtype=bool), arm)
        found.append(Pair(arm, total, squares, size, treated, stratum, cluster, int(rows["deals"].sum()), accepts))
    return found


def accepting(question: Trial, sample: pd.DataFrame, units: pd.DataFrame, both: NDArray[np.bool_], arm: str) -> Accepts | None:
    """Return which assignments of an arm's units and control's the constrained scheme would have accepted, others staying as they are.

    Units without a deal are not in the sample, and are left out of the balance that is looked at.
    """
    if not question.balanced_on:
        return None
    known = sample.drop_duplicates(question.unit).set_index(sample.drop_duplicates(question.unit)[question.unit].astype(str))
    values = known.loc[units["unit"].astype(str), list(question.balanced_on)].to_numpy(dtype=float)
    place = {name: number for number, name in enumerate(arms_of(question, units))}
    arms = units["arm"].astype(str).map(place).to_numpy(dtype=np.int64)
    return accepting_draws(values, arms, both, place[arm], question.assignment.acceptance)


def coded(question: Trial, sample: pd.DataFrame) -> pd.DataFrame:
    """Return the trial's deals with arms, units and clusters as categories, which makes many sums by unit quick; counts as they are."""
    if "deals" in sample:
        return sample
    rows = of_trial(question, sample)
    names = dict.fromkeys((question.arm, question.unit, question.independent))
    return rows.assign(**{name: rows[name].astype("category") for name in names})


def by_unit(question: Trial, sample: pd.DataFrame, metric: Metric | None = None) -> pd.DataFrame:
    """Return one row a unit with a value of the metric (the primary one when not given), sorted by unit.

    Columns: unit, arm, cluster, deals (with a value), size (deals, or of a ratio the sum of what it is divided by), total and
    squares (sums of the values and of their squares). Units without a deal that has a value have no row.
    """
    metric = metric or question.primary
    if metric.column == "won" and "deals" in sample:
        counts = sample.rename(columns={question.unit: "unit", question.arm: "arm", "won": "total"})
        units = counts.assign(squares=counts["total"], size=counts["deals"])
        units["cluster"] = sample[question.independent].to_numpy()
    else:
        units = _summed(question, valued(of_trial(question, sample), metric))
    kinds = {"unit": "string", "arm": "string", "cluster": "string", "deals": "int64"}
    units = units.astype({**kinds, "size": "float64", "total": "float64", "squares": "float64"})
    names = ["unit", "arm", "cluster", "deals", "size", "total", "squares"]
    return units[names].sort_values(["unit", "arm"], ignore_index=True)


def _summed(question: Trial, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of deals by unit, arm and cluster, by counting codes, which is several times as fast as grouping columns."""
    names = (question.unit, question.arm, question.independent)
    codes = {name: _codes(rows[name]) for name in dict.fromkeys(names)}
    group = np.zeros(len(rows), dtype=np.int64)
    for code, levels in codes.values():
        group = np.where((code < 0) | (group < 0), -1, group * len(levels) + code)
    group, keys = pd.factorize(np.where(group < 0, -1, group))
    missing = np.flatnonzero(keys == -1)
    kept = group != missing[0] if len(missing) else np.ones(len(group), dtype=bool)
    first = np.zeros(len(keys), dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    worth, size = rows["value"].to_numpy(dtype=float), rows["per"].to_numpy(dtype=float)
    sums = {"deals": None, "size": size, "total": worth, "squares": worth**2}
    parts = {name: np.bincount(group[kept], None if w is None else w[kept], len(keys)) for name, w in sums.items()}
    labels = {
        key: codes[name][1].take(codes[name][0][first]).astype("string")
        for key, name in zip(("unit", "arm", "cluster"), names, strict=True)
    }
    units = pd.DataFrame({**labels, **parts})
    return units[(units["deals"] > 0) & (units["size"] > 0)]


def _codes(values: pd.Series) -> tuple[NDArray[np.int64], pd.Index]:
    """Return each value's place among the distinct ones, -1 for a missing one, and these."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(dtype=np.int64), values.cat.categories
    code, levels = pd.factorize(values)
    return code.astype(np.int64), pd.Index(levels)


def valued(rows: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the deals that have a value of a metric, with it as ``value`` (capped where asked for) and what it is divided by as ``per``.

    Only closed deals count; a deal whose value is missing counts nowhere.
    """
    column = "won" if metric.kind in TIMED else metric.column
    if "won" in rows and column != "won":
        rows = rows[rows["won"].notna()]
    rows = rows.dropna(subset=[column, metric.per] if metric.per else [column])
    value = as_number(rows[column]).astype("float64")
    if metric.winsorise is not None and len(value):
        value = value.clip(upper=float(np.quantile(value, metric.winsorise)))
    return rows.assign(value=value, per=as_number(rows[metric.per]).astype("float64") if metric.per else 1.0)


def arms_of(question: Trial, units: pd.DataFrame) -> list[str]:
    """Return the arms, control first."""
    return [question.control, *sorted(set(units["arm"].astype(str)) - {question.control})]


def scale_of(question: Trial, metric: Metric | None = None) -> tuple[float, Unit, Unit, str]:
    """Return what a mean is multiplied by, the units of a mean and of a difference, and the quantity's name."""
    metric = metric or question.primary
    if metric.is_rate:
        name = {"proportion": "win rate" if metric.column == "won" else f"share of {metric.column}"}.get(str(metric.kind))
        return 100.0, "percent", "points", name or f"share {metric.name}"
    unit: Unit = "days" if metric.column == "cycle_days" or metric.kind == "restricted_mean" else "number"
    return 1.0, unit, unit, metric.name if metric.kind in {"ratio", "quantile", "restricted_mean"} else f"mean of {metric.name}"


def sums_only(question: Trial, method: str) -> list[str]:
    """Return why a method cannot answer: its metric is no mean or ratio, or it knows no clusters beyond the unit."""
    kind = question.primary.kind
    if kind in {"quantile", *TIMED}:
        return [f"the primary metric is of kind {kind}, and {method} compares means and ratios; use fixed"]
    return []


def unit_only(question: Trial, method: str) -> list[str]:
    """Return why a method cannot answer: as `sums_only`, or it knows no clusters beyond the unit."""
    found = sums_only(question, method)
    if question.independent != question.unit:
        found.append(
            f"{method} takes {question.unit}s as independent, and question.cluster says {question.cluster}s are; use fixed"
        )
    return found
