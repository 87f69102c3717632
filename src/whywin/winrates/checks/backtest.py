"""Whether forecasts made in the past held what they promised."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc
from scipy.stats import binom

from whywin.evidence import Check, Severity
from whywin.settings import check_settings
from whywin.winrates.question import WinRates


@dataclass(frozen=True)
class Backtest:
    """Forecasts of cohorts when they were young held how those cohorts ended, about as often as their intervals promise.

    The forecasts of one cohort at several ages are not independent: each age is judged apart, by an exact binomial test over
    cohorts, and the smallest of the p-values is multiplied by the number of ages (Bonferroni).
    """

    doubtful: Annotated[float, Gt(0), Lt(1), doc("a p-value below this is worth a note: intervals may be too narrow")] = 0.05
    serious: Annotated[float, Gt(0), Lt(1), doc("a p-value below this lowers the grade: intervals are too narrow")] = 0.01

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the table of the backtest."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer that forecasts cohorts."""
        del sample, rng
        tables = {one.label: one.evidence.tables["backtest"] for one in answers if "backtest" in one.evidence.tables}
        return tuple(self._judged(label, table, question.level) for label, table in tables.items())

    def _judged(self, label: str, table: pd.DataFrame, level: float) -> Check:
        if table.empty:
            says = "No cohort is old enough to hold its forecasts against how it ended."
            return Check("backtest", passed=True, severity="note", says=says, value=1.0, method=label)
        chance = p_value(table, level)
        held, count, promised = int(table["inside"].sum()), len(table), f"{100 * level:g} % intervals"
        ages = ", ".join(map(str, sorted(table["age"].unique())))
        fact = (
            f"{held} of {count} {promised} held the final win rate, forecast on day {ages} of {table['cohort'].nunique()} cohorts"
        )
        if chance >= self.doubtful:
            says = f"{fact}: as many as they promise, within chance (p = {chance:.2f})."
            return Check("backtest", passed=True, severity="serious", says=says, value=chance, method=label)
        severity: Severity = "serious" if chance < self.serious else "note"
        says = f"{fact}: fewer than they promise (p = {chance:.1g}), so take the forecasts of young cohorts as less sure than they look."
        return Check("backtest", passed=False, severity=severity, says=says, value=chance, method=label)


def p_value(table: pd.DataFrame, level: float) -> float:
    """Return the chance that intervals of this coverage would hold so few endings at one of the ages (Bonferroni), at most 1."""
    held = table.groupby("age")["inside"].agg(["sum", "size"])
    return float(min(1.0, len(held) * binom.cdf(held["sum"], held["size"], level).min()))
