"""A trial by its units of randomisation: one row a unit, which is all that inference needs."""

import pandas as pd

from whywin.deals.need import Cells, Columns, Need
from whywin.evidence import Unit
from whywin.trials.question import Trial


def need_of(question: Trial) -> Need:
    """Counts by arm and unit when the metric is the win rate, else the metric of every closed deal."""
    if question.metric == "won":
        return Cells((question.arm, question.unit))
    return Columns((question.arm, question.unit, question.metric))


def by_unit(question: Trial, sample: pd.DataFrame) -> pd.DataFrame:
    """Return one row a unit: columns unit, arm, deals (with a value of the metric), total and squares (sums), sorted by unit."""
    if question.metric == "won":
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
