"""A trial by its units of randomisation: one row a unit, which is all that inference needs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.need import Cells, Columns, Need
from whywin.evidence import Unit
from whywin.trials.question import Trial


@dataclass(frozen=True, eq=False)
class Pair:
    """The units of an arm and of control.

    Attributes:
        arm: the arm's label.
        total: sum of the metric of each unit.
        squares: sum of its squares.
        size: number of deals of each unit.
        treated: whether the unit is in the arm, not in control.
        stratum: the stratum of each unit; one label for all where there are none.
    """

    arm: str
    total: NDArray[np.float64]
    squares: NDArray[np.float64]
    size: NDArray[np.float64]
    treated: NDArray[np.bool_]
    stratum: NDArray[np.str_]

    @property
    def deals(self) -> int:
        """The number of deals of both."""
        return int(self.size.sum())


def need_of(question: Trial, *further: str) -> Need:
    """Counts by arm and unit when the metric is the win rate, else the metric of every closed deal; further columns beside."""
    if question.metric == "won":
        return Cells((question.arm, question.unit, *further))
    return Columns((question.arm, question.unit, question.metric, *further))


def pairs_of(question: Trial, sample: pd.DataFrame) -> list[Pair]:
    """Return each arm other than control with control, from a sample that has the question's strata beside what `by_unit` takes."""
    units = by_unit(question, sample)
    strata = sample[[question.unit, *question.strata]].astype("string").fillna("(missing)").drop_duplicates(question.unit)
    joined = strata.set_index(question.unit).apply(" · ".join, axis=1) if question.strata else None
    label = units["unit"].map(joined) if joined is not None else pd.Series("all", index=units.index)
    found = []
    for arm in arms_of(question, units)[1:]:
        both = units["arm"].isin([question.control, arm])
        rows, stratum = units[both], label[both].to_numpy(dtype=str)
        total, squares, size = (rows[name].to_numpy(dtype=float) for name in ("total", "squares", "deals"))
        found.append(Pair(arm, total, squares, size, (rows["arm"] == arm).to_numpy(dtype=bool), stratum))
    return found


def by_unit(question: Trial, sample: pd.DataFrame) -> pd.DataFrame:
    """Return one row a unit: columns unit, arm, deals (with a value of the metric), total and squares (sums), sorted by unit."""
    if question.metric == "won" and "deals" in sample:
        counts = sample.rename(columns={question.unit: "unit", question.arm: "arm", "won": "total"})
        units = counts.assign(squares=counts["total"])
    else:
        rows = sample.dropna(subset=[question.metric]).rename(columns={question.unit: "unit", question.arm: "arm"})
        value = rows[question.metric].astype("float64")
        rows = rows.assign(total=value, squares=value**2, deals=1)
        units = rows.groupby(["unit", "arm"], observed=True)[["deals", "total", "squares"]].sum().reset_index()
    units = units.astype({"unit": "string", "arm": "string", "deals": "int64", "total": "float64", "squares": "float64"})
    return units[["unit", "arm", "deals", "total", "squares"]].sort_values(["unit", "arm"], ignore_index=True)


def arms_of(question: Trial, units: pd.DataFrame) -> list[str]:
    """Return the arms, control first."""
    return [question.control, *sorted(set(units["arm"]) - {question.control})]


def scale_of(question: Trial) -> tuple[float, Unit, Unit, str]:
    """Return what a mean is multiplied by, the units of a mean and of a difference, and the quantity's name."""
    if question.metric == "won":
        return 100.0, "percent", "points", "win rate"
    if question.metric == "cycle_days":
        return 1.0, "days", "days", "mean of cycle_days"
    return 1.0, "number", "number", f"mean of {question.metric}"
