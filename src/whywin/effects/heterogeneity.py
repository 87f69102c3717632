"""Whether a forest's predicted differences between effects are real, and along what effects differ."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.causal_forest import Staged
from whywin.effects.comparison import Comparison
from whywin.effects.covariates import Covariates
from whywin.effects.question import Effect
from whywin.effects.scores import Scores
from whywin.effects.segment_effects import SegmentEffect, most_different
from whywin.evidence import Check
from whywin.stats.heterogeneity import Told, calibrated, effect_among, over_splits, projected
from whywin.stats.multiplicity import holm

Floats = NDArray[np.float64]
THIRDS: Final = ("lowest third", "middle third", "highest third")
MEAN: Final = "mean effect"
DIFFERENCES: Final = "differences between deals"


def calibration(comparison: Comparison, outcome: Floats, chance: Floats, staged: Sequence[Staged]) -> tuple[Told, Told]:
    """Return what the mean of the predicted effects, and their differences, are worth on deals that were not learned from.

    Args:
        comparison: the deals.
        outcome: the predicted outcome of each deal, whatever the treatment.
        chance: its propensity.
        staged: effects predicted for later folds, one a split.
    """
    found = []
    for one in staged:
        rows = one.rows
        clusters = None if comparison.clusters is None else comparison.clusters[rows]
        rests = (comparison.outcome - outcome)[rows], (comparison.treated - chance)[rows]
        found.append(calibrated(*rests, float(one.effects.mean()), one.differing, clusters))
    return over_splits([one.of(0) for one in found]), over_splits([one.of(1) for one in found])


def heterogeneity_check(question: Effect, slope: Told, by_segment: Sequence[SegmentEffect]) -> Check:
    """Say whether effects differ detectably: by the forest's calibration or in a segment, each at half the chance of a false alarm."""
    segment, p_segment = most_different(by_segment)
    together = min(1.0, (2 if by_segment else 1) * min(slope.p_positive, p_segment))
    says = (
        f"Effects {'differ' if together < 1 - question.level else 'do not differ'} detectably between deals (p = {together:.2g}): the "
        f"forest's predicted differences are worth {slope.value:.2f} of themselves on deals that it did not see (1 is right, 0 is nothing; "
        f"one-sided p = {slope.p_positive:.2g})"
    ).replace("worth -", "worth −")
    if segment is not None:
        says += f", and of {len(by_segment)} segments {segment.segment.name} differs most surely from the rest (p = {p_segment:.2g} after Holm)"
    return Check("heterogeneity", passed=True, severity="note", says=f"{says}.", value=together)


def calibration_table(question: Effect, found: tuple[Told, Told]) -> pd.DataFrame:
    """Return what the mean of the predicted effects and their differences are worth; 1 is right."""
    rows = []
    for name, told in zip((MEAN, DIFFERENCES), found, strict=True):
        low, high = told.interval(question.level)
        rows.append({"prediction": name, "worth": told.value, "low": low, "high": high, "p_value": told.p_positive})
    return pd.DataFrame(rows)


def projection_table(question: Effect, comparison: Comparison, found: Scores, moderators: Covariates) -> pd.DataFrame:
    """Return the straight line that is nearest to the effects: per standard deviation of a number, per level against the commonest."""
    matrix, names = moderators.matrix, moderators.names
    share = found.weight / found.weight.sum()
    centre = share @ matrix
    binary = np.isin(matrix, [0.0, 1.0]).all(axis=0)
    spread = np.where(binary, 1.0, np.sqrt(np.maximum(share @ (matrix - centre) ** 2, 1e-300)))
    line = projected(found.score, found.weight, matrix / spread, comparison.clusters)
    adjusted = holm([line.of(place).p_value for place in range(1, len(names) + 1)])
    rows = []
    for place, name in enumerate(("mean effect", *names)):
        told = line.of(place)
        low, high = told.interval(question.level)
        per = "" if place == 0 else "level" if binary[place - 1] else "standard deviation"
        numbers = {name: comparison.scale * number for name, number in (("slope", told.value), ("low", low), ("high", high))}
        p_adjusted = float(adjusted[place - 1]) if place else np.nan
        rows.append({"term": name, "per": per, **numbers, "p_value": told.p_value, "p_adjusted": p_adjusted})
    return pd.DataFrame(rows).assign(p_together=line.p_slopes())


def ranked_table(question: Effect, comparison: Comparison, found: Scores, staged: Sequence[Staged]) -> pd.DataFrame:
    """Return predicted and found effects of three groups of deals, ranked by the predicted effect (sorted group average effects)."""
    rows = []
    for place, name in enumerate(THIRDS):
        told, predicted, counts = [], [], []
        for one in staged:
            inside = np.zeros(len(found.score), dtype=bool)
            within = np.floor(one.rank * len(THIRDS)) == place
            inside[one.rows[within]] = True
            if found.weight[inside].sum() > 0:
                told.append(effect_among(found.score, found.weight, inside, comparison.clusters))
                predicted.append(float(np.average(one.effects[within], weights=found.weight[one.rows[within]])))
                counts.append(int(inside.sum()))
        if told:
            effect = over_splits(told)
            low, high = effect.interval(question.level)
            numbers = {"predicted": float(np.mean(predicted)), "effect": effect.value, "low": low, "high": high}
            scaled = {key: comparison.scale * number for key, number in numbers.items()}
            rows.append({"group": name, "deals": round(float(np.mean(counts))), **scaled})
    return pd.DataFrame(rows)
