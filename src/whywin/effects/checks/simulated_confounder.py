"""What an answer would be were something unobserved of a stated strength adjusted for too."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, doc
from scipy.special import expit

from whywin.deals.need import Need
from whywin.effects.comparison import eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import affordable_pairs, refits, refutable, seeds, settled, unit_of
from whywin.evidence import Check, Estimate, with_sign
from whywin.settings import check_settings

HIDDEN: Final = "(hidden confounder)"


@dataclass(frozen=True)
class SimulatedConfounder:
    """Adjusted for a made-up confounder of the stated strength, the answer must keep its sign.

    The confounder is present or absent in each deal, drawn so that its odds of being present are so many times as large for treated deals,
    and for deals of a better outcome (by a standard deviation, where it is a number), as the strengths say; the other way round where
    the answer is negative, so that it always speaks against it. The whole method is refitted with it, several times, and with a column of
    no strength drawn beside it, from which the move is told. What moves is the estimate; its interval is moved along with it.
    Source: Ichino, Mealli and Nannicini (2008), From temporary help jobs to permanent employment: what can we learn from matching
    estimators and their sensitivity?, Journal of Applied Econometrics 23, 305-327.
    """

    with_treatment: Annotated[float, Ge(1), doc("odds ratio of the confounder with treatment, given the outcome")] = 1.5
    with_outcome: Annotated[float, Ge(1), doc("odds ratio of the confounder with the outcome, given the treatment")] = 1.5
    refits: Annotated[int, Ge(1), doc("times that it is drawn; fewer for methods that take long")] = 10

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer that adjusts; its value is the effect that is left, in people's units."""
        return tuple(self._checked(question, answers, eligible(question, sample), seeds(self.refits, rng)))

    def _checked(self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, given: list[int]) -> Iterator[Check]:
        for answer, row in refutable(question, answers):
            if answer.method.design == "unadjusted":
                continue
            table = self.with_chance(question, deals, raising=row.value >= 0)
            taken = given[: affordable_pairs(answer.method, self.refits)]
            found, still = (refits(answer.method, question, table, changed, taken) for changed in (with_hidden, with_nothing))
            yield self._judged(row, float(found.mean() - still.mean()), answer.label)

    def _judged(self, row: Estimate, move: float, label: str) -> Check:
        left = row.value + move
        nearest = (row.low if row.value >= 0 else row.high) + move
        says = (
            f"Were something hidden adjusted for too, with odds ratios of {self.with_treatment:g} with treatment and {self.with_outcome:g} "
            f"with the outcome, the estimate would be {with_sign(left)} instead of {with_sign(row.value)}{unit_of(row)}"
        )
        if row.low <= 0 <= row.high:
            return Check("simulated_confounder", True, "serious", f"{says}; no effect is claimed.", left, label)  # noqa: FBT003
        passed = nearest * row.value > 0
        says += f", and its interval would {'leave out' if passed else 'include'} zero."
        return Check("simulated_confounder", passed, "serious", says, left, label)

    def with_chance(self, question: Effect, deals: pd.DataFrame, *, raising: bool) -> pd.DataFrame:
        """Return the deals with the chance that the confounder is present in each."""
        treated = deals[question.treatment].to_numpy(dtype=float)
        outcome = deals[question.outcome].to_numpy(dtype=float)
        if not np.isin(outcome, [0.0, 1.0]).all():
            outcome = (outcome - outcome.mean()) / max(float(outcome.std()), 1e-300)
        towards = 1.0 if raising else -1.0
        logits = np.log(self.with_treatment) * treated + towards * np.log(self.with_outcome) * outcome
        return deals.assign(**{HIDDEN: expit(logits - logits.mean())})


def with_hidden(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[Effect, pd.DataFrame]:
    """Return the deals with the confounder drawn, and the question that adjusts for it."""
    asked = settled(question, deals.columns.drop(HIDDEN), (HIDDEN,))
    return asked, deals.assign(**{HIDDEN: (rng.uniform(size=len(deals)) < deals[HIDDEN].to_numpy()).astype(float)})


def with_nothing(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[Effect, pd.DataFrame]:
    """Return the same with a column that is present as often, from the same draws, and tied to nothing."""
    asked = settled(question, deals.columns.drop(HIDDEN), (HIDDEN,))
    share = float(deals[HIDDEN].mean())
    return asked, deals.assign(**{HIDDEN: (rng.uniform(size=len(deals)) < share).astype(float)})
