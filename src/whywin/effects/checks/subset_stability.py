"""Whether an answer holds in random parts of the deals as its interval says it should."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import (
    FEWEST,
    affordable_pairs,
    each,
    error_of,
    halves,
    likely,
    manner,
    point,
    refutable,
    seeds,
    unit_of,
    whole,
)
from whywin.evidence import Check, with_sign
from whywin.settings import check_settings
from whywin.stats.refutation import chance_of_shift, chance_of_spread


@dataclass(frozen=True)
class SubsetStability:
    """Random halves of the deals must agree with one another, and with the whole, as closely as the interval says.

    The deals, or whole clusters where the question names one, are dealt into two halves many times, and the whole method is refitted in
    each half. Half the difference of two halves scatters as the answer itself does, for matching too, where the bootstrap is invalid: an
    interval that is too narrow, or one that knows nothing of clusters, is found out by it. The mean of the halves shows whether the answer
    hangs on the number of deals.
    Source: Politis, Romano and Wolf (1999), Subsampling, Springer.
    """

    splits: Annotated[int, Ge(FEWEST), doc("times that the deals are halved; fewer for methods that take long")] = 20
    wider: Annotated[float, Ge(1), doc("how many times as far as the interval says the halves may scatter before it counts")] = (
        1.5
    )
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
        """Return one check for each answer; its value is how many times as far as its interval says the halves scatter."""
        return tuple(self._checked(question, answers, eligible(question, sample), seeds(self.splits, rng)))

    def _checked(self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, given: list[int]) -> Iterator[Check]:
        for answer, row in refutable(question, answers):
            found = halved(answer.method, question, deals, given[: affordable_pairs(answer.method, self.splits)])
            if len(found) < FEWEST:
                says = "The deals are too few for halves of them to be answered, so that it cannot be said whether the answer is stable."
                yield Check("subset_stability", False, "serious", says, 0.0, answer.label)  # noqa: FBT003
                continue
            yield self._judged(found, error_of(question, row, deals), row, whole(answer.method, question, deals), answer.label)

    def _judged(self, found: np.ndarray, error: float, row: Any, middle: float, label: str) -> Check:
        ratio, scattered = chance_of_spread((found[:, 0] - found[:, 1]) / 2, error)
        shift = float(found.mean()) - middle
        moved = chance_of_shift(shift, error)
        passed = (ratio <= self.wider or scattered >= self.level / 2) and moved >= self.level / 2
        says = (
            f"Halved at random {len(found)} times, the deals scatter {ratio:.2f} times as far as the interval says ({likely(scattered)} "
            f"for no further), and the halves lie {with_sign(shift)}{unit_of(row)} from the whole on average."
        )
        return Check("subset_stability", passed, "serious", says, ratio, label)


def halved(method: Any, question: Effect, deals: pd.DataFrame, given: list[int], *, whole: bool = False) -> np.ndarray:
    """Return the estimates of both halves, one row a split; of the splits in which both can be answered, or on the whole of all."""
    tasks = [(method, question, deals, seed) for seed in given]
    found = np.array(each(_both, tasks, by=manner(method, deals))).reshape(-1, 2)
    return found if whole else found[np.isfinite(found).all(axis=1)]


def _both(method: Any, question: Effect, deals: pd.DataFrame, seed: int) -> tuple[float, float]:
    first = halves(question, deals, np.random.default_rng(seed))
    parts = (deals[first].reset_index(drop=True), deals[~first].reset_index(drop=True))
    return point(method, question, parts[0]), point(method, question, parts[1])
