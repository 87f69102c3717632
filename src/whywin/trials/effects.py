"""A metric of a trial in every arm: its mean, its difference to control, absolute and relative, on either estimand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.stats.cluster import Contrast, arm_contrast, arm_scores
from whywin.stats.cluster_incidence import incidence_of
from whywin.stats.cluster_quantiles import difference_of, log_ratio_of, quantile_of
from whywin.trials.metric import TIMED, Metric
from whywin.trials.period import last_day, of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, valued

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InArm:
    """A metric in one arm, as it stands (a rate between 0 and 1).

    Attributes:
        arm: the arm's label.
        deals: number of deals that have a value.
        units: number of units that have one.
        mean: the arm's mean, ratio, quantile or share.
        effect: its difference to control; none for control itself.
        log_ratio: the log of the arm's over control's; none for control, and where either is not positive.
        scores: what each cluster adds to the effect's variance (its signed root), by cluster; empty where that is not known.
    """

    arm: str
    deals: int
    units: int
    mean: Contrast
    effect: Contrast | None
    log_ratio: Contrast | None
    scores: pd.Series


def compared(question: Trial, sample: pd.DataFrame, metric: Metric) -> list[InArm]:
    """Return a metric in every arm that has it, control first."""
    if metric.kind in TIMED or metric.kind == "quantile":
        return _of_deals(question, sample, metric)
    units = by_unit(question, sample, metric)
    arms = arms_of(question, units)
    index = units["arm"].map({arm: place for place, arm in enumerate(arms)}).to_numpy(dtype=np.int64)
    total, size = units["total"].to_numpy(dtype=float), units["size"].to_numpy(dtype=float)
    cluster = units["cluster"].to_numpy(dtype=str)
    labels = np.unique(cluster) if len(np.unique(cluster)) < len(cluster) else cluster
    found: list[InArm] = []
    for place, arm in enumerate(arms):
        own, there = np.eye(len(arms)), index == place
        mean = arm_contrast(total, size, index, own[place], cluster)
        effect = log_ratio = None
        scores = np.zeros(0)
        if place:
            value, scores, degrees = arm_scores(total, size, index, own[place] - own[0], cluster)
            effect = Contrast(value, float(np.sqrt((scores**2).sum())), degrees)
            log_ratio = _log_ratio(total, size, index, (mean.value, found[0].mean.value), own[place], own[0], cluster)
        by_cluster = pd.Series(scores, index=labels[: len(scores)], dtype="float64")
        found.append(InArm(arm, int(units["deals"][there].sum()), int(there.sum()), mean, effect, log_ratio, by_cluster))
    return found


def _log_ratio(
    total: Array,
    size: Array,
    index: NDArray[np.int64],
    means: tuple[float, float],
    own: Array,
    control: Array,
    cluster: NDArray[np.str_],
) -> Contrast | None:
    """Return the log of an arm's mean over control's by the delta method: a contrast of means over themselves."""
    if min(means) <= 0:
        return None
    found = arm_contrast(total, size, index, own / means[0] - control / means[1], cluster)
    return Contrast(float(np.log(means[0] / means[1])), found.standard_error, found.degrees)


def _of_deals(question: Trial, sample: pd.DataFrame, metric: Metric) -> list[InArm]:
    rows = of_trial(question, sample)
    if metric.kind == "quantile":
        rows = valued(rows, metric)
    rows = rows.dropna(subset=[question.arm, question.unit])
    frame = rows.rename(columns={question.arm: "arm"})
    frame = frame.assign(arm=frame["arm"].astype(str))
    found: list[InArm] = []
    for arm in arms_of(question, frame):
        deals = rows[frame["arm"] == arm]
        mean = _mean_of_deals(question, rows, deals, metric)
        control = found[0].mean if found else None
        effect = difference_of(mean, control) if control else None
        log_ratio = log_ratio_of(mean, control) if control and min(mean.value, control.value) > 0 else None
        units = int(deals[question.unit].nunique())
        found.append(InArm(arm, len(deals), units, mean, effect, log_ratio, pd.Series(dtype="float64")))
    return found


def _mean_of_deals(question: Trial, rows: pd.DataFrame, deals: pd.DataFrame, metric: Metric) -> Contrast:
    cluster = deals[question.independent].astype(str).to_numpy()
    if metric.kind == "quantile":
        return quantile_of(deals["value"].to_numpy(dtype=float), cluster, metric.quantile)
    end = last_day(question, rows)
    days = (deals["closed"].fillna(end) - deals["created"]).dt.days.clip(lower=0).to_numpy()
    outcome = {"won_by": "won", "lost_by": "lost"}.get(str(metric.kind), "open")
    return incidence_of(days, deals["won"].to_numpy(dtype=float), cluster, int(metric.days or 1), outcome)  # type: ignore[arg-type]


def on_average_unit(question: Trial, units: pd.DataFrame) -> dict[str, tuple[Contrast, int]]:
    """Return each arm's effect on the average unit, in which units count alike, and the number of its deals and control's.

    `units` is what `by_unit` gives.
    """
    arms = arms_of(question, units)
    index = units["arm"].map({arm: place for place, arm in enumerate(arms)}).to_numpy(dtype=np.int64)
    rates = (units["total"] / units["size"]).to_numpy(dtype=float)
    own = np.eye(len(arms))
    found = {}
    for place, arm in enumerate(arms[1:], start=1):
        effect = arm_contrast(rates, np.ones(len(rates)), index, own[place] - own[0], units["cluster"].to_numpy(dtype=str))
        found[arm] = effect, int(units["deals"][np.isin(index, [0, place])].sum())
    return found
