"""Each treated deal matched, at its age of treatment, with deals still open and not yet treated."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, doc

from whywin.deals.need import Need
from whywin.effects.comparison import estimate
from whywin.effects.emulation import Emulation, emulated, need_of_trials, side_by_side
from whywin.effects.inference import interval
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence, with_sign
from whywin.settings import check_settings
from whywin.stats.balance import effective
from whywin.stats.proportional_hazards import ProportionalHazards, proportional_hazards
from whywin.stats.risk_sets import Contrast, RiskSets, contrast, risk_sets

NEVER: Final = "effect on the treated"
FEWEST: Final = 2


@dataclass(frozen=True)
class RiskSetMatching:
    """Risk-set matching: treated deals beside deals of the same age that were still open and not yet treated.

    The nearest by the hazard of being treated (Cox, by age) are taken, and a regression among the matches takes out what still differs.
    The effect is that of treating now rather than not yet, by intention to treat: a match that is treated later stays what it is. Beside
    it stands the effect on the treated against no treatment at all, in which a match is followed until it is treated, and those that are
    not are weighted by how unlikely that was; it needs the model to be right for as long as deals live, and is less sure.
    A deal may stand in many comparisons: intervals are over deals, or over the question's clusters.
    Sources: Li, Propert and Rosenbaum (2001), JASA 96, 870-882; Lu (2005), Biometrics 61, 721-728; Abadie and Imbens (2011), JBES 29,
    1-11; Hernán and Robins (2016), American Journal of Epidemiology 183, 758-764.
    """

    neighbours: Annotated[int, Ge(1), doc("how many matches each treated deal has; all that are equally near are taken")] = 5
    exact: Annotated[tuple[str, ...], doc("columns in which a match must be the same, such as region")] = ()
    caliper: Annotated[
        float | None,
        Gt(0),
        doc(
            "treated deals without a match so near, in standard deviations of the log hazard, are left out; no limit when not given"
        ),
    ] = None
    follow_up_days: Annotated[
        float,
        Ge(0),
        doc("deals created later than so many days before the table's last date are left out, whether closed or not"),
    ] = 0.0
    most_open: Annotated[float, Ge(0), Le(1), doc("the largest share of deals still open that the answer may stand beside")] = (
        0.05
    )
    design: ClassVar[Design] = "adjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say what the question lacks: the time of treatment, and the treated as those whose effect is asked for."""
        faults = []
        if question.treated_at is None:
            faults.append("needs to know when each deal was treated; name the column of dates as question.treated_at")
        if question.estimand != "treated":
            faults.append(f"tells the effect on the treated only, got estimand {question.estimand!r}; ask for treated")
        return faults

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, of open deals too."""
        return need_of_trials(question, self.exact)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return both effects with their intervals, the balance before and after, and who is compared."""
        deals = emulated(question, sample, self.exact, self.follow_up_days)
        model, sets = self._matched(deals)
        estimates = tuple(self._estimates(question, deals, sets))
        return Evidence(estimates, tuple(self._remarks(deals, sets, model)), _tables(deals, sets, model))

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect of treating now alone, in people's units, refitting everything."""
        there = tuple(name for name in self.exact if name in sample)  # a check may change deals of which it has fewer columns
        deals = emulated(question, sample, there, self.follow_up_days)
        return deals.comparison.scale * _contrast(deals, self._matched(deals)[1]).effect

    def _matched(self, deals: Emulation) -> tuple[ProportionalHazards, RiskSets]:
        model = proportional_hazards(deals.comparison.covariates.matrix, deals.age, deals.treated, deals.strata)
        sets = risk_sets(model, deals.age, deals.treated, deals.known, self.neighbours, self.caliper)
        if sets.asked.sum() < FEWEST:
            raise QuestionError(
                f"only {int(sets.asked.sum())} treated deals have a match that was open and untreated at their age; "
                "match on fewer strata, widen the caliper, or compare more deals"
            )
        return model, sets

    def _with_open(self, deals: Emulation, outcome: float) -> float:
        """Return the effect if all deals that are still open had one outcome."""
        ended = replace(deals, outcome=np.where(deals.known, deals.outcome, outcome))
        return deals.comparison.scale * _contrast(ended, self._matched(ended)[1]).effect

    def _estimates(self, question: Effect, deals: Emulation, sets: RiskSets) -> Iterator[Estimate]:
        count = int((sets.asked | (sets.uses > 0)).sum())
        for quantity, uses in ((question.quantity, sets.uses), (NEVER, sets.uses_untreated)):
            if not (uses > 0).any():
                continue
            found = contrast(deals.outcome, deals.comparison.covariates.matrix, sets.asked, uses, deals.comparison.clusters)
            ends = interval(question, deals.comparison, found.effect, found.variance)
            row = estimate(question, deals.comparison, found.effect, ends, count)
            yield replace(row, quantity=quantity)

    def _remarks(self, deals: Emulation, sets: RiskSets, model: ProportionalHazards) -> Iterator[Check]:
        still_open, count = int((~deals.known).sum()), len(deals.known)
        share = still_open / max(count, 1)
        says = f"{still_open:,} of {count:,} deals are still open ({100 * share:.1f} %): they count as open at each age, and have no outcome"
        if still_open and deals.comparison.unit == "points":
            low, high = (with_sign(self._with_open(deals, outcome)) for outcome in (0.0, 1.0))
            says += f"; were all of them lost, the effect would be {low} points, and were all of them won, {high}"
        yield Check("open_deals", share <= self.most_open, "serious", f"{says}.", share)
        left, wanted = sets.left, sets.left + int(sets.asked.sum())
        says = (
            f"{left:,} of {wanted:,} treated deals have no match that was open and untreated at their age and are left out; "
            f"{deals.at_close:,} were treated at the moment that they closed, and {deals.late:,} were created too late to be followed."
        )
        yield Check("matched", left <= self.most_open * wanted, "serious", says, float(left))
        later = 1 - float((sets.uses[~deals.treated]).sum() / max(sets.uses.sum(), 1e-300))
        says = (
            f"{100 * later:.1f} % of the matches were treated later, which draws the effect of treating now towards zero; against no "
            f"treatment at all, those that never were are worth {effective(sets.uses_untreated[sets.uses_untreated > 0]):,.0f} deals."
        )
        yield Check("treated_later", passed=True, severity="note", says=says, value=later)
        if model.ridge:
            says = (
                f"What is adjusted for separates treated from untreated deals, so the hazard needed a ridge of {model.ridge:g}."
            )
            yield Check("separation", passed=False, severity="note", says=says, value=model.ridge)


def _contrast(deals: Emulation, sets: RiskSets) -> Contrast:
    return contrast(deals.outcome, deals.comparison.covariates.matrix, sets.asked, sets.uses, deals.comparison.clusters)


def _tables(deals: Emulation, sets: RiskSets, model: ProportionalHazards) -> dict[str, pd.DataFrame]:
    pair, rows = side_by_side(deals.comparison, sets.asked, sets.at_risk)
    weight = np.where(pair.treated, 1.0, sets.uses[rows])
    found = _contrast(deals, sets)
    return {
        "balance": balance_table(pair, weight),
        "overlap": overlap_table(_chance(deals, model)[rows], pair.treated),
        "groups": groups_table(pair, model.linear[rows], weight),
        "outcomes": outcomes_table(pair, found.with_treatment, found.without_treatment),
    }


def _chance(deals: Emulation, model: ProportionalHazards) -> np.ndarray:
    """Return how likely each deal would have been treated by the median age of treatment, had it stayed open so long."""
    middle = np.array([float(np.median(deals.age[deals.treated]))])
    chance = np.zeros(len(deals.age))
    for baseline in model.baselines:
        chance[baseline.rows] = -np.expm1(-np.exp(model.linear[baseline.rows]) * baseline.until(middle)[0])
    return chance
