"""Whether the arms' units have equally many deals."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import ttest_ind

from whywin.deals.need import Need
from whywin.evidence import Answered, Check
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, need_of

MANY = 2000  # units from which Welch's test on the logs needs no draws


@dataclass(frozen=True)
class DealsPerUnit:
    """An intervention may change which deals come about: the number of deals per unit must not differ between the arms.

    The difference of the mean log counts is tested by re-drawing the assignment, which is valid whatever their distribution.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.01
    draws: Annotated[int, Ge(1000), doc("re-drawn assignments")] = 4000

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit."""
        return need_of(question)

    def check(
        self,
        question: Trial,
        answers: tuple[Answered, ...],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check about the whole run, on the arm that differs most."""
        units = by_unit(question, sample)
        arms = arms_of(question, units)
        if units["deals"].max() == 1:
            says = f"Each {question.unit} has one deal."
            return (Check("deals_per_unit", passed=True, severity="note", says=says, value=1.0),)
        logs = {arm: np.log(units.loc[units["arm"] == arm, "deals"].to_numpy(dtype=float)) for arm in arms}
        p_values = {arm: self._p_value(logs[question.control], logs[arm], rng) for arm in arms[1:]}
        arm = min(p_values, key=lambda name: p_values[name])
        p = min(1.0, p_values[arm] * len(p_values))
        means = {name: units.loc[units["arm"] == name, "deals"].mean() for name in (question.control, arm)}
        listed = " and ".join(f"{mean:.1f} in {name}" for name, mean in means.items())
        says = f"Each {question.unit} has {listed} deals on average (a gap as large has p = {p:.3g} if the arms are alike)."
        return (Check("deals_per_unit", p >= self.alpha, "note", says, p),)

    def _p_value(self, control: np.ndarray, treated: np.ndarray, rng: np.random.Generator) -> float:
        pooled = np.concatenate([control, treated])
        if len(pooled) > MANY:
            return float(ttest_ind(treated, control, equal_var=False).pvalue)
        drawn = rng.permuted(np.tile(pooled, (self.draws, 1)), axis=1)
        gaps = drawn[:, len(control) :].mean(axis=1) - drawn[:, : len(control)].mean(axis=1)
        seen = abs(treated.mean() - control.mean())
        return float((1 + (np.abs(gaps) >= seen - 1e-12).sum()) / (self.draws + 1))
