"""Effects that differ from deal to deal: a causal forest, and how far its differences can be believed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.causal_forest import Growth, clipped_outcomes, forest_effects, staged_effects
from whywin.effects.comparison import Comparison, compared, eligible
from whywin.effects.covariates import Covariates, covariates
from whywin.effects.heterogeneity import calibration, calibration_table, heterogeneity_check, projection_table, ranked_table
from whywin.effects.modifiers import Segment, large_enough, modifiers_of, need_with_modifiers, segments_of
from whywin.effects.nuisances import LEARNERS, TREATMENT, Learner
from whywin.effects.question import Effect
from whywin.effects.scores import OUTCOME, Scores, Split, effect_of, mean_over, scores, shared_tables, split_of
from whywin.effects.segment_effects import effects_by_segment, estimate_of, segment_estimates, segment_table
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings

FEW_TREES: Final = 12  # enough for the mean effect, which the forest hardly moves


@dataclass(frozen=True)
class Forest:
    """EconML's causal forest: the mean effect and effects by segment from doubly robust scores, and whether effects differ at all.

    Treatment and outcome are predicted by a mixture of learners, and the effect of each deal by a forest grown from the rest; deals of a
    cluster are held out together. Predictions are means over several random splits. The forest's own intervals are not used: those here are
    of doubly robust scores, added up within clusters, and are right even where the forest sees too little or too much. Whether its
    differences are real is tested on deals that it did not see.
    Sources: Athey, Tibshirani and Wager (2019), Generalized random forests, Annals of Statistics 47, 1148-1178; Athey and Wager (2019),
    Estimating treatment effects with causal forests, Observational Studies 5, 37-51; Semenova and Chernozhukov (2021), Econometrics
    Journal 24, 264-289 (best linear projection); Wager (2024), Sequential validation of treatment heterogeneity, arXiv 2405.05534.
    """

    trees: Annotated[int, Ge(4), doc("trees of each forest, in fours; one forest is grown for each part of each split")] = 100
    leaf: Annotated[int, Ge(1), doc("fewest deals in a leaf, on either side of an honest tree")] = 10
    tree_deals: Annotated[int, Ge(100), doc("most deals that one tree is grown from, however many there are")] = 5000
    learners: Annotated[
        tuple[Learner, ...],
        MinLen(1),
        doc("models in the mixture: linear (in logits), quadratic (with squares and products), boosting (gradient boosting)"),
    ] = LEARNERS
    folds: Annotated[int, Ge(2), doc("parts that the deals are split into; each is predicted from the others")] = 5
    splits: Annotated[int, Ge(1), doc("random splits that predictions are averaged over")] = 3
    clip: Annotated[float, Gt(0), Lt(0.5), doc("propensities nearer to 0 or 1 than this are set to it, and counted")] = 0.01
    design: ClassVar[Design] = "adjusted"
    most_refits: ClassVar[int] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, and those by which the effect may differ."""
        return need_with_modifiers(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the mean effect, effects by segment, and the tables that say whether they differ."""
        comparison = compared(question, sample)
        moderators = _moderators(question, comparison, sample)
        splits = [split_of(comparison, (OUTCOME,), self.learners, self.folds, rng) for _ in range(self.splits)]
        arguments = (comparison, moderators.matrix)
        growth = self._growth(self.trees)
        grown = [forest_effects(*arguments, split, growth, rng) for split in splits]
        staged = [staged_effects(*arguments, split, growth, rng) for split in splits]
        effects = np.mean(grown, axis=0)
        found = self._scores(question, comparison, splits, effects)
        told = effect_of(comparison, found)
        segments = segments_of(question, comparison, sample)
        kept = [segment for segment in segments if large_enough(segment, comparison)]
        by_segment = effects_by_segment(comparison, found, kept)
        outcome, chance = mean_over(splits, OUTCOME), mean_over(splits, TREATMENT)
        worth = calibration(comparison, outcome, chance, staged)
        tables = shared_tables(comparison, found, told.value, splits, self.learners)
        tables["nuisances"] = pd.concat(
            [tables["nuisances"], _forest_row(comparison, effects, outcome, chance)], ignore_index=True
        )
        tables |= {
            "segment_effects": segment_table(question, comparison, by_segment),
            "calibration": calibration_table(question, worth),
            "projection": projection_table(question, comparison, found, covariates(*_projected(question, comparison, sample))),
            "ranked": ranked_table(question, comparison, found, staged),
        }
        whole = estimate_of(question, comparison, "all", told, len(comparison.treated))
        estimates = (whole, *segment_estimates(question, comparison, by_segment))
        return Evidence(
            estimates, (heterogeneity_check(question, worth[1], by_segment), *self._remarks(found, segments, kept)), tables
        )

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the mean effect of one split and a forest of a few trees, in people's units, refitting everything."""
        comparison = compared(question, sample)
        rng = np.random.default_rng(0)
        split = split_of(comparison, (OUTCOME,), self.learners, self.folds, rng)
        growth = self._growth(min(FEW_TREES, self.trees))
        effects = forest_effects(comparison, _moderators(question, comparison, sample).matrix, split, growth, rng)
        return comparison.scale * effect_of(comparison, self._scores(question, comparison, [split], effects)).value

    def _growth(self, trees: int) -> Growth:
        return Growth(trees, self.leaf, self.tree_deals)

    def _scores(self, question: Effect, comparison: Comparison, splits: list[Split], effects: NDArray[np.float64]) -> Scores:
        chance, outcome = mean_over(splits, TREATMENT), mean_over(splits, OUTCOME)
        without, given = clipped_outcomes(comparison, outcome, chance, effects)
        return scores(question, comparison, chance, without, given, self.clip)

    def _remarks(self, found: Scores, segments: tuple[Segment, ...], kept: list[Segment]) -> Iterator[Check]:
        if found.clipped:
            says = f"{found.clipped:,} deals have a propensity nearer to certainty than {self.clip:g}, which is set to that."
            yield Check("clip", passed=False, severity="note", says=says, value=float(found.clipped))
        left = [segment.name for segment in segments if segment not in kept]
        if left:
            says = f"Too few treated or untreated deals, or clusters of them, for an effect of their own: {', '.join(left)}."
            yield Check("small_segments", passed=False, severity="note", says=says, value=float(len(left)))


def _moderators(question: Effect, comparison: Comparison, sample: pd.DataFrame) -> Covariates:
    """Return what the forest may split by: the modifiers, or all that is adjusted for where none are named."""
    return covariates(eligible(question, sample), question.modifiers or comparison.adjusted, question.logs)


def _projected(
    question: Effect, comparison: Comparison, sample: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    deals = eligible(question, sample)
    return deals, modifiers_of(question, comparison, deals) or comparison.adjusted, question.logs


def _forest_row(
    comparison: Comparison, effects: NDArray[np.float64], outcome: NDArray[np.float64], chance: NDArray[np.float64]
) -> pd.DataFrame:
    rest = comparison.outcome - outcome - effects * (comparison.treated - chance)
    return pd.DataFrame([{"nuisance": "effect", "learner": "causal forest", "share": 1.0, "loss": float((rest**2).mean())}])
