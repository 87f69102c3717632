"""Whether outcomes jump where nothing happens."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import norm

from whywin.effects.methods.discontinuity import Discontinuity
from whywin.effects.question import Effect
from whywin.effects.thresholds import around
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.discontinuity import enough, jump

FEWEST: Final = 20  # different scores that each side of a false threshold must have


@dataclass(frozen=True)
class PlaceboCutoffs:
    """At false thresholds, with the deals of one side of the true one, the outcome may not jump.

    Tried at quantiles of the score on either side; the smallest p-value is multiplied by their number (Bonferroni).
    Source: Imbens and Lemieux (2008), Regression discontinuity designs: a guide to practice, Journal of Econometrics 142, 615-635.
    """

    cutoffs: Annotated[int, Ge(1), doc("false thresholds on each side")] = 3
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
        """Return one check for each discontinuity; its value is the p-value of all false thresholds together."""
        return tuple(self._checked(question, one) for one in answers if isinstance(one.method, Discontinuity))

    def _checked(self, question: Effect, answer: Any) -> Check:
        found = list(self._jumps(question, answer.sample))
        if not found:
            says = "There are too few different scores to lay a false threshold among them."
            return Check("placebo_cutoffs", False, "serious", says, 0.0, answer.label)  # noqa: FBT003
        chance, cutoff, size = min(found)
        together = min(1.0, chance * len(found))
        unit = {"points": " points", "days": " days"}.get(answer.evidence.estimates[0].unit, "")
        says = (
            f"Of {len(found)} false thresholds the outcome jumps most surely at {cutoff:.4g}, by {size:+.1f}{unit} "
            f"(p = {together:.2g} for all of them together)."
        ).replace("-", "−")
        return Check("placebo_cutoffs", together >= self.level, "serious", says, together, answer.label)

    def _jumps(self, question: Effect, sample: pd.DataFrame) -> Iterator[tuple[float, float, float]]:
        deals = around(question, sample)
        comparison = deals.comparison
        for side in (deals.score < 0, deals.score >= 0):
            score, codes = deals.score[side], None if comparison.clusters is None else comparison.clusters[side]
            shares = np.arange(1, self.cutoffs + 1) / (self.cutoffs + 1)
            for cutoff in np.unique(np.quantile(score, shares, method="higher")):
                if enough(score, cutoff, FEWEST):
                    found = jump(score, comparison.outcome[side], cutoff, codes)
                    chance = float(2 * norm.sf(abs(found.corrected) / found.robust)) if found.robust > 0 else 1.0
                    yield chance, float(cutoff) + float(question.threshold or 0.0), comparison.scale * found.corrected
