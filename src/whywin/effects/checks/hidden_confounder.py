"""How strong something unobserved would have to be to explain the effect away."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import estimate_of
from whywin.effects.risk_ratios import RiskRatios, risk_ratios
from whywin.evidence import Check, with_sign
from whywin.settings import check_settings
from whywin.stats.sensitivity import bounding_factor, e_value, e_value_of_interval

MOST = 100.0  # an E-value beyond this says no more


@dataclass(frozen=True)
class HiddenConfounder:
    """The E-value of the interval's end nearest to zero must reach the stated strength.

    An unobserved confounder must be tied to treatment and to outcome by risk ratios of at least the E-value, beyond what is
    adjusted for, to explain the answer away; and one of the granted strength can move it by no more than a known factor (Ding and
    VanderWeele, 2016, Epidemiology 27, 368-377). Source: VanderWeele and Ding (2017), Annals of Internal Medicine 167, 268-274.
    """

    strength: Annotated[
        float, Ge(1), doc("the risk ratio that a hidden confounder is granted with treatment and with outcome")
    ] = 1.25

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared, for the spread of their outcome."""
        return need_of(question)

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check for each answer that says what outcomes would have been; its value is the E-value."""
        deviation = float(eligible(question, sample)[question.outcome].to_numpy(dtype=float).std())
        return tuple(self._checked(question, answers, deviation))

    def _checked(self, question: Effect, answers: Iterable[Any], deviation: float) -> Iterator[Check]:
        for answer in answers:
            row = estimate_of(question, answer)
            ratios = None if row is None else risk_ratios(row, answer.evidence.tables.get("outcomes"), deviation)
            if row is None or ratios is None:
                continue
            if row.low <= 0 <= row.high:
                says = (
                    f"The interval of {with_sign(row.value)} covers zero, so that no effect is claimed which something hidden could explain "
                    "away; one could still be masked by it."
                )
                yield Check("hidden_confounder", passed=True, severity="serious", says=says, value=1.0, method=answer.label)
                continue
            value = min(e_value_of_interval(ratios.low, ratios.high), MOST)
            says = (
                f"Something unobserved would have to be tied to treatment and to outcome by a risk ratio of {value:.2f} each to move the "
                f"interval to zero ({min(e_value(ratios.value), MOST):.2f} to move the estimate); {self.strength:g} is granted"
                f"{self._left(ratios, value)}."
            )
            yield Check("hidden_confounder", value >= self.strength, "serious", says, value, answer.label)

    def _left(self, ratios: RiskRatios, value: float) -> str:
        """Return what the granted strength would leave of the interval, where there is a rate to tell it by."""
        if not ratios.without or value < self.strength:
            return ""
        factor = bounding_factor(self.strength, self.strength)
        nearest = ratios.low / factor if ratios.value > 1 else ratios.high * factor
        return f", which would leave at least {with_sign(ratios.without * (nearest - 1))} points"
