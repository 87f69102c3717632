"""Which values of what is adjusted for are missing, and what is done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.identification import identified
from whywin.effects.question import Effect
from whywin.evidence import Check


@dataclass(frozen=True)
class MissingValues:
    """A missing label is a level of its own; a missing number is set to the mean, and where it is missing is adjusted for too."""

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one note about the whole run; its value is the number of deals with a missing value."""
        deals = eligible(question, sample)[list(identified(question, tuple(sample.columns)).adjusted)]
        empty = deals.isna()
        count = int(empty.any(axis=1).sum())
        if not count:
            return (Check("missing_values", True, "note", "No value that is adjusted for is missing.", 0.0),)  # noqa: FBT003
        listed = ", ".join(f"{name} in {number:,}" for name, number in empty.sum().items() if number)
        says = (
            f"{count:,} of {len(deals):,} deals miss a value that is adjusted for ({listed}): missing labels count as a level, "
            "missing numbers as the mean with a column that says where."
        )
        return (Check("missing_values", False, "note", says, float(count)),)  # noqa: FBT003
