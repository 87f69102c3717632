"""EconML's causal forest on residuals that were predicted beforehand, each deal's effect by trees that never saw it."""

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whywin.effects.comparison import Comparison
from whywin.effects.nuisances import TREATMENT
from whywin.effects.scores import OUTCOME, Split, stages
from whywin.stats.stacking import is_binary

Floats = NDArray[np.float64]
MOST_SHARE: Final = 0.45  # of the deals, that one tree is grown from; honesty needs less than half


@dataclass(frozen=True)
class Growth:
    """How a forest is grown: its trees (made up to fours), the fewest deals of a leaf, the most deals that a tree is grown from."""

    trees: int
    leaf: int
    tree_deals: int


class _Foretold:
    """A first stage that was predicted out of sample beforehand: it looks its prediction up in a column of the controls."""

    def __init__(self, column: int) -> None:
        self.column = column

    def get_params(self, deep: bool = True) -> dict[str, int]:
        return {"column": self.column}

    def fit(self, controls: Floats, target: Floats) -> "_Foretold":
        return self

    def predict(self, controls: Floats) -> Floats:
        return controls[:, self.column]


@dataclass(frozen=True, eq=False)
class Staged:
    """Effects predicted for the later folds, each by a forest of the folds before it alone.

    Attributes:
        rows: the deals of the later folds.
        effects: what was predicted of them.
        differing: the same less its mean over the deals of one fold.
        rank: the place of each deal within its fold by that, between 0 and 1.
    """

    rows: NDArray[np.intp]
    effects: Floats
    differing: Floats
    rank: Floats


def forest_effects(comparison: Comparison, moderators: Floats, split: Split, growth: Growth, rng: np.random.Generator) -> Floats:
    """Return the predicted effect of each deal, as a fraction, by forests of the folds that it is not in."""
    effects = np.empty(len(comparison.treated))
    for part in np.unique(split.fold):
        inside = split.fold == part
        effects[inside] = _grown(comparison, moderators, split, (~inside, inside), growth, rng)
    return effects


def staged_effects(comparison: Comparison, moderators: Floats, split: Split, growth: Growth, rng: np.random.Generator) -> Staged:
    """Return effects by which it can be tested whether what a forest predicts is there (see `scores.stages`)."""
    rows, effects, differing, rank = [], [], [], []
    for before, inside in stages(split.fold):
        found = _grown(comparison, moderators, split, (before, inside), growth, rng)
        rows.append(np.flatnonzero(inside))
        effects.append(found)
        differing.append(found - found.mean())
        rank.append((np.argsort(np.argsort(found, kind="stable"), kind="stable") + 0.5) / len(found))
    return Staged(np.concatenate(rows), np.concatenate(effects), np.concatenate(differing), np.concatenate(rank))


def clipped_outcomes(comparison: Comparison, outcome: Floats, chance: Floats, effects: Floats) -> tuple[Floats, Floats]:
    """Return each deal's outcome without and under treatment from its mean outcome and its effect; chances stay between 0 and 1."""
    without, given = outcome - chance * effects, outcome + (1 - chance) * effects
    if is_binary(comparison.outcome):
        return np.clip(without, 0, 1), np.clip(given, 0, 1)
    return without, given


def _grown(
    comparison: Comparison,
    moderators: Floats,
    split: Split,
    rows: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    growth: Growth,
    rng: np.random.Generator,
) -> Floats:
    """Return what a forest of the first rows predicts of the second ones."""
    from econml.dml import CausalForestDML

    learnt = np.flatnonzero(rows[0])
    columns = moderators if moderators.shape[1] else np.zeros((len(moderators), 1))  # nothing to split by: one effect for all
    first = columns.shape[1]
    foretold = np.column_stack([split.found[OUTCOME].value, split.found[TREATMENT].value])
    even = np.arange(len(learnt)) % 2 == 0  # whatever the parts, predictions are looked up
    parts = [(np.flatnonzero(even), np.flatnonzero(~even)), (np.flatnonzero(~even), np.flatnonzero(even))]
    model = CausalForestDML(
        model_y=_Foretold(first),
        model_t=_Foretold(first + 1),
        cv=parts,
        n_estimators=4 * -(-growth.trees // 4),
        min_samples_leaf=growth.leaf,
        min_samples_split=2 * growth.leaf,
        max_samples=min(MOST_SHARE, growth.tree_deals / len(learnt)),
        inference=False,
        n_jobs=1,  # with more, sums are added up in whatever order threads end
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(
            comparison.outcome[learnt],
            comparison.treated[learnt].astype(np.float64),
            X=columns[learnt],
            W=foretold[learnt],
            inference=None,
        )
        return np.asarray(model.const_marginal_effect(columns[rows[1]]), dtype=np.float64).ravel()
