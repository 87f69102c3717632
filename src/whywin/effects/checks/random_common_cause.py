"""Whether an answer holds still when something that explains nothing is adjusted for too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import affordable, error_of, likely, refits, refutable, seeds, settled, signed, unit_of, whole
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.refutation import chance_of_shift

CAUSE: Final = "(random common cause)"


@dataclass(frozen=True)
class RandomCommonCause:
    """Adjusting for a column of pure noise as well must move the answer by less than its own noise.

    The column enters what is adjusted for, and the whole method is refitted with it, propensities and all: the estimate does change.
    What is judged is the mean move over several such columns, two-sided, against the standard error of the answer, so that the chance of
    a false alarm is at most `level`.
    """

    refits: Annotated[int, Ge(2), doc("columns of noise, one at a time; fewer for methods that take long")] = 20
    level: Annotated[float, Gt(0), Lt(1), doc("largest chance of a false alarm, two-sided")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer that adjusts; its value is the mean move, in people's units."""
        return tuple(self._checked(question, answers, eligible(question, sample), seeds(self.refits, rng)))

    def _checked(self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, given: list[int]) -> Iterator[Check]:
        for answer, row in refutable(question, answers):
            if answer.method.design == "unadjusted":
                continue
            taken = given[: affordable(answer.method, self.refits)]
            moves = refits(answer.method, question, deals, with_noise, taken) - whole(answer.method, question, deals)
            mean = float(moves.mean())
            chance = chance_of_shift(mean, error_of(question, row, deals))
            says = (
                f"Adjusted for a column of pure noise too, {len(moves)} times, the estimate moves by {np.abs(moves).mean():.2f}{unit_of(row)} "
                f"at a time and by {signed(mean)} on average ({likely(chance)} for no more than its noise)."
            )
            yield Check("random_common_cause", chance >= self.level, "serious", says, mean, answer.label)


def with_noise(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[Effect, pd.DataFrame]:
    """Return the deals with a column of noise, and the question that adjusts for it."""
    return settled(question, deals.columns, (CAUSE,)), deals.assign(**{CAUSE: rng.normal(size=len(deals))})
