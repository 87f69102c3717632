"""Which deals the answer is not about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whywin.deals.need import Columns
from whywin.effects.landmark import old_enough
from whywin.effects.question import Effect
from whywin.evidence import Check


@dataclass(frozen=True)
class LeftOut:
    """Deals that are still open, or that closed before treatment was decided, are left out of the comparison and counted."""

    def need(self, question: Effect) -> Columns:
        """Every deal, open ones too."""
        dates = () if question.landmark_days is None else ("created", "closed")
        return Columns(("won", question.treatment, *dates), closed_only=False)

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one note about the whole run; its value is the number of deals left out."""
        still_open = sample["won"].isna()
        young = ~still_open & ~old_enough(question.landmark_days, sample)
        treated = int((young & sample[question.treatment].eq(1)).sum())
        parts = [f"{int(still_open.sum()):,} are still open"]
        if question.landmark_days is not None:
            parts.append(
                f"{int(young.sum()):,} closed within {question.landmark_days:g} days, before treatment is decided ({treated:,} of them treated)"
            )
        count = int((still_open | young).sum())
        says = f"{len(sample) - count:,} of {len(sample):,} deals are compared; left out: {' and '.join(parts)}."
        return (Check("left_out", count == 0, "note", says, float(count)),)
