"""Whether a method finds an effect where there is none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.evidence import Check
from whywin.settings import check_settings

FEWEST: Final = 5


@dataclass(frozen=True)
class Placebo:
    """With treatment dealt out anew at random, the whole method, refitted each time, must find nothing on average.

    The treatment is permuted among the deals that are compared, within clusters where the question names one, so that whatever the
    method finds is its own. It cannot detect confounding: an unadjusted comparison passes it as well.
    """

    refits: Annotated[int, Ge(FEWEST), doc("times that the treatment is dealt out anew")] = 40
    level: Annotated[float, Gt(0), Lt(1), doc("chance of a false alarm, two-sided")] = 0.001

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
        deals = eligible(question, sample)
        columns = [dealt_anew(question, deals, rng) for _ in range(self.refits)]
        return tuple(self._checked(question, answers, deals, columns))

    def _checked(
        self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, columns: list[np.ndarray]
    ) -> Iterator[Check]:
        for answer in answers:
            found = np.array([_point(answer.method, question, deals, column) for column in columns])
            mean, error = float(found.mean()), float(found.std(ddof=1)) / np.sqrt(len(found))
            chance = 2 * float(student.sf(abs(mean) / error, len(found) - 1)) if error > 0 else float(mean == 0)
            row = answer.evidence.of(question.quantity)
            further = int((np.abs(found) >= abs(row.value)).sum())
            unit = {"points": " points", "days": " days"}.get(row.unit, "")
            says = (
                f"With treatment dealt out at random {len(found)} times the mean effect is {mean:+.2f}{unit} (p = {chance:.2g} for zero), "
                f"and {further} of them are as far from zero as the estimate of {row.value:+.1f}."
            ).replace("-", "−")
            yield Check("placebo", chance >= self.level, "serious", says, mean, answer.label)


def _point(method: Any, question: Effect, deals: pd.DataFrame, column: np.ndarray) -> float:
    """Refit a method on a copy of the deals with another treatment; by its `point` where it can do without an interval."""
    copy = deals.assign(**{question.treatment: column})
    if hasattr(method, "point"):
        return float(method.point(question, copy))
    return float(method.answer(question, copy, np.random.default_rng(0)).of(question.quantity).value)


def dealt_anew(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return the treatment column permuted, within clusters where there are any."""
    treatment = deals[question.treatment].to_numpy(dtype=float)
    if question.cluster is None:
        return rng.permutation(treatment)
    codes = pd.factorize(deals[question.cluster], use_na_sentinel=False)[0]
    drawn = np.lexsort((rng.random(len(codes)), codes))
    dealt = np.empty(len(treatment))
    dealt[np.argsort(codes, kind="stable")] = treatment[drawn]
    return dealt
