"""The deals of groups that adopt at different times, as arrays: what difference in differences and its check start from."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pandas as pd

from whywin.deals.dates import dates
from whywin.effects.comparison import ColumnsThere, Comparison, compared, eligible, need_of
from whywin.effects.question import Effect
from whywin.stats.staggered import NEVER, Adoption, GroupTime, Mean, adoption, mean_of

Adjustment = Literal["doubly_robust", "outcome_regression", "none"]
GRAINS: Final = {"week": "W", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True, eq=False)
class Adopting:
    """Deals of groups that adopt.

    Attributes:
        given: the deals by group and period.
        comparison: the same deals' treatment, outcome and covariates.
        grain: pandas' letter for the period.
        partly: deals left out because their group adopted later in the same period.
    """

    given: Adoption
    comparison: Comparison
    grain: str
    partly: int

    def label(self, period: int) -> str:
        """Return the name of a period, such as 2024Q3."""
        return str(pd.Period(ordinal=period, freq=self.grain))


def need_of_adoption(question: Effect) -> ColumnsThere:
    """Say which columns an adoption rests on."""
    need = need_of(question)
    names = tuple(name for name in (question.group, question.adopted) if name)
    return replace(need, names=(*need.names, "created", *names))


def adopting(question: Effect, sample: pd.DataFrame, adjustment: Adjustment) -> Adopting:
    """Return the deals by group and period; what is adjusted for comes with them unless nothing is."""
    deals = eligible(question, sample)
    day = dates(deals[question.adopted], str(question.adopted))
    grain = GRAINS[question.period]
    period = pd.PeriodIndex(deals["created"], freq=grain).asi8
    cohort = np.where(day.notna(), pd.PeriodIndex(day.fillna(pd.Timestamp("2000-01-01")), freq=grain).asi8, NEVER)
    partly = (period == cohort) & (deals["created"] < day).to_numpy()
    comparison = compared(question, deals[~partly].reset_index(drop=True))
    covariates = None if adjustment == "none" else comparison.covariates.matrix
    groups = deals[question.group].astype("string").fillna("(missing)").to_numpy()
    given = adoption(comparison.outcome, period[~partly], groups[~partly].astype(str), cohort[~partly], covariates)
    return Adopting(given, comparison, grain, int(partly.sum()))


def by_time(given: Adoption, cells: tuple[GroupTime, ...]) -> dict[int, Mean]:
    """Return the mean effect by periods since adoption, over the cohorts that are seen then."""
    return {
        since: mean_of(given, [cell for cell in cells if cell.since == since]) for since in sorted({cell.since for cell in cells})
    }
