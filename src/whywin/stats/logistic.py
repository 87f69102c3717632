"""Logistic regression with a ridge: fitted by Newton's method, its penalty chosen on groups that were held out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Array = NDArray[np.float64]
GUARD: Final = (
    1e-3  # the inverse variance of a coefficient's prior: a deviation of 32 logits, so that separated levels stay finite
)
_STEPS: Final = 60


@dataclass(frozen=True, eq=False)
class Logistic:
    """A fitted model.

    Attributes:
        coefficients: log odds, one a regressor.
        likelihood: the log-likelihood at them, without the penalty.
    """

    coefficients: Array
    likelihood: float


def fitted(X: ArrayLike, y: ArrayLike, penalty: ArrayLike = GUARD, start: Array | None = None) -> Logistic:
    """Return the coefficients that maximise the log-likelihood less half of the penalty times their squares.

    Args:
        X: regressors, n × p, the first of which is the intercept, which is never penalised.
        y: outcomes, n, 0 or 1.
        penalty: one number for all regressors or one each; the default is as good as none, and keeps separated levels finite.
        start: where to begin; all zero when not given.
    """
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    ridge = np.full(X.shape[1], 1.0) * np.asarray(penalty, dtype=float)
    ridge[0] = 0.0
    beta = np.zeros(X.shape[1]) if start is None else start.copy()
    value = _objective(X, y, beta, ridge)
    for _ in range(_STEPS):
        chance = expit(X @ beta)
        score = X.T @ (y - chance) - ridge * beta
        step = np.linalg.solve(information(X, chance) + np.diag(ridge + 1e-12 * len(y)), score)
        size = 1.0
        while (after := _objective(X, y, beta + size * step, ridge)) < value - 1e-9 * abs(value) and size > 1e-6:
            size /= 2
        beta, value = beta + size * step, after
        if np.abs(score @ step) < 1e-9:
            break
    return Logistic(beta, _objective(X, y, beta, np.zeros_like(ridge)))


def information(X: Array, chance: Array) -> Array:
    """Return the Fisher information of the coefficients, p × p."""
    return np.asarray(X.T @ (X * (chance * (1 - chance))[:, None]))


def chosen_ridge(
    X: ArrayLike, y: ArrayLike, groups: ArrayLike, rng: np.random.Generator, *, folds: int = 5
) -> tuple[Logistic, float]:
    """Return the ridge fit whose penalty predicts held-out groups best, and that penalty.

    The penalty is on the regressors in standard deviations, one of 13 from 0.1 to 100,000. All deals of a group are held out together,
    so that a group cannot be predicted from itself. The coefficients are drawn to zero and are for predicting, not for intervals.

    Args:
        X: regressors, n × p, the intercept first.
        y: outcomes, n.
        groups: the group of each deal, n integers from 0.
        rng: deals the groups out to the folds.
        folds: how many parts are held out in turn; fewer where there are fewer groups.
    """
    X, y, groups = np.asarray(X, dtype=float), np.asarray(y, dtype=float), np.asarray(groups, dtype=np.int64)
    scale = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0) ** 2
    penalties = np.logspace(5, -1, 13)
    count = int(groups.max()) + 1
    fold = (rng.permutation(count) % min(folds, count))[groups]
    scores = np.zeros(len(penalties))
    for part in range(min(folds, count)):
        kept, start = fold != part, None
        for place, penalty in enumerate(penalties):
            start = fitted(X[kept], y[kept], penalty * scale, start).coefficients
            scores[place] += _objective(X[~kept], y[~kept], start, np.zeros(X.shape[1]))
    best = float(penalties[int(np.argmax(scores))])
    return fitted(X, y, best * scale), best


def _objective(X: Array, y: Array, beta: Array, ridge: Array) -> float:
    eta = X @ beta
    return float(y @ eta - np.logaddexp(0, eta).sum() - 0.5 * ridge @ beta**2)
