"""Whether a method allows for the looks that are planned."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from whywin.evidence import Answered, Check
from whywin.stats.group_sequential import crossing
from whywin.trials.question import Trial


@dataclass(frozen=True)
class PlannedLooks:
    """A trial that is looked at more than once needs a method whose intervals hold at all looks together."""

    def need(self, question: Trial) -> None:
        """Nothing beyond what the methods were given."""
        return

    def check(
        self,
        question: Trial,
        answers: tuple[Answered, ...],
        sample: pd.DataFrame | None,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Judge each method; the sentence says how often a repeated look finds an effect that is not there."""
        shares = np.array([share for _, share in question.looks] or [1.0])
        usual = np.full(len(shares), norm.isf((1 - question.level) / 2))
        found = float(sum(side.sum() for side in crossing(shares, -usual, usual)))
        return tuple(self._judged(answer, len(shares), found, 1 - question.level) for answer in answers)

    def _judged(self, answer: Answered, looks: int, found: float, alpha: float) -> Check:
        many = getattr(answer.method, "looks", "one") == "several"
        if looks == 1:
            says = "One look at the end is planned, and its intervals hold for one."
        elif many:
            says = f"{looks} looks are planned, and its intervals hold at all of them together."
        else:
            says = (
                f"{looks} looks are planned, and its intervals hold for one: whoever stops at the first that leaves zero out finds an "
                f"effect that is not there in {100 * found:.0f} of 100 trials, not {100 * alpha:.0f}; use group_sequential or anytime."
            )
        return Check("planned_looks", looks == 1 or many, "serious", says, found, answer.label)
