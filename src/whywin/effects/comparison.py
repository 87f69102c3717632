"""The deals that are compared, as arrays: what every method of this room starts from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.derived import derivable
from whywin.deals.need import Columns
from whywin.effects.covariates import Covariates, covariates
from whywin.effects.identification import identified
from whywin.effects.landmark import old_enough
from whywin.effects.question import Effect
from whywin.evidence import Estimate, Unit


@dataclass(frozen=True)
class ColumnsThere(Columns):
    """Those of the columns that the table has: a node of a graph that is no column is unobserved."""

    def sample(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the part of the deals that is there, with a fresh 0…n-1 index."""
        names = tuple(name for name in self.names if name in table.columns or derivable(name, table.columns))
        return Columns(names, self.closed_only).sample(table)


@dataclass(frozen=True, eq=False)
class Comparison:
    """The deals that are compared.

    Attributes:
        treated: which of them were treated.
        outcome: what is compared; won is 1 or 0.
        adjusted: the columns that are adjusted for.
        covariates: those columns as numbers.
        clusters: codes of the groups within which deals are not independent, or None.
        everyone: whether the effect is asked for all deals rather than for the treated.
        scale: what an effect is multiplied by to be in `unit`.
        unit: the unit of an effect.
    """

    treated: NDArray[np.bool_]
    outcome: NDArray[np.float64]
    adjusted: tuple[str, ...]
    covariates: Covariates
    clusters: NDArray[np.int64] | None
    everyone: bool
    scale: float
    unit: Unit


def need_of(question: Effect, *, closed_only: bool = True) -> ColumnsThere:
    """Say which columns the question rests on."""
    dates: tuple[str, ...] = () if question.landmark_days is None and question.treated_at is None else ("created", "closed")
    dates += () if question.treated_at is None else (question.treated_at,)
    cluster = () if question.cluster is None else (question.cluster,)
    return ColumnsThere((question.treatment, question.outcome, *question.candidates, *cluster, *dates), closed_only)


def eligible(question: Effect, sample: pd.DataFrame) -> pd.DataFrame:
    """Return the deals that could have been treated and have an outcome."""
    return sample[old_enough(question.landmark_days, sample) & sample[question.outcome].notna()].reset_index(drop=True)


def compared(question: Effect, sample: pd.DataFrame) -> Comparison:
    """Return the deals of a sample that are compared, as arrays."""
    deals = eligible(question, sample)
    adjusted = identified(question, tuple(sample.columns)).adjusted
    outcome = deals[question.outcome].to_numpy(dtype=np.float64)
    scale, unit = scale_of(question, outcome)
    clusters = None
    if question.cluster is not None:
        clusters = pd.factorize(deals[question.cluster], use_na_sentinel=False)[0].astype(np.int64)
    treated = deals[question.treatment].to_numpy(dtype=np.float64) == 1
    made = covariates(deals, adjusted, question.logs)
    return Comparison(treated, outcome, adjusted, made, clusters, question.estimand == "all", scale, unit)


def scale_of(question: Effect, outcome: NDArray[np.float64]) -> tuple[float, Unit]:
    """Return what an effect on an outcome is multiplied by to be in people's unit, and that unit."""
    if np.isin(outcome, [0.0, 1.0]).all():
        return 100.0, "points"
    return 1.0, "days" if question.outcome == "cycle_days" else "number"


def estimate(question: Effect, comparison: Comparison, value: float, ends: tuple[float, float], count: int) -> Estimate:
    """Return an effect and its interval, given as fractions, in people's units."""
    value, low, high = (comparison.scale * number for number in (value, *ends))
    return Estimate(question.quantity, "all", value, low, high, question.level, count, comparison.unit)
