"""Doubly robust scores: what each deal says about the effect, from predictions by models that never saw it.

Over any group of deals the sum of the scores over the sum of the weights is the effect there, so that one set of scores answers for
all deals, for segments and for rules. Sources: Robins, Rotnitzky and Zhao (1994), JASA 89, 846-866 (all); Hahn (1998), Econometrica 66,
315-331 (treated); Robinson (1988), Econometrica 56, 931-954, and Li, Morgan and Zaslavsky (2018), JASA 113, 390-400 (overlap).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.comparison import Comparison
from whywin.effects.nuisances import TREATMENT, Learned, Learner, dealt, learned, nuisances_table
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.stats.heterogeneity import Told, effect_among

Floats = NDArray[np.float64]
OUTCOME: Final = "outcome"
WITHOUT: Final = "outcome without treatment"
WITH: Final = "outcome with treatment"


@dataclass(frozen=True, eq=False)
class Split:
    """One random split: the part of each deal, and what was predicted of it by models of the other parts."""

    fold: NDArray[np.int64]
    found: Mapping[str, Learned]


@dataclass(frozen=True, eq=False)
class Scores:
    """What each deal says.

    Attributes:
        score: adds up, over a group, to its effect times the sum of its weights.
        weight: 1 for the effect on all deals, whether treated for that on the treated, how undecided for that on the overlap.
        balance: what each deal weighs in the comparison, 0 or more.
        chance: the propensity of each deal, kept from certainty.
        clipped: how many had to be.
        without: the predicted outcome of each deal without treatment.
        given: the predicted outcome of each deal under treatment.
    """

    score: Floats
    weight: Floats
    balance: Floats
    chance: Floats
    clipped: int
    without: Floats
    given: Floats


def split_of(
    comparison: Comparison, names: Sequence[str], learners: Sequence[Learner], folds: int, rng: np.random.Generator
) -> Split:
    """Predict treatment and those of the outcomes that are named, for each deal from the folds that it is not in."""
    treated, everyone = comparison.treated, np.ones(len(comparison.treated), dtype=bool)
    rows = {OUTCOME: everyone, WITHOUT: ~treated, WITH: treated}
    fold = dealt(treated, comparison.clusters, folds, rng)
    fold = rng.permutation(int(fold.max()) + 1)[fold]  # large clusters come first otherwise, and the order counts below
    matrix = comparison.covariates.matrix
    found = {TREATMENT: learned(matrix, treated.astype(np.float64), fold, learners, everyone)}
    found |= {name: learned(matrix, comparison.outcome, fold, learners, rows[name]) for name in names}
    return Split(fold, found)


def stages(fold: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Give deals to learn from and deals to judge by: each fold of the later half after all that come before it.

    What is found by judging each fold after learning from all others is not what it seems: two folds that happen to agree praise one
    another, twice for one coincidence, and intervals are too short by a factor of √2 where there is nothing to find. Judged in turn,
    every fold is new. Source: Wager (2024), Sequential validation of treatment heterogeneity, arXiv 2405.05534.
    """
    parts = np.unique(fold)
    for place in range(max(1, len(parts) // 2), len(parts)):
        yield np.isin(fold, parts[:place]), fold == parts[place]


def mean_over(splits: Sequence[Split], name: str) -> Floats:
    """Return a nuisance of each deal, the mean over the splits: none of the models in it saw the deal."""
    return np.asarray(np.mean([split.found[name].value for split in splits], axis=0))


def scores(question: Effect, comparison: Comparison, plain: Floats, without: Floats, given: Floats, clip: float) -> Scores:
    """Return the scores for the question's estimand.

    Args:
        question: says whose effect is asked for.
        comparison: the deals.
        plain: the propensity of each deal.
        without: the predicted outcome of each deal without treatment.
        given: the predicted outcome of each deal under treatment.
        clip: propensities nearer to certainty than this are set to it.
    """
    treated, outcome = comparison.treated, comparison.outcome
    chance = np.clip(plain, clip, 1 - clip)
    clipped = int((chance != plain).sum())
    if question.estimand == "treated":
        balance = np.where(treated, 1.0, chance / (1 - chance))
        score, weight = np.where(treated, 1.0, -balance) * (outcome - without), treated.astype(np.float64)
    elif question.estimand == "all":
        balance = np.where(treated, 1 / chance, 1 / (1 - chance))
        rest = np.where(treated, outcome - given, without - outcome)
        score, weight = given - without + balance * rest, np.ones(len(treated))
    else:
        rest = treated - plain
        score, weight = rest * (outcome - (1 - plain) * without - plain * given), rest**2
        balance = np.where(treated, 1 - plain, plain)
    return Scores(score, weight, balance, chance, clipped, without, given)


def effect_of(comparison: Comparison, found: Scores) -> Told:
    """Return the effect over every deal that is asked for, as a fraction."""
    return effect_among(found.score, found.weight, np.ones(len(found.score), dtype=bool), comparison.clusters)


def shared_tables(
    comparison: Comparison, found: Scores, effect: float, splits: Sequence[Split], learners: Sequence[Learner]
) -> dict[str, pd.DataFrame]:
    """Return the tables that every adjusted answer has: balance, overlap, who is compared, outcomes, and which models predicted."""
    whose = found.weight / found.weight.sum()
    without = float(whose @ found.without)
    if set(np.unique(found.weight)) == {0.0, 1.0}:  # the treated: what they had is known
        without = float(whose @ comparison.outcome) - effect
    named = {name: [split.found[name] for split in splits] for name in splits[0].found}
    return {
        "balance": balance_table(comparison, found.balance),
        "overlap": overlap_table(found.chance, comparison.treated),
        "groups": groups_table(comparison, found.chance, found.balance),
        "outcomes": outcomes_table(comparison, without + effect, without),
        "nuisances": nuisances_table(learners, named),
    }
