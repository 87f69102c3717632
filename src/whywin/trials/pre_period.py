"""What was known of a trial's units before it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.labels import texts
from whywin.deals.need import Columns
from whywin.trials.metric import TIMED
from whywin.trials.period import as_number, of_pre_period, of_trial
from whywin.trials.question import Trial
from whywin.trials.units import valued

Array = NDArray[np.float64]


def need_with_before(question: Trial) -> Columns:
    """Return the metric and covariates of every deal, with the dates that tell which were before the trial."""
    primary = question.primary
    dates = ("created", "closed", "won") if question.start is not None or question.as_of is not None else ()
    names = (question.arm, question.unit, question.independent, *primary.columns, *question.before, *dates)
    return Columns(tuple(dict.fromkeys(names)), closed_only=primary.kind not in TIMED)


def known_before(question: Trial, sample: pd.DataFrame, units: pd.DataFrame, prior_deals: float) -> pd.DataFrame:
    """Return covariates of each unit in the order of `units`, without missing values; no columns where nothing is known.

    The first is the unit's own metric before the trial where the trial has a start, mixed with `prior_deals` deals at the mean of all: a unit
    without a past stands at the mean. Then the mean of each column of `before`; a missing one is the mean of the others.
    """
    columns: dict[str, pd.Series] = {}
    names = units["unit"].astype(str)
    past = of_pre_period(question, sample) if question.start is not None else sample.iloc[:0]
    if len(past):
        worth = valued(past, question.primary)
        sums = worth.groupby(texts(worth[question.unit]), observed=True)[["value", "per"]].sum()
        total, size = (sums[name].reindex(names).fillna(0.0).to_numpy(dtype=float) for name in ("value", "per"))
        everyones = (float(worth["value"].sum()), float(worth["per"].sum()), len(worth))
        columns["before"] = pd.Series(drawn_to_mean(total, size, everyones, prior_deals))
    rows = of_trial(question, sample) if question.before else sample.iloc[:0]
    for name in question.before:
        means = as_number(rows[name]).astype("float64").groupby(texts(rows[question.unit]), observed=True).mean()
        column = means.reindex(names).reset_index(drop=True)
        columns[name] = column.fillna(column.mean())
    table = pd.DataFrame(columns, index=range(len(units)))
    return table.loc[:, table.std(ddof=0) > 0]


def drawn_to_mean(total: Array, size: Array, everyones: tuple[float, float, float], prior_deals: float) -> Array:
    """Return each unit's mean before the trial, mixed with so many deals at the mean of all.

    Args:
        total: sum of each unit's past values; 0 for a unit without a past.
        size: its past deals, or of a ratio the sum of what it is divided by.
        everyones: total, size and number of all past deals.
        prior_deals: how many typical deals it is mixed with.
    """
    of_all, sizes, deals = everyones
    middle = of_all / sizes if sizes > 0 else 0.0
    typical = sizes / deals if deals else 1.0
    weight = size + prior_deals * typical
    return np.where(weight > 0, (total + prior_deals * typical * middle) / np.where(weight > 0, weight, 1.0), middle)
