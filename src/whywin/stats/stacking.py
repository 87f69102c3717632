"""Folds, and the mixture of several predictions that predicts best.

Sources: Breiman (1996), Stacked regressions, Machine Learning 24, 49-64; van der Laan, Polley and Hubbard (2007), Super learner,
Statistical Applications in Genetics and Molecular Biology 6. Convex weights by likelihood are those of a mixture with known
components, whose likelihood is concave: Dempster, Laird and Rubin (1977), JRSS B 39, 1-38.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEPS: Final = 500
HEAVY: Final = 1e4  # weight of the row that makes the shares add up to 1, in least squares


def is_binary(values: Floats) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, [0.0, 1.0]).all())


def folds_of(
    treated: Bools, folds: int, rng: np.random.Generator, clusters: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the fold of each unit, 0…folds-1, at random: equally many treated in each, or whole clusters in one fold.

    Clusters are dealt out one after the other, the largest first, each to the fold that has the fewest units so far, so that folds are
    about equal; ties and equally large clusters fall at random. There are no more folds than clusters.
    """
    if clusters is None:
        fold = np.empty(len(treated), dtype=np.int64)
        for group in (treated, ~treated):
            fold[group] = rng.permutation(int(group.sum())) % folds
        return fold
    sizes = np.bincount(clusters)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    held, of_cluster = np.zeros(min(folds, len(sizes))), np.zeros(len(sizes), dtype=np.int64)
    for cluster in order:
        of_cluster[cluster] = int(held.argmin())
        held[of_cluster[cluster]] += sizes[cluster]
    return of_cluster[clusters]


def loss(predictions: Floats, target: Floats, *, binary: bool) -> Floats:
    """Return how badly each row is predicted, n × k: minus the log-likelihood of a chance, the squared error of a number."""
    wanted = target[:, None]
    return np.asarray(-np.log(np.where(wanted == 1, predictions, 1 - predictions)) if binary else (predictions - wanted) ** 2)


def mixture(predictions: Floats, target: Floats, *, binary: bool) -> Floats:
    """Return the convex weights of predictions that were made out of sample: greatest likelihood for chances, least squares else.

    Args:
        predictions: one column a model, n × k; for a binary target strictly between 0 and 1.
        target: what was predicted, n.
        binary: whether the target is 0 or 1.
    """
    models = predictions.shape[1]
    if models == 1 or not len(target):
        return np.full(models, 1 / models)
    if not binary:
        scale = max(float(target.std()), 1e-300)
        rows = np.vstack([(predictions - target[:, None]) / scale, np.full((1, models), HEAVY * np.sqrt(len(target)))])
        weights = nnls(rows, np.r_[np.zeros(len(target)), HEAVY * np.sqrt(len(target))])[0]
        return np.asarray(weights / weights.sum())
    likelihood = np.where(target[:, None] == 1, predictions, 1 - predictions)
    weights = np.full(models, 1 / models)
    for _ in range(STEPS):
        after = (1 / (likelihood @ weights)) @ likelihood / len(target) * weights
        moved = float(np.abs(after - weights).max())
        weights = after
        if moved < 1e-7:
            break
    return np.asarray(weights / weights.sum())
