"""How unlike in something unobserved matched deals may be before the finding could be chance."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.checks.bootstrap_stability import matches
from whywin.effects.comparison import Comparison, compared, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import refutable
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.matched_sets import NOBODY, greedy_sets
from whywin.stats.neighbours import on_line
from whywin.stats.propensity import propensity
from whywin.stats.rosenbaum import LARGEST, mantel_haenszel_bound, signed_rank_bound, withstood

FEWEST: Final = 10  # sets, below which no test says anything


@dataclass(frozen=True)
class RosenbaumBounds:
    """The largest odds ratio of treatment within matched sets at which the finding would still not be chance.

    Treated deals are put into sets with controls of their own (nearest on the propensity in logits, each control once, so that
    sets are independent), and the largest one-sided p-value that odds of treatment differing by Γ within a set allow is found: Mantel and
    Haenszel's test for an outcome of 0 and 1 (McNemar's for pairs), Wilcoxon's signed-rank test for a number. Where Γ is 1.5, something
    unobserved that made one of two matched deals half again as likely to be treated could not explain the finding, however strongly it is
    tied to the outcome. It says nothing of the size of the effect, and is told of the methods that match.
    Source: Rosenbaum (2002), Observational Studies, 2nd edition, chapter 4.
    """

    controls: Annotated[int, Ge(1), doc("most controls of a set; 1 makes pairs")] = 1
    caliper: Annotated[float, Gt(0), doc("how far a control may lie, in standard deviations of the propensity in logits")] = 0.2
    granted: Annotated[float, Ge(1), doc("the odds ratio of treatment within a set that the finding should withstand")] = 1.1
    level: Annotated[float, Gt(0), Lt(1), doc("the p-value at which it could be chance, one-sided")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one note for each answer by matching; its value is Γ."""
        judged = [answer.label for answer, _ in refutable(question, answers) if matches(answer.method)]
        if not judged:
            return ()
        comparison = compared(question, sample)
        passed, says, value = self._found(comparison, self._sets(comparison))
        return tuple(Check("rosenbaum_bounds", passed, "note", says, value, label) for label in judged)

    def _sets(self, comparison: Comparison) -> NDArray[np.int64]:
        score = propensity(comparison.covariates.matrix, comparison.treated).linear
        ground = on_line(score, self.caliper if score.std() > 0 else None)
        return greedy_sets(ground, comparison.treated, score, self.controls)

    def _found(self, comparison: Comparison, sets: NDArray[np.int64]) -> tuple[bool, str, float]:
        inside = sets != NOBODY
        count = int((inside & comparison.treated).sum())
        who = "pairs" if self.controls == 1 else "sets"
        if count < FEWEST:
            return True, f"Only {count} disjoint matched {who} can be made, too few for bounds.", 1.0
        bound, raising = bound_of(comparison, sets)
        value = withstood(bound, self.level)
        direction = "raises" if raising else "lowers"
        if value == 1:
            says = f"In {count:,} disjoint matched {who} it is not clear that treatment {direction} the outcome (p = {bound(1.0):.2g})."
            return True, says, 1.0
        most = f"{value:.2f}" if value < LARGEST else f"{LARGEST:,.0f} and more"
        says = (
            f"In {count:,} disjoint matched {who} the finding that treatment {direction} the outcome withstands odds of treatment that differ "
            f"by {most} times within them (p = {bound(1.0):.2g} at 1); {self.granted:g} is granted."
        )
        return value >= self.granted, says, value


def bound_of(comparison: Comparison, sets: NDArray[np.int64]) -> tuple[Callable[[float], float], bool]:
    """Return the bound on the p-value by Γ of matched sets, and whether treatment raises the outcome in them."""
    treated, outcome = comparison.treated, comparison.outcome
    _, place = np.unique(sets[sets != NOBODY], return_inverse=True)
    within, group = outcome[sets != NOBODY], treated[sets != NOBODY]
    sizes = np.bincount(place)
    own = np.bincount(place, np.where(group, within, 0.0))
    others = np.bincount(place, np.where(group, 0.0, within)) / np.maximum(sizes - 1, 1)
    raising = bool((own - others).mean() >= 0)
    if not np.isin(outcome, [0.0, 1.0]).all():
        differences = (own - others) if raising else (others - own)
        return lambda gamma: signed_rank_bound(differences, gamma), raising
    events = np.bincount(place, within).astype(np.int64)
    if raising:
        return lambda gamma: mantel_haenszel_bound(own == 1, events, sizes, gamma), raising
    return lambda gamma: mantel_haenszel_bound(own == 0, sizes - events, sizes, gamma), raising
