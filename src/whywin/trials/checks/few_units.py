"""Whether there are units enough for any answer at all."""

from dataclasses import dataclass
from math import comb
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Need
from whywin.evidence import Answered, Check
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, need_of

MANY = 500


@dataclass(frozen=True)
class FewUnits:
    """With very few units no result can be called more than chance, and intervals rest on their distribution's shape."""

    fewest_degrees: Annotated[float, Ge(1), doc("it fails when an effect has fewer Satterthwaite degrees of freedom")] = 4.0

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
        """Return one check about the whole run: it fails when no re-assignment could give p below alpha, or degrees are few."""
        units = by_unit(question, sample)
        arms = arms_of(question, units)
        counts = units["arm"].value_counts()
        control = int(counts[question.control])
        # with so many units no chance is too small, and the number of assignments has thousands of digits
        smallest = 0.0 if len(units) > MANY else max(2 / comb(control + int(counts[arm]), control) for arm in arms[1:])
        tables = [answer.evidence.tables["arms"] for answer in answers if "arms" in answer.evidence.tables]
        degrees = min((float(table["degrees"].iloc[1:].min()) for table in tables), default=float(len(units) - len(arms)))
        alpha = 1 - question.level
        passed = smallest <= alpha and degrees >= self.fewest_degrees
        says = (
            f"With {len(units):,} {question.unit}s in {len(arms)} arms the smallest p-value that chance allows is {smallest:.2g}, "
            f"and the effect has {degrees:.1f} degrees of freedom (needed: at most {alpha:.2g}, at least {self.fewest_degrees:g})."
        )
        return (Check("few_units", passed, "serious", says, degrees),)
