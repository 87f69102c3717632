"""Whether a method finds an effect where there is none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.emulation import dealt_at_risk
from whywin.effects.question import Effect
from whywin.effects.refitting import LARGE, affordable, each, likely, refits, refutable, seeds, signed, unit_of
from whywin.evidence import Check, with_sign
from whywin.settings import check_settings
from whywin.stats.refutation import chance_of_zero

FEWEST: Final = 5


@dataclass(frozen=True)
class Placebo:
    """With treatment dealt out anew at random, the whole method, refitted each time, must find nothing on average.

    The treatment is permuted among all the deals that are compared, so that whatever the method finds is its own; across clusters too,
    since within them a rep who is often treated and often wins would be found again. It cannot detect confounding: an unadjusted
    comparison passes it as well.
    """

    refits: Annotated[int, Ge(FEWEST), doc("times that the treatment is dealt out anew; fewer for methods that take long")] = 100
    tolerated: Annotated[
        float, Ge(0), doc("bias that is no fault, in standard deviations of a refit: few deals leave a little")
    ] = 0.1
    level: Annotated[float, Gt(0), Lt(1), doc("largest chance of a false alarm, two-sided")] = 0.001

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer; its value is the mean of the placebo effects."""
        return tuple(self._checked(question, answers, eligible(question, sample), seeds(self.refits, rng)))

    def _checked(self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, given: list[int]) -> Iterator[Check]:
        for answer, row in refutable(question, answers):
            found = placebos(answer.method, question, deals, given[: affordable(answer.method, self.refits)])
            mean, chance = chance_of_zero(found, self.tolerated)
            further = int((np.abs(found) >= abs(row.value)).sum())
            says = (
                f"With treatment dealt out at random {len(found)} times the mean effect is {signed(mean)}{unit_of(row)} ({likely(chance)} "
                f"for nothing), and {further} of them are as far from zero as the estimate of {with_sign(row.value)}."
            )
            yield Check("placebo", chance >= self.level, "serious", says, mean, answer.label)


def placebos(method: Any, question: Effect, deals: pd.DataFrame, given: list[int]) -> np.ndarray:
    """Return the effects of treatments dealt out anew; by the method's own fast way where it has one."""
    if question.treated_at is not None or not has_fast_way(method):
        return refits(method, question, deals, with_dealt_anew, given)
    refit = method.refitter(question, deals)
    return np.array(
        each(_fast, [(refit, question, deals, seed) for seed in given], by="threads" if len(deals) >= LARGE else "turns")
    )


def has_fast_way(method: Any) -> bool:
    """Whether a method refits fast in its own way, and not in that of a method which it was made from and differs from."""
    owners = [owner for owner in type(method).__mro__ if {"point", "refitter"} & vars(owner).keys()]
    return bool(owners) and "refitter" in vars(owners[0])


def _fast(refit: Any, question: Effect, deals: pd.DataFrame, seed: int) -> float:
    return float(refit(dealt_anew(question, deals, np.random.default_rng(seed))))


def with_dealt_anew(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[Effect, pd.DataFrame]:
    """Return the deals with their treatment permuted, and its times where they are known."""
    if question.treated_at is not None:
        column, when = dealt_at_risk(question, deals, rng)
        return question, deals.assign(**{question.treatment: column, question.treated_at: when})
    return question, deals.assign(**{question.treatment: dealt_anew(question, deals, rng)})


def dealt_anew(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return the treatment column permuted; among the deals that were open at the age of each treatment where that is known."""
    if question.treated_at is not None:
        return dealt_at_risk(question, deals, rng)[0]
    return rng.permutation(deals[question.treatment].to_numpy(dtype=float))
