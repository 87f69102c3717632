"""Whether a unit stands in two arms under two spellings of its name."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.evidence import Answered, Check
from whywin.trials.question import Trial
from whywin.trials.units import by_unit, need_of


@dataclass(frozen=True)
class UnitsInBothArms:
    """Each unit is in one arm; one that is written in two ways, such as "Anna Lee" and "anna.lee", must not be in two.

    Units that stand in two arms under one spelling are refused before anything is answered.
    """

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit."""
        return need_of(question)

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check about the whole run."""
        units = by_unit(question, sample)
        plain = units["unit"].astype(str).map(_plain)
        arms = units["arm"].groupby(plain).nunique()
        both = set(arms.index[arms > 1])
        if not both:
            says = f"Each of the {len(units):,} {question.unit}s is in one arm, whichever way its name is written."
        else:
            named = " and ".join(units["unit"][plain == min(both)].astype(str))
            says = f"{len(both):,} {question.unit}s seem to be in more than one arm under different spellings, such as {named}."
        return (Check("units_in_both_arms", not both, "serious", says, float(len(both))),)


def _plain(name: str) -> str:
    """Return a name without case, spaces and marks; one that has no letters is left as it is."""
    if not re.search(r"[^\W\d_]", name):
        return name
    return re.sub(r"[\W_]+", "", name).casefold()
