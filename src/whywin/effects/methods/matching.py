"""Treated deals beside the untreated deals that were as likely to be treated."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, doc
from scipy.stats import norm
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, estimate, need_of
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings
from whywin.stats.matching import Matched, match
from whywin.stats.propensity import Propensity, propensity


@dataclass(frozen=True)
class Matching:
    """Propensity-score matching with replacement, all ties, and Abadie-Imbens standard errors.

    The standard errors know that the propensity was estimated (2016). Where the question names a cluster, the products of
    different deals of a cluster are added, and the interval is Student's with clusters - 1 degrees of freedom.
    Sources: Rosenbaum and Rubin (1983), Biometrika 70, 41-55; Abadie and Imbens (2006), Econometrica 74, 235-267; (2011), JBES 29,
    1-11; (2016), Econometrica 84, 781-807.
    """

    neighbours: Annotated[int, Ge(1), doc("how many matches each deal has; all that are equally near are taken")] = 1
    caliper: Annotated[
        float | None,
        Gt(0),
        doc(
            "deals without a match so near, in standard deviations of the score, are left out and counted; no limit when not given"
        ),
    ] = None
    bias_adjustment: Annotated[bool, doc("take out by regression what differs within matches")] = False
    scale: Annotated[Literal["logit", "propensity"], doc("what nearness is measured on: the score in logits, or as a share")] = (
        "logit"
    )
    design: ClassVar[Design] = "adjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect with its interval, the balance before and after, and who is compared."""
        comparison = compared(question, sample)
        score, found = self._matched(comparison)
        reach = _quantile(question, comparison) * math.sqrt(found.variance)
        ends = (found.effect - reach, found.effect + reach)
        places = score.linear if self.scale == "logit" else score.chance
        tables = {
            "balance": balance_table(comparison, found.weight),
            "overlap": overlap_table(score.chance, comparison.treated),
            "groups": groups_table(comparison, places, found.weight),
            "outcomes": outcomes_table(comparison, found.with_treatment, found.without_treatment),
        }
        number = estimate(question, comparison, found.effect, ends, int(found.kept.sum()))
        return Evidence((number,), tuple(self._remarks(comparison, score, found)), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units, refitting everything."""
        comparison = compared(question, sample)
        return comparison.scale * self._matched(comparison)[1].effect

    def _matched(self, comparison: Comparison) -> tuple[Propensity, Matched]:
        score = propensity(comparison.covariates.matrix, comparison.treated)
        found = match(
            score.linear if self.scale == "logit" else score.chance,
            comparison.treated,
            comparison.outcome,
            everyone=comparison.everyone,
            neighbours=self.neighbours,
            caliper=self.caliper,
            score=score,
            adjust_for=comparison.covariates.matrix if self.bias_adjustment else None,
            clusters=comparison.clusters,
        )
        if found.asked < 2:  # noqa: PLR2004 - a spread needs two
            raise QuestionError(
                f"caliper: only {found.asked} deals have a match within {self.caliper:g}; widen it, or compare others"
            )
        return score, found

    def _remarks(self, comparison: Comparison, score: Propensity, found: Matched) -> list[Check]:
        remarks = []
        if self.caliper is not None:
            wanted = len(comparison.treated) if comparison.everyone else int(comparison.treated.sum())
            dropped = wanted - found.asked
            whom = "deals" if comparison.everyone else "treated deals"
            says = f"{dropped:,} of {wanted:,} {whom} have no match within the caliper of {self.caliper:g} and are left out."
            remarks.append(Check("caliper", dropped == 0, "note", says, float(dropped)))
        if score.ridge:
            says = f"What is adjusted for separates treated from untreated deals, so the propensity needed a ridge of {score.ridge:g}."
            remarks.append(Check("separation", False, "note", says, score.ridge))  # noqa: FBT003
        return remarks


def _quantile(question: Effect, comparison: Comparison) -> float:
    if comparison.clusters is None:
        return float(norm.ppf(0.5 + question.level / 2))
    return float(student.ppf(0.5 + question.level / 2, len(np.unique(comparison.clusters)) - 1))
