"""Whether methods that answer the same question say the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.checks.subset_stability import halved
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import FEWEST, affordable_pairs, error_of, likely, refutable, seeds, unit_of
from whywin.evidence import Check, Estimate, with_sign
from whywin.settings import check_settings

FEW: Final = 5  # halvings of a method that is dear: with fewer hardly any difference can be told from noise


@dataclass(frozen=True, eq=False)
class _Told:
    """One method's estimate, its standard error, and its estimates of both halves of the deals, split by split."""

    label: str
    row: Estimate
    error: float
    halves: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """Methods that adjust for the same and are asked for the same effect must not differ beyond noise.

    They share their deals, so that their difference is far less noisy than each of them: how noisy is told from random halves of the
    deals, the same for all methods. Each method stands against the median of the others. One that differs by more than noise, and by more
    than half its own standard error, is named: at least one of them is wrong, by its models or its matches.
    """

    splits: Annotated[int, Ge(FEWEST), doc("times that the deals are halved; fewer for methods that take long")] = 12
    apart: Annotated[float, Ge(0), doc("difference that is no fault, in standard errors of the method")] = 0.5
    level: Annotated[float, Gt(0), Lt(1), doc("largest chance of a false alarm of all methods together, two-sided")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each method that adjusts, where there are several; its value is how far it is from the others."""
        deals, given = eligible(question, sample), seeds(self.splits, rng)
        adjusting = [(one, row) for one, row in refutable(question, answers) if one.method.design == "adjusted"]
        if len(adjusting) < 2:  # noqa: PLR2004 - one agrees with itself
            says = "Only one method adjusts for what is observed, so that there is nothing to agree with."
            return (Check("agreement", True, "note", says, 0.0),)  # noqa: FBT003
        told = []
        for answer, row in adjusting:
            found = halved(answer.method, question, deals, given[: affordable_pairs(answer.method, self.splits, FEW)], whole=True)
            told.append(_Told(answer.label, row, error_of(question, row, deals), found))
        return tuple(self._checked(told))

    def _checked(self, told: list[_Told]) -> Iterator[Check]:
        for one in told:
            others = [other for other in told if other is not one]
            differences = _differences(one, others)
            apart = one.row.value - float(np.median([other.row.value for other in others]))
            if len(differences) < FEWEST:
                says = "The deals are too few for halves of them to be answered, so that it cannot be said how noisy a difference is."
                yield Check("agreement", True, "note", says, apart, one.label)  # noqa: FBT003
                continue
            noise = float(np.sqrt((differences**2).mean()))
            chance = 2 * float(student.sf(abs(apart) / noise, len(differences))) if noise > 0 else float(apart == 0)
            chance = min(1.0, chance * len(told))
            passed = chance >= self.level or abs(apart) <= self.apart * one.error
            says = (
                f"It lies {with_sign(apart)}{unit_of(one.row)} from the median of {len(others)} other "
                f"{'method' if len(others) == 1 else 'methods'}, give or take {noise:.1f} ({likely(chance)} for no more than noise)"
            )
            says += "." if passed else ": they cannot all be right."
            yield Check("agreement", passed, "serious", says, apart, one.label)


def _differences(one: _Told, others: list[_Told]) -> np.ndarray:
    """Return half the difference between the halves of how far a method lies from the median of the others, split by split."""
    count = min(len(other.halves) for other in (one, *others))
    middle = np.median([other.halves[:count] for other in others], axis=0)
    apart = one.halves[:count] - middle
    apart = apart[np.isfinite(apart).all(axis=1)]
    return np.asarray(apart[:, 0] - apart[:, 1]) / 2
