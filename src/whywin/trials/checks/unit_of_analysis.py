"""Whether a method takes as independent what was randomised."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.evidence import Answered, Check
from whywin.trials.question import Trial
from whywin.trials.units import by_unit, need_of


@dataclass(frozen=True)
class UnitOfAnalysis:
    """A method must take as independent what was randomised: whole units, not their deals."""

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit."""
        return need_of(question)

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Judge each method; the sentence says how its interval compares with that of a method that is right."""
        units = by_unit(question, sample)
        right = next((a for a in answers if a.method.independent == "unit"), None)
        return tuple(self._judged(question, answer, right, units) for answer in answers)

    def _judged(self, question: Trial, answer: Answered, right: Answered | None, units: pd.DataFrame) -> Check:
        deals, count = int(units["deals"].sum()), len(units)
        if answer.method.independent == "unit" or deals == count:
            says = f"The {count:,} {question.unit}s that were randomised are what it takes as independent."
            return Check("unit_of_analysis", passed=True, severity="serious", says=says, value=1.0, method=answer.label)
        says = f"It takes {deals:,} deals as independent, but only {count:,} {question.unit}s were randomised"
        ratio = _narrower(answer, right) if right else float(deals / count)
        if right:
            says += f": its interval is {ratio:.1f} times as wide as that of {right.label}"
        says += "; deals of one unit are alike, so that its interval cannot be trusted."
        return Check("unit_of_analysis", passed=False, severity="serious", says=says, value=ratio, method=answer.label)


def _narrower(answer: Answered, right: Answered) -> float:
    """Return the mean ratio of the widths of the two methods' intervals for the effects."""
    widths = {row.segment: row.high - row.low for row in right.evidence.estimates if row.quantity == "effect of assignment"}
    own = [row for row in answer.evidence.estimates if row.quantity == "effect of assignment" and widths.get(row.segment)]
    return float(np.mean([(row.high - row.low) / widths[row.segment] for row in own])) if own else 1.0
