"""Weighting and a model of the outcome at once: right when either of them is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, estimate, need_of
from whywin.effects.fit import no_overlap_effect
from whywin.effects.inference import interval
from whywin.effects.nuisances import LEARNERS, TREATMENT, Learned, Learner, dealt, learned, nuisances_table
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings
from whywin.stats.doubly_robust import Augmented, augmented
from whywin.stats.influence import median_of_splits, variance_of

WITHOUT: Final = "outcome without treatment"
WITH: Final = "outcome with treatment"


@dataclass(frozen=True, eq=False)
class _Split:
    """One random split: what was learned, and the effect that it gives."""

    nuisances: dict[str, Learned]
    chance: np.ndarray
    clipped: int
    found: Augmented
    variance: float


@dataclass(frozen=True)
class DoublyRobust:
    """Cross-fitted augmented inverse probability weighting with flexible models of treatment and outcome.

    Treatment and outcomes are predicted by a mixture of learners, for each deal by models that never saw it; deals of a cluster are
    held out together. The answer is the median over several random splits. Where the question names a cluster, influences of a cluster
    are added up, and the interval is Student's with clusters - 1 degrees of freedom.
    Sources: Robins, Rotnitzky and Zhao (1994), JASA 89, 846-866; Chernozhukov and others (2018), Econometrics Journal 21, C1-C68.
    """

    learners: Annotated[
        tuple[Learner, ...],
        MinLen(1),
        doc("models in the mixture: linear (in logits), quadratic (with squares and products), boosting (gradient boosting)"),
    ] = LEARNERS
    folds: Annotated[int, Ge(2), doc("parts that the deals are split into; each is predicted from the others")] = 5
    splits: Annotated[int, Ge(1), doc("random splits that the median is taken over")] = 3
    clip: Annotated[float, Gt(0), Lt(0.5), doc("propensities nearer to 0 or 1 than this are set to it, and counted")] = 0.01
    design: ClassVar[Design] = "adjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say which question it cannot answer: that about the overlap."""
        return no_overlap_effect(question)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect with its interval, which models predicted, the balance of the weights, and who is compared."""
        comparison = compared(question, sample)
        splits = [self._split(comparison, rng) for _ in range(self.splits)]
        effect, variance = median_of_splits([one.found.effect for one in splits], [one.variance for one in splits])
        without = float(np.median([one.found.without_treatment for one in splits]))
        chance = np.mean([one.chance for one in splits], axis=0)
        weight = np.mean([one.found.weight for one in splits], axis=0)
        names = splits[0].nuisances
        tables = {
            "balance": balance_table(comparison, weight),
            "overlap": overlap_table(chance, comparison.treated),
            "groups": groups_table(comparison, chance, weight),
            "outcomes": outcomes_table(comparison, without + effect, without),
            "nuisances": nuisances_table(self.learners, {name: [one.nuisances[name] for one in splits] for name in names}),
        }
        ends = interval(question, comparison, effect, variance)
        number = estimate(question, comparison, effect, ends, len(comparison.treated))
        return Evidence((number,), tuple(self._remarks(splits)), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect of one split alone, in people's units, refitting everything."""
        comparison = compared(question, sample)
        return comparison.scale * self._split(comparison, np.random.default_rng(0)).found.effect

    def _split(self, comparison: Comparison, rng: np.random.Generator) -> _Split:
        matrix, treated, outcome = comparison.covariates.matrix, comparison.treated, comparison.outcome
        fold = dealt(treated, comparison.clusters, self.folds, rng)
        asked = {TREATMENT: (treated.astype(np.float64), np.ones(len(treated), dtype=bool)), WITHOUT: (outcome, ~treated)}
        if comparison.everyone:
            asked[WITH] = (outcome, treated)
        nuisances = {name: learned(matrix, target, fold, self.learners, rows) for name, (target, rows) in asked.items()}
        plain = nuisances[TREATMENT].value
        chance = np.clip(plain, self.clip, 1 - self.clip)
        given = nuisances[WITH].value if comparison.everyone else None
        found = augmented(outcome, treated, chance, nuisances[WITHOUT].value, given, clusters=comparison.clusters)
        clipped = int((chance != plain).sum())
        return _Split(nuisances, chance, clipped, found, variance_of(found.influence, comparison.clusters))

    def _remarks(self, splits: list[_Split]) -> Iterator[Check]:
        worst = max(one.clipped for one in splits)
        if worst:
            says = f"Up to {worst:,} deals have a propensity nearer to certainty than {self.clip:g}, which is set to that."
            yield Check("clip", False, "note", says, float(worst))  # noqa: FBT003
        effects = [one.found.effect for one in splits]
        error = float(np.median([one.variance for one in splits])) ** 0.5
        spread = (max(effects) - min(effects)) / error if error > 0 else 0.0
        says = f"Over {len(splits)} random splits the effect moves by {spread:.2f} standard errors."
        yield Check("splits", spread <= 1, "note", says, spread)
