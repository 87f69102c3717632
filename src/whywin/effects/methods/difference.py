"""The plain difference between treated and untreated deals: the answer that selection spoils."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import doc

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, estimate, need_of
from whywin.effects.question import Effect
from whywin.effects.tables import outcomes_table
from whywin.evidence import Design, Evidence
from whywin.settings import check_settings
from whywin.stats.proportions import newcombe


@dataclass(frozen=True)
class Difference:
    """Mean outcome of the treated minus that of the untreated deals: nothing is adjusted for.

    Intervals: Newcombe's for an outcome of 0 and 1; Welch's (HC2) or Student's for a number; clustered where the question names a
    cluster.
    Sources: Newcombe (1998), Statistics in Medicine 17, 873-890; Liang and Zeger (1986), Biometrika 73, 13-22.
    """

    spread: Annotated[
        Literal["separate", "pooled"], doc("of a number: whether each group has a spread of its own, or both share one")
    ] = "separate"
    design: ClassVar[Design] = "unadjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the difference in points, or in the outcome's own unit."""
        comparison = compared(question, sample)
        treated, outcome = comparison.treated, comparison.outcome
        first, second = float(outcome[treated].mean()), float(outcome[~treated].mean())
        value = first - second
        if comparison.clusters is None and comparison.unit == "points":
            won, count = (outcome[treated].sum(), outcome[~treated].sum()), (treated.sum(), (~treated).sum())
            low, high = (float(end) for end in newcombe(won, count, question.level))
        else:
            half = _half_width(comparison, question.level, pooled=self.spread == "pooled")
            low, high = value - half, value + half
        tables = {"outcomes": outcomes_table(comparison, first, second)}
        return Evidence((estimate(question, comparison, value, (low, high), len(outcome)),), tables=tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the difference alone, in people's units."""
        comparison = compared(question, sample)
        means = [float(comparison.outcome[group].mean()) for group in (comparison.treated, ~comparison.treated)]
        return comparison.scale * (means[0] - means[1])


def _half_width(comparison: Comparison, level: float, *, pooled: bool) -> float:
    """Return half the interval of the treatment's coefficient in a regression on nothing else: clustered, Student's or Welch's."""
    import statsmodels.api as sm
    from scipy.stats import t as student

    columns = sm.add_constant(comparison.treated.astype(float))
    if comparison.clusters is not None:
        fit: Any = sm.OLS(comparison.outcome, columns).fit(cov_type="cluster", cov_kwds={"groups": comparison.clusters})
        freedom = float(len(np.unique(comparison.clusters)) - 1)
    elif pooled:
        fit = sm.OLS(comparison.outcome, columns).fit()
        freedom = float(fit.df_resid)
    else:
        fit = sm.OLS(comparison.outcome, columns).fit(cov_type="HC2")
        freedom = _welch(comparison)
    return float(student.ppf(0.5 + level / 2, freedom)) * math.sqrt(float(fit.cov_params()[1, 1]))


def _welch(comparison: Comparison) -> float:
    """Return the degrees of freedom of Satterthwaite (1946) for two groups of different spread."""
    groups = [comparison.outcome[group] for group in (comparison.treated, ~comparison.treated)]
    parts = [float(values.var(ddof=1)) / len(values) for values in groups]
    return sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, groups, strict=True))
