"""Whether a method finds nothing in deals like these that the treatment cannot have moved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.comparison import compared, eligible, need_of
from whywin.effects.nuisances import LEARNERS, dealt, learned
from whywin.effects.question import Effect
from whywin.effects.refitting import affordable, likely, refits, refutable, seeds, signed, unit_of
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.refutation import chance_of_zero

CHANCE: Final = "(modelled chance of treatment)"
EXPECTED: Final = "(modelled outcome)"
REST: Final = "(what the model leaves)"
FOLDS: Final = 5


@dataclass(frozen=True)
class DummyOutcome:
    """In made-up outcomes that follow from what is adjusted for, and not from the treatment, a method must find nothing.

    Treatment and outcome are made up anew for the deals that there are, each from a flexible model of it on what is adjusted for, so that
    treated deals win more often by selection alone. The whole method is refitted each time. What it finds on average is the bias that its
    models, its overlap or its matches leave: unlike a placebo, this catches a straight line where there is a bend, and an unadjusted
    comparison. It cannot see what nobody recorded.
    Source: Petersen, Porter, Gruber, Wang and van der Laan (2012), Diagnosing and responding to violations in the positivity assumption,
    Statistical Methods in Medical Research 21, 31-54 (the parametric bootstrap of the bias).
    """

    refits: Annotated[int, Ge(3), doc("made-up outcomes; fewer for methods that take long")] = 40
    tolerated: Annotated[float, Ge(0), doc("bias that is no fault, in standard deviations of the estimate")] = 0.25
    level: Annotated[float, Gt(0), Lt(1), doc("largest chance of a false alarm, two-sided")] = 0.01

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer; its value is the mean effect found where there is none, in people's units."""
        judged = refutable(question, answers)
        return tuple(self._checked(question, judged, modelled(question, eligible(question, sample), rng), rng)) if judged else ()

    def _checked(self, question: Effect, judged: list[Any], deals: pd.DataFrame, rng: np.random.Generator) -> Iterator[Check]:
        given = seeds(self.refits, rng)
        for answer, row in judged:
            found = refits(answer.method, question, deals, made_up, given[: affordable(answer.method, self.refits)])
            mean, chance = chance_of_zero(found, self.tolerated)
            says = (
                f"In {len(found)} made-up outcomes that the treatment does not move it finds {signed(mean)}{unit_of(row)} on average, "
                f"{abs(mean) / max(float(found.std(ddof=1)), 1e-300):.2f} of its own noise ({likely(chance)} for no more than "
                f"{self.tolerated:g})"
            )
            passed = chance >= self.level
            says += "." if passed else ": what is adjusted for is not made up for."
            yield Check("dummy_outcome", passed, "serious", says, mean, answer.label)


def modelled(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the deals with what a flexible model expects of treatment and outcome, each by models that never saw the deal."""
    comparison = compared(question, deals)
    matrix, everyone = comparison.covariates.matrix, np.ones(len(deals), dtype=bool)
    fold = dealt(comparison.treated, comparison.clusters, FOLDS, rng)
    chance = learned(matrix, comparison.treated.astype(np.float64), fold, LEARNERS, everyone).value
    expected = learned(matrix, comparison.outcome, fold, LEARNERS, everyone).value
    return deals.assign(**{CHANCE: chance, EXPECTED: expected, REST: comparison.outcome - expected})


def made_up(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> tuple[Effect, pd.DataFrame]:
    """Return the deals with a treatment and an outcome drawn from their models, neither of which moves the other.

    Where treatment has a time it stays as it is, since a deal that was treated late has lived so long.
    """
    drawn = (rng.uniform(size=len(deals)) < deals[CHANCE].to_numpy()).astype(float)
    treated = drawn if question.treated_at is None else deals[question.treatment]
    expected = deals[EXPECTED].to_numpy()
    outcome: NDArray[np.float64]
    if np.isin(deals[question.outcome].to_numpy(dtype=float), [0.0, 1.0]).all():
        outcome = (rng.uniform(size=len(deals)) < expected).astype(float)
    else:
        outcome = expected + rng.permutation(deals[REST].to_numpy())
    return question, deals.assign(**{question.treatment: treated, question.outcome: outcome})
