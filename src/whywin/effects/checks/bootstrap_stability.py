"""Whether an answer holds when the deals are drawn anew from themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import affordable, error_of, likely, refits, refutable, seeds, unit_of, whole
from whywin.evidence import Check, Estimate, with_sign
from whywin.settings import check_settings
from whywin.stats.refutation import chance_of_shift, chance_of_spread

DEAL: Final = "(deal drawn)"


@dataclass(frozen=True)
class BootstrapStability:
    """Deals drawn anew with replacement must give answers that scatter around it as its interval says.

    Whole clusters are drawn where the question names one, and whatever was drawn twice is held out together, so that no model is judged by
    deals that it has seen. Of matching only the mean is judged: with replacement a deal is its own twin's match, and the scatter
    is not that of the estimate (Abadie and Imbens, 2008, Econometrica 76, 1537-1557); the check on halves judges that.
    Source: Efron and Tibshirani (1993), An introduction to the bootstrap, Chapman and Hall.
    """

    resamples: Annotated[int, Ge(3), doc("times that the deals are drawn anew; fewer for methods that take long")] = 20
    wider: Annotated[
        float, Ge(1), doc("how many times as far as the interval says the resamples may scatter before it counts")
    ] = 1.5
    level: Annotated[float, Gt(0), Lt(1), doc("largest chance of a false alarm")] = 0.01

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer; its value is how many times as far as its interval says the resamples scatter."""
        return tuple(self._checked(question, answers, eligible(question, sample), seeds(self.resamples, rng)))

    def _checked(self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, given: list[int]) -> Iterator[Check]:
        for answer, row in refutable(question, answers):
            found = refits(answer.method, question, deals, drawn_anew, given[: affordable(answer.method, self.resamples)])
            if len(found) < 2:  # noqa: PLR2004 - a spread needs two
                says = "The deals cannot be compared when they are drawn anew, so that it cannot be said whether the answer is stable."
                yield Check("bootstrap_stability", False, "serious", says, 0.0, answer.label)  # noqa: FBT003
                continue
            middle = whole(answer.method, question, deals)
            yield self._judged(found, middle, error_of(question, row, deals), row, answer)

    def _judged(self, found: np.ndarray, middle: float, error: float, row: Estimate, answer: Any) -> Check:
        degrees = len(found) / (len(found) - 1)  # the mean of the resamples is told from themselves
        ratio, scattered = chance_of_spread((found - found.mean()) * np.sqrt(degrees), error)
        shift = float(found.mean()) - middle
        moved = chance_of_shift(shift, error)
        steady, still = ratio <= self.wider or scattered >= self.level / 2, moved >= self.level / 2
        other = int((np.sign(found) != np.sign(row.value)).sum())
        says = (
            f"Drawn anew {len(found)} times, the deals give {with_sign(shift)}{unit_of(row)} from the estimate on average, and the other sign {other} "
            f"times; they scatter {ratio:.2f} times as far as the interval says"
        )
        if matches(answer.method):
            says += ", which says nothing here, since the bootstrap is invalid for matching."
            return Check("bootstrap_stability", still, "serious", says, ratio, answer.label)
        return Check("bootstrap_stability", steady and still, "serious", f"{says} ({likely(scattered)}).", ratio, answer.label)


def matches(method: Any) -> bool:
    """Whether a method looks for the nearest deals, so that the bootstrap says nothing of its interval."""
    return hasattr(method, "neighbours") or getattr(method, "estimator", "") == "matching"


def drawn_anew(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[Effect, pd.DataFrame]:
    """Return as many deals, or whole clusters, drawn with replacement; what was drawn twice shares a cluster."""
    if question.cluster is None:
        rows = rng.integers(len(deals), size=len(deals))
        return replace(question, cluster=DEAL), deals.iloc[rows].assign(**{DEAL: rows}).reset_index(drop=True)
    codes = pd.factorize(deals[question.cluster], use_na_sentinel=False)[0]
    times = np.bincount(rng.integers(codes.max() + 1, size=codes.max() + 1), minlength=codes.max() + 1)
    rows = np.repeat(np.arange(len(deals)), times[codes])
    return question, deals.iloc[rows].reset_index(drop=True)
