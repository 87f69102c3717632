"""How strong something unobserved would have to be to explain the estimate away, and the interval."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import estimate_of
from whywin.effects.risk_ratios import RiskRatios, risk_ratios
from whywin.evidence import Check, Estimate
from whywin.stats.sensitivity import e_value, e_value_of_interval

MOST: Final = 100.0  # an E-value beyond this says no more


@dataclass(frozen=True)
class EValue:
    """The E-values of the estimate and of its interval, for readers who know them; the check of a hidden confounder decides.

    Something unobserved must be tied to treatment and to outcome by risk ratios of at least the E-value, beyond what is adjusted for, to
    explain the estimate away, or to bring the interval to no effect.
    Source: VanderWeele and Ding (2017), Annals of Internal Medicine 167, 268-274.
    """

    def need(self, question: Effect) -> Need:
        """The deals that are compared, for the spread of their outcome."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one note for each answer that says what outcomes would have been; its value is the E-value of the estimate."""
        deviation = float(eligible(question, sample)[question.outcome].to_numpy(dtype=float).std())
        return tuple(_noted(question, answers, deviation))


def _noted(question: Effect, answers: Iterable[Any], deviation: float) -> Iterator[Check]:
    for answer in answers:
        row = estimate_of(question, answer)
        ratios = None if row is None else risk_ratios(row, answer.evidence.tables.get("outcomes"), deviation)
        if row is None or ratios is None:
            continue
        value = min(e_value(ratios.value), MOST)
        yield Check("e_value", passed=True, severity="note", says=_said(row, ratios, value), value=value, method=answer.label)


def _said(row: Estimate, ratios: RiskRatios, value: float) -> str:
    end = min(e_value_of_interval(ratios.low, ratios.high), MOST)
    what = "risk ratio" if row.unit == "points" else "risk ratio that the difference in standard deviations is worth"
    return (
        f"The E-value is {value:.2f} for the estimate and {end:.2f} for the interval, from a {what} of {ratios.value:.2f} "
        f"({ratios.low:.2f} to {ratios.high:.2f})."
    )
