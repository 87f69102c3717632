"""Each deal weighted by how unlikely it was to be treated as it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Lt, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, estimate, need_of
from whywin.effects.inference import interval
from whywin.effects.question import QUANTITIES, Effect, Estimand
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table, with_dropped
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.propensity import Propensity, Standardised, propensity, standardisation
from whywin.stats.weighting import Weighted, weigh

OVERLAP: Final = QUANTITIES["overlap"]


@dataclass(frozen=True)
class Weighting:
    """Inverse probability weighting by a logit-linear propensity, with standard errors that know it was estimated.

    Beside the effect that is asked for stands the effect on the overlap, in which a deal counts the more the more its treatment could
    have gone either way (e (1 - e) with a propensity of e); its weights balance what is adjusted for exactly, and no deal can dominate it.
    Where the question names a cluster, deals of a cluster are added up, and the interval is Student's with clusters - 1 degrees of
    freedom.
    Sources: Robins, Hernán and Brumback (2000), Epidemiology 11, 550-560; Lunceford and Davidian (2004), Statistics in Medicine 23,
    2937-2960; Li, Morgan and Zaslavsky (2018), JASA 113, 390-400.
    """

    weights: Annotated[
        Literal["stabilised", "inverse"],
        doc("divide by the sum of the weights (Hájek), or by the number of deals asked about (Horvitz and Thompson)"),
    ] = "stabilised"
    trim: Annotated[
        float,
        Ge(0),
        Lt(0.5),
        doc(
            "deals whose propensity is nearer than this to 1, or unless the effect is on the treated to 0 too, are left out and counted"
        ),
    ] = 0.0
    overlap: Annotated[bool, doc("tell the effect on the overlap too")] = True
    design: ClassVar[Design] = "adjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect with its interval, the balance before and after, and who is compared and who is dropped."""
        comparison = _whole(question, compared(question, sample))
        standard = standardisation(comparison.covariates.matrix)
        score, found = self._weighted(comparison, standard, comparison.treated, question.estimand)
        tables = {
            "balance": balance_table(comparison, found.weight),
            "overlap": overlap_table(score.chance, comparison.treated),
            "groups": groups_table(comparison, score.linear, found.weight),
            "outcomes": outcomes_table(comparison, found.with_treatment, found.without_treatment),
        }
        tables = with_dropped(tables, comparison, comparison.treated | comparison.everyone, found.kept)
        return Evidence(tuple(self._estimates(question, comparison, score, found)), tuple(self._remarks(score, found)), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units, refitting everything."""
        comparison = compared(question, sample)
        return self._refitted(question, comparison)(comparison.treated)

    def refitter(self, question: Effect, sample: pd.DataFrame) -> Callable[[NDArray[np.float64]], float]:
        """Return what refits propensity and weights to another treatment of the same deals (1 or 0 each): the effect, in people's units.

        The deals are read and their covariates standardised once; it may be called from several threads. For the deals' own treatment
        it returns `point`, to the last bit.
        """
        refit = self._refitted(question, compared(question, sample))
        return lambda treatment: refit(np.asarray(treatment) == 1)

    def _refitted(self, question: Effect, comparison: Comparison) -> Callable[[NDArray[np.bool_]], float]:
        standard = standardisation(comparison.covariates.matrix)

        def refit(treated: NDArray[np.bool_]) -> float:
            found = self._weighted(comparison, standard, treated, question.estimand, spread=False)[1]
            return comparison.scale * found.effect

        return refit

    def _weighted(
        self,
        comparison: Comparison,
        standard: Standardised,
        treated: NDArray[np.bool_],
        whom: Estimand,
        *,
        spread: bool = True,
    ) -> tuple[Propensity, Weighted]:
        score = propensity(standard, treated)
        low = 0.0 if whom == "treated" else self.trim
        kept = (score.chance >= low) & (score.chance <= 1 - self.trim)
        for who, group in (("treated", treated), ("untreated", ~treated)):
            if (kept & group).sum() < 2:  # noqa: PLR2004 - a spread needs two
                count = int((kept & group).sum())
                raise QuestionError(f"trim: only {count} {who} deals are left at {self.trim:g}; trim less, or compare others")
        found = weigh(
            score,
            treated,
            comparison.outcome,
            target=whom,
            stabilised=self.weights == "stabilised",
            trim=self.trim,
            clusters=comparison.clusters,
            spread=spread,
        )
        return score, found

    def _estimates(self, question: Effect, comparison: Comparison, score: Propensity, found: Weighted) -> Iterator[Estimate]:
        ends = interval(question, comparison, found.effect, found.variance)
        yield estimate(question, comparison, found.effect, ends, int(found.kept.sum()))
        if self.overlap and question.estimand != "overlap":
            other = weigh(score, comparison.treated, comparison.outcome, target="overlap", clusters=comparison.clusters)
            ends = interval(question, comparison, other.effect, other.variance)
            yield replace(estimate(question, comparison, other.effect, ends, len(comparison.treated)), quantity=OVERLAP)

    def _remarks(self, score: Propensity, found: Weighted) -> Iterator[Check]:
        if self.trim:
            left = int((~found.kept).sum())
            says = f"{left:,} of {len(found.kept):,} deals have a propensity within {self.trim:g} of certainty and are left out."
            yield Check("trim", left == 0, "note", says, float(left))
        if score.separated:
            says = f"What is adjusted for separates treated from untreated deals, so the propensity needed a ridge of {score.ridge:g}."
            yield Check("separation", False, "note", says, score.ridge)  # noqa: FBT003


def _whole(question: Effect, comparison: Comparison) -> Comparison:
    """Say that nobody is singled out where the effect is on the overlap: both groups are judged alike."""
    return replace(comparison, everyone=True) if question.estimand == "overlap" else comparison
