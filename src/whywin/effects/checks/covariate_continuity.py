"""Whether deals just above and just below the threshold are alike in what was known before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc
from scipy.stats import norm

from whywin.effects.methods.discontinuity import Discontinuity
from whywin.effects.question import Effect
from whywin.effects.thresholds import Around, around
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.discontinuity import jump


@dataclass(frozen=True)
class CovariateContinuity:
    """Nothing that was known before may jump at the threshold: confounders are looked at one by one, and judged together.

    The smallest p-value is multiplied by their number (Bonferroni).
    Source: Lee (2008), Randomized experiments from non-random selection in U.S. House elections, Journal of Econometrics 142, 675-697.
    """

    level: Annotated[float, Gt(0), Lt(1), doc("chance of a false alarm, of all together")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> None:
        """Nothing beyond what the method was given."""
        return

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each discontinuity; its value is the p-value of all covariates together."""
        return tuple(self._checked(question, one) for one in answers if isinstance(one.method, Discontinuity))

    def _checked(self, question: Effect, answer: Any) -> Check:
        found = list(_jumps(around(question, answer.sample)))
        if not found:
            says = "The question names nothing that was known before; name confounders, and it is seen whether they jump."
            return Check("covariate_continuity", False, "serious", says, 0.0, answer.label)  # noqa: FBT003
        chance, name, size = min(found)
        together = min(1.0, chance * len(found))
        says = (
            f"Of {len(found)} covariates {name} jumps most surely at the threshold, by {size:+.2f} standard deviations "
            f"(p = {together:.2g} for all of them together)."
        ).replace("-", "−")
        return Check("covariate_continuity", together >= self.level, "serious", says, together, answer.label)


def _jumps(deals: Around) -> Iterator[tuple[float, str, float]]:
    made = deals.comparison.covariates
    for name, values in zip(made.names, made.matrix.T, strict=True):
        spread = float(values.std())
        if spread > 0:
            found = jump(deals.score, values / spread, 0.0, deals.comparison.clusters)
            chance = float(2 * norm.sf(abs(found.corrected) / found.robust)) if found.robust > 0 else float(found.corrected == 0)
            yield chance, name, found.corrected
