"""Whether deals were pushed over the threshold."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc
from scipy.stats import norm

from whywin.effects.methods.discontinuity import Discontinuity
from whywin.effects.question import Effect
from whywin.effects.thresholds import around
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.score_density import density_jump


@dataclass(frozen=True)
class Density:
    """There may not be more, or fewer, deals just above the threshold than just below: somebody would have moved their scores.

    Deals are counted in fine bins, and the jump of the counts at the threshold is told by local lines with robust bias-corrected inference.
    Source: McCrary (2008), Manipulation of the running variable in the regression discontinuity design: a density test, Journal of
    Econometrics 142, 698-714; inference by Calonico, Cattaneo and Titiunik (2014), Econometrica 82, 2295-2326.
    """

    level: Annotated[float, Gt(0), Lt(1), doc("chance of a false alarm, two-sided")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> None:
        """Nothing beyond what the method was given."""
        return

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each discontinuity; its value is the p-value."""
        return tuple(self._checked(question, one) for one in answers if isinstance(one.method, Discontinuity))

    def _checked(self, question: Effect, answer: Any) -> Check:
        below, above, error = density_jump(around(question, answer.sample).score)
        chance = float(2 * norm.sf(abs(above - below) / error)) if error > 0 else float(above == below)
        says = (
            f"Per unit of the score there are {below:.1f} deals just below the threshold and {above:.1f} just above "
            f"(p = {chance:.2g} for no jump)"
        )
        says += (
            "." if chance >= self.level else ": scores may have been moved over it, and then deals on either side are not alike."
        )
        return Check("density", chance >= self.level, "serious", says, chance, answer.label)
