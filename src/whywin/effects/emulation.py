"""The target trials that deals with a time of treatment emulate: at each age at which one is treated, those as old stand beside it.

A deal that is treated at some age is compared with deals that were still open and not yet treated at that age, so that nobody is
counted as untreated for having closed too early to be treated. What is asked is the effect of treating now rather than not yet: some of
those that it is compared with are treated later.
Sources: Hernán and Robins (2016), Using big data to emulate a target trial when a randomized trial is not available, American Journal of
Epidemiology 183, 758-764; Danaei, García Rodríguez, Cantero, Logan and Hernán (2013), Observational data for comparative effectiveness
research: an emulation of randomised trials of statins and primary prevention of coronary heart disease, Statistical Methods in Medical
Research 22, 70-96.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.dates import dates
from whywin.effects.comparison import ColumnsThere, Comparison, scale_of
from whywin.effects.covariates import Covariates, covariates
from whywin.effects.identification import identified
from whywin.effects.question import Effect
from whywin.errors import QuestionError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Emulation:
    """The deals from which risk sets are made.

    Attributes:
        treated: which of them were treated while they were open.
        age: days from creation to treatment; to closing, or to the last date of the table, where there was none.
        outcome: what is compared, not a number while the deal is open.
        strata: codes of the groups within which deals are matched.
        comparison: what is adjusted for, clusters and units, one row a deal.
        late: deals left out because they were created too late to be followed.
        at_close: deals treated at the very moment that they closed, which count as untreated until then.
    """

    treated: Bools
    age: Floats
    outcome: Floats
    strata: NDArray[np.int64]
    comparison: Comparison
    late: int
    at_close: int

    @property
    def known(self) -> Bools:
        """Which deals have an outcome."""
        return np.isfinite(self.outcome)


def need_of_trials(question: Effect, exact: tuple[str, ...]) -> ColumnsThere:
    """Say which columns of which deals the trials rest on: open ones too."""
    cluster = () if question.cluster is None else (question.cluster,)
    when = () if question.treated_at is None else (question.treated_at,)
    names = (question.treatment, question.outcome, *question.candidates, *cluster, *when, *exact, "created", "closed")
    return ColumnsThere(tuple(dict.fromkeys(names)), closed_only=False)


def emulated(question: Effect, sample: pd.DataFrame, exact: tuple[str, ...], follow_up_days: float) -> Emulation:
    """Return the deals of a sample that could have been treated, as arrays.

    Raises:
        QuestionError: a stratum is no column, or no deal was created so early that it can be followed.
    """
    missing = [name for name in exact if name not in sample]
    if missing:
        raise QuestionError([f"exact: the deals have no column {name!r}; leave it out" for name in missing])
    last = sample[["created", "closed"]].max().max()
    there = sample["created"].notna()
    early = there & (sample["created"] <= last - pd.Timedelta(days=follow_up_days))
    deals = sample[early].reset_index(drop=True)
    if not len(deals):
        raise QuestionError(
            f"follow_up_days: no deal was created {follow_up_days:g} days before {last:%Y-%m-%d}; follow for less"
        )
    treated, age, at_close = _ages(question, deals, last)
    columns = list(exact)
    codes = deals.groupby(columns, dropna=False, sort=True).ngroup().to_numpy() if columns else np.zeros(len(deals))
    outcome = deals[question.outcome].to_numpy(dtype=np.float64, na_value=np.nan)
    left_out, kept = int((there & ~early).sum()), codes.astype(np.int64)
    return Emulation(treated, age, outcome, kept, _comparison(question, deals, treated, outcome), left_out, at_close)


def _ages(question: Effect, deals: pd.DataFrame, last: pd.Timestamp) -> tuple[Bools, Floats, int]:
    """Return who was treated while open, the age at which they were or were last seen, and how many were treated at closing."""
    begun = deals["created"]
    end = _days(deals["closed"].fillna(last) - begun)
    given = deals[question.treatment].to_numpy(dtype=np.float64, na_value=np.nan) == 1
    at = _days(dates(deals[str(question.treated_at)], str(question.treated_at)) - begun)
    at = np.maximum(at, 0.0)  # treated on the day that it was created, which has a time where the treatment has only a date
    at_close = given & (at >= end)
    treated = given & (at < end)
    return treated, np.where(treated, at, end), int(at_close.sum())


def _days(span: pd.Series) -> Floats:
    return np.asarray((span.dt.total_seconds() / 86_400).to_numpy(dtype=np.float64, na_value=np.nan))


def _comparison(question: Effect, deals: pd.DataFrame, treated: Bools, outcome: Floats) -> Comparison:
    adjusted = identified(question, tuple(deals.columns)).adjusted
    clusters = None
    if question.cluster is not None:
        clusters = pd.factorize(deals[question.cluster], use_na_sentinel=False)[0].astype(np.int64)
    scale, unit = scale_of(question, outcome[np.isfinite(outcome)])
    made = covariates(deals, adjusted, question.logs)
    return Comparison(treated, outcome, adjusted, made, clusters, everyone=False, scale=scale, unit=unit)


def side_by_side(comparison: Comparison, asked: Bools, at_risk: Bools) -> tuple[Comparison, NDArray[np.intp]]:
    """Return the treated deals that are asked about above those that are compared with them, and which deal each row is.

    A deal that is compared with others before it is treated stands in both.
    """
    rows = np.concatenate([np.flatnonzero(asked), np.flatnonzero(at_risk)])
    first = np.arange(len(rows)) < int(asked.sum())
    made = Covariates(comparison.covariates.matrix[rows], comparison.covariates.names)
    clusters = None if comparison.clusters is None else comparison.clusters[rows]
    outcome = comparison.outcome[rows]
    return Comparison(
        first, outcome, comparison.adjusted, made, clusters, everyone=False, scale=comparison.scale, unit=comparison.unit
    ), rows


def dealt_at_risk(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[NDArray[np.float64], pd.Series]:
    """Deal the treatments out anew: at each age at which deals were treated, to as many others that were open and not treated yet.

    Returns the column of the treatment, 1 or 0, and that of its dates. Nothing then hangs on who is treated but having lived so long.
    """
    last = deals[["created", "closed"]].max().max()
    treated, age, _ = _ages(question, deals, last)
    end = _days(deals["closed"].fillna(last) - deals["created"])
    free, at = np.ones(len(deals), dtype=bool), np.full(len(deals), np.nan)
    for moment, count in zip(*np.unique(age[treated], return_counts=True), strict=True):
        able = np.flatnonzero(free & (end > moment))
        drawn = rng.choice(able, size=min(count, len(able)), replace=False)
        free[drawn], at[drawn] = False, moment
    when = deals["created"] + pd.to_timedelta(pd.Series(at, index=deals.index), unit="D")
    return np.asarray(~free, dtype=np.float64), when
