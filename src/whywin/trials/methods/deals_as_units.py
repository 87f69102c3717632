"""The usual wrong way to analyse a trial of reps, kept to be shown beside the right one."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.evidence import Design, Estimate, Evidence
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, need_of, scale_of


@dataclass(frozen=True)
class DealsAsUnits:
    """Welch's test on deals, as if each deal had been randomised: too sure of itself wherever whole units were.

    Source: Welch (1947), The generalization of Student's problem when several different population variances are involved,
    Biometrika 34, 28-35. It is right only where each unit has one deal.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "deal"

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or the metric of every deal."""
        return need_of(question)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's difference to control with Welch's interval."""
        from statsmodels.stats.weightstats import CompareMeans

        arms = arms_of(question, sample.rename(columns={question.arm: "arm"}))
        scale, _, unit, _ = scale_of(question)
        deals = {arm: _described(question, sample[sample[question.arm] == arm]) for arm in arms}
        estimates = []
        for arm in arms[1:]:
            both = CompareMeans(deals[arm], deals[question.control])
            low, high = both.tconfint_diff(alpha=1 - question.level, usevar="unequal")
            value = deals[arm].mean - deals[question.control].mean
            n = int(deals[arm].nobs + deals[question.control].nobs)
            row = (scale * float(value), scale * float(low), scale * float(high))
            estimates.append(Estimate("effect of assignment", f"arm={arm}", *row, question.level, n, unit))
        return Evidence(tuple(estimates))


def _described(question: Trial, rows: pd.DataFrame) -> Any:
    """Return the deals of one arm as a weighted sample: won and lost by their counts, or every value once."""
    from statsmodels.stats.weightstats import DescrStatsW

    if question.metric == "won":
        won = float(rows["won"].sum())
        return DescrStatsW(np.array([1.0, 0.0]), weights=np.array([won, float(rows["deals"].sum()) - won]))
    return DescrStatsW(rows[question.metric].dropna().to_numpy(dtype=float))
