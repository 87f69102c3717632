"""What a company's own past deals say about a trial before it starts: its units, how alike their deals are, how unequal they are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whywin.deals.derived import derivable, with_derived
from whywin.errors import QuestionError, nearest
from whywin.stats.cluster import intracluster_correlation
from whywin.stats.trial_power import correlation_interval, excess_variation
from whywin.trials.period import of_pre_period
from whywin.trials.question import Trial

WEEK = 7.0
FEWEST_PAIRS = 5


@dataclass(frozen=True)
class Past:
    """What past deals say.

    Attributes:
        units: number of units with closed deals.
        deals: number of closed deals.
        weeks: how long a time they closed in.
        per_week: closed deals of a unit in a week.
        spread: coefficient of variation of the units' expected numbers of deals, without that of chance counts.
        correlation: correlation of two deals of one unit.
        correlation_low: lower end of its interval.
        correlation_high: upper end of its interval.
        mean: mean of the metric; a share for the win rate.
        variance: its variance between deals.
        before: correlation of a unit's mean with its mean in the time before, nought where that cannot be told.
    """

    units: int
    deals: int
    weeks: float
    per_week: float
    spread: float
    correlation: float
    correlation_low: float
    correlation_high: float
    mean: float
    variance: float
    before: float


def before_trial(question: Trial, table: pd.DataFrame) -> pd.DataFrame:
    """Return the deals that were created and closed before the trial started; all of them where no start is given."""
    return table if question.start is None or "created" not in table else of_pre_period(question, table)


def past_of(question: Trial, table: pd.DataFrame, weeks: float, span: float | None = None) -> Past:
    """Return what the closed deals of a table say, those before the trial's start.

    Args:
        question: the trial.
        table: the deals.
        weeks: how long the trial is to last: a unit's mean is compared with that before the last so many weeks.
        span: in how many weeks the deals closed; from their dates when not given.

    Raises:
        QuestionError: the deals lack what is needed; every fault at once.
    """
    column = question.primary.column
    faults = _faults(question, table, span)
    if faults:
        raise QuestionError(faults)
    rows = before_trial(question, table)
    rows = with_derived(rows[rows["won"].notna()], [column]).dropna(subset=[question.unit, column])
    if rows[question.unit].nunique() < 3:  # noqa: PLR2004 - fewer tell nothing about how units differ
        raise QuestionError(
            f"question.unit: the past deals are of {rows[question.unit].nunique()} {question.unit}(s), and how they differ cannot be "
            "told from fewer than 3; give correlation, variation and deals_per_week under design"
        )
    value = rows[column].astype(float)
    units = pd.DataFrame({"unit": rows[question.unit].astype("string"), "total": value, "squares": value**2, "size": 1.0})
    sums = units.groupby("unit").sum()
    total, squares, size = (sums[name].to_numpy(dtype=float) for name in ("total", "squares", "size"))
    length = span or _weeks(rows)
    found, low, high = 0.0, 0.0, 0.0
    if size.max() > 1:  # single deals have nothing to be alike with
        found = max(intracluster_correlation(total, squares, size, np.zeros(len(size))), 0.0)
        low, high = correlation_interval(found, size)
    mean = float(total.sum() / size.sum())
    variance = mean * (1 - mean) if question.primary.is_rate else float(value.var(ddof=1))
    return Past(
        len(size), int(size.sum()), length, float(size.mean()) / length,
        excess_variation(float(size.std(ddof=1) / size.mean()), float(size.mean())),
        found, low, high, mean, variance, _before(rows, question, weeks),
    )  # fmt: skip


def _faults(question: Trial, table: pd.DataFrame, span: float | None) -> list[str]:
    column = question.primary.column
    faults = [
        f"question.{role}: the deals have no column {name!r}{nearest(name, table.columns)}"
        for role, name in (("unit", question.unit), ("metric", column))
        if name not in table and not derivable(name, table.columns)
    ]
    if span is None and "closed" not in table:
        faults.append("design.past_weeks: missing; the deals have no closing dates, so say in how many weeks they closed")
    if faults:
        return faults
    rows = before_trial(question, table)
    closed = with_derived(rows[rows["won"].notna()], [column])
    if closed.empty:
        return [f"question.start: no deal was created before {question.start} and is closed; there is no past to learn from"]
    values = closed[column]
    if closed[question.unit].isna().all():
        faults.append(f"question.unit: {question.unit} is missing in every past deal; name the column that will be randomised")
    if values.notna().sum() == 0:
        faults.append(f"question.metric: {column} is missing in every past deal")
    elif not pd.api.types.is_numeric_dtype(values):
        faults.append(f"question.metric: {column} must be a number, got labels such as {str(values.dropna().iloc[0])!r}")
    elif (values.dropna() == values.dropna().iloc[0]).all():
        faults.append(f"question.metric: {column} is {values.dropna().iloc[0]:g} in every past deal; there is nothing to find")
    return faults


def _weeks(rows: pd.DataFrame) -> float:
    """Return the time in which the middle nine tenths of the deals closed, so that a few strays do not stretch it, in weeks."""
    ends = rows["closed"].dropna().quantile([0.05, 0.95])
    days = (ends.iloc[1] - ends.iloc[0]).total_seconds() / 86_400
    return float(max(days / 0.9 / WEEK, 1 / WEEK))


def _before(rows: pd.DataFrame, question: Trial, weeks: float) -> float:
    """Return the correlation of the units' means in the last so many weeks with their means before."""
    if "closed" not in rows:
        return 0.0
    edge = rows["closed"].max() - pd.Timedelta(days=WEEK * weeks)
    value = rows.assign(value=rows[question.primary.column].astype(float), late=rows["closed"] > edge)
    sums = value.groupby([question.unit, "late"])["value"].agg(["mean", "size"]).unstack("late").dropna()
    if len(sums) < FEWEST_PAIRS:
        return 0.0
    early, late = (sums["mean"][side].to_numpy(dtype=float) for side in (False, True))
    weight = sums["size"][True].to_numpy(dtype=float)
    spread = np.cov(early, late, aweights=weight)
    together = spread[0, 0] * spread[1, 1]
    return float(np.clip(spread[0, 1] / np.sqrt(together), 0.0, 0.99)) if together > 0 else 0.0
