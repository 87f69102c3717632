"""The usual wrong way to analyse a trial of reps, kept to be shown beside the right one."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.evidence import Design, Estimate, Evidence
from whywin.stats.two_samples import Moments, difference
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, need_of, scale_of, sums_only


@dataclass(frozen=True)
class DealsAsUnits:
    """Welch's test on deals, as if each deal had been randomised: too sure of itself wherever whole units were.

    Source: Welch (1947), The generalization of Student's problem when several different population variances are involved,
    Biometrika 34, 28-35. It is right only where each unit has one deal.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "deal"

    def faults(self, question: Trial) -> list[str]:
        """Say what the question asks that it cannot tell."""
        ratio = question.primary.kind == "ratio"
        return (
            sums_only(question, "deals_as_units")
            + ["deals_as_units compares means, and the primary metric is a ratio; use fixed"] * ratio
        )

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or the metric of every deal."""
        return need_of(question)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's difference to control with Welch's interval."""
        units = by_unit(question, sample)
        scale, _, unit, _ = scale_of(question)
        deals = {arm: _described(units[units["arm"] == arm]) for arm in arms_of(question, units)}
        estimates = []
        for arm in list(deals)[1:]:
            found = difference(deals[question.control], deals[arm])
            low, high = (scale * end for end in found.interval(question.level))
            n = deals[arm].n + deals[question.control].n
            estimates.append(
                Estimate("effect of assignment", f"arm={arm}", scale * found.value, low, high, question.level, n, unit)
            )
        return Evidence(tuple(estimates))


def _described(units: pd.DataFrame) -> Moments:
    """Return the deals of one arm as a sample."""
    return Moments(int(units["deals"].sum()), float(units["total"].sum()), float(units["squares"].sum()))
