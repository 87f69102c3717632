"""Whether groups that adopted went the way of the others before they did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc
from scipy.stats import norm

from whywin.effects.adopting import by_time
from whywin.effects.methods.difference_in_differences import DifferenceInDifferences
from whywin.effects.question import Effect
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.staggered import chance_of_none


@dataclass(frozen=True)
class PreTrends:
    """Before adoption, groups that adopt may not change otherwise than those that have not, from each period to the next.

    All periods before adoption are judged at once, by the multiplier bootstrap clustered by group. Passing is no proof that trends would have
    stayed parallel: what difference would have been found is said beside it.
    Sources: Callaway and Sant'Anna (2021), Journal of Econometrics 225, 200-230; Roth (2022), Pretest with caution, American Economic Review:
    Insights 4, 305-322.
    """

    level: Annotated[float, Gt(0), Lt(1), doc("chance of a false alarm")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> None:
        """Nothing beyond what the method was given."""
        return

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each difference in differences; its value is the p-value."""
        return tuple(self._checked(question, [one for one in answers if isinstance(one.method, DifferenceInDifferences)], rng))

    def _checked(self, question: Effect, answers: list[Any], rng: np.random.Generator) -> Iterator[Check]:
        for answer in answers:
            deals, cells = answer.method.cells(question, answer.sample)
            leads = by_time(deals.given, tuple(cell for cell in cells if cell.since < 0))
            if not leads:
                says = f"No group is seen for two {question.period}s before it adopts, so that nothing says that trends were parallel."
                yield Check("pre_trends", False, "serious", says, 0.0, answer.label)  # noqa: FBT003
                continue
            chance = chance_of_none(tuple(leads.values()), rng)
            furthest = max(leads, key=lambda since: abs(leads[since].value) / max(leads[since].error, 1e-300))
            scale = deals.comparison.scale
            seen = min(
                (float(norm.ppf(1 - self.level / 2 / len(leads))) + float(norm.ppf(0.8))) * one.error for one in leads.values()
            )
            unit = {"points": " points", "days": " days"}.get(deals.comparison.unit, "")
            says = (
                f"Before adoption the difference changed most {-furthest} {question.period}s before it, by {scale * leads[furthest].value:+.1f}{unit} "
                f"(p = {chance:.2g} that all {len(leads)} changes are noise); a change of less than {scale * seen:.1f}{unit} would mostly not be seen."
            ).replace("-", "−")
            yield Check("pre_trends", chance >= self.level, "serious", says, chance, answer.label)
