"""Whether anything is adjusted for that must not be."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.effects.bad_controls import bad_controls
from whywin.effects.comparison import need_of
from whywin.effects.identification import identified
from whywin.effects.question import Effect
from whywin.evidence import Check


@dataclass(frozen=True)
class BadControls:
    """Nothing is adjusted for that the treatment moves, that is known only after it, or that opens a path.

    Such a column is refused unless the question names it under `adjust_anyway`; then this check fails.
    """

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check of the whole run; its value is the number of such columns."""
        adjusted = identified(question, tuple(sample.columns)).adjusted
        found = bad_controls(question, adjusted, sample)
        if not found:
            says = "Nothing is adjusted for that is known to be moved by the treatment, to be known only after it, or to open a path."
            return (Check("bad_controls", True, "serious", says, 0.0),)  # noqa: FBT003
        listed = "; ".join(f"{name} {reason}" for name, reason in found.items())
        says = f"Adjusted for all the same, because the question says so under adjust_anyway: {listed}."
        return (Check("bad_controls", False, "serious", says, float(len(found))),)  # noqa: FBT003
