"""Inference for few clusters: bias-reduced linearisation (CR2) with Satterthwaite degrees of freedom.

Sources: Bell and McCaffrey (2002), Bias reduction in standard errors for linear regression with multi-stage samples, Survey
Methodology 28, 169-181; Pustejovsky and Tipton (2018), Small-sample methods for cluster-robust variance estimation and
hypothesis testing in fixed effects models, JBES 36, 672-683. The working model is independent errors of equal variance.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

Array = NDArray[np.float64]
MANY: Final = 1000


@dataclass(frozen=True)
class Contrast:
    """A linear contrast with its standard error and Satterthwaite degrees of freedom."""

    value: float
    standard_error: float
    degrees: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided interval at a level between 0 and 1."""
        half = float(student.ppf(0.5 + level / 2, self.degrees)) * self.standard_error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """The two-sided p-value of the contrast being zero; 1 where there is no variation and no difference."""
        if self.standard_error == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * student.sf(abs(self.value) / self.standard_error, self.degrees))


def cr2(X: ArrayLike, y: ArrayLike, clusters: ArrayLike, contrast: ArrayLike) -> Contrast:
    """Return a contrast of least-squares coefficients with its CR2 standard error and Satterthwaite degrees of freedom.

    Args:
        X: regressors, n × p, of full column rank, an intercept included if there is to be one.
        y: outcomes, n.
        clusters: the cluster of each row, n.
        contrast: weights of the coefficients, p.
    """
    X, y, c = (np.asarray(array, dtype=float) for array in (X, y, contrast))
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ (X.T @ y)
    residuals = y - X @ beta
    scores, squares, sums = [], [], []
    for g in range(index.max() + 1):
        rows = index == g
        adjusted = _inverse_root(np.eye(rows.sum()) - X[rows] @ bread @ X[rows].T) @ (X[rows] @ bread @ c)
        scores.append(float(adjusted @ residuals[rows]))
        squares.append(float(adjusted @ adjusted))
        sums.append(X[rows].T @ adjusted)
    moments = np.array(sums)
    gram = np.diag(squares) - moments @ bread @ moments.T
    return Contrast(float(c @ beta), float(np.sqrt(np.sum(np.square(scores)))), _satterthwaite(gram))


def robust(X: ArrayLike, y: ArrayLike, clusters: ArrayLike, contrast: ArrayLike) -> Contrast:
    """Return what `cr2` does, quickly where each row is a cluster of its own (HC2 with Bell and McCaffrey's degrees of freedom).

    With more clusters than `MANY`, where CR2 takes long and changes nothing, it is CR1 with its clusters less one.
    """
    X, y, c = (np.asarray(array, dtype=float) for array in (X, y, contrast))
    index = np.unique(np.asarray(clusters), return_inverse=True)[1]
    count = int(index.max()) + 1
    if count < len(y) and count <= MANY:
        return cr2(X, y, index, c)
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ (X.T @ y)
    weights, residuals = X @ (bread @ c), y - X @ beta
    if count > MANY:
        scores = np.bincount(index, weights=weights * residuals)
        return Contrast(float(c @ beta), float(np.sqrt(count / (count - 1) * (scores**2).sum())), float(count - 1))
    left = 1 - ((X @ bread) * X).sum(axis=1)
    adjusted = np.where(left > 1e-10, weights / np.sqrt(np.where(left > 1e-10, left, 1.0)), 0.0)
    # tr(P)² / tr(P²) for P = diag(a) (I − X bread X') diag(a), without a matrix of rows × rows
    moments = bread @ (X.T @ (X * adjusted[:, None] ** 2))
    squares = float((adjusted**4 * (2 * left - 1)).sum() + (moments * moments.T).sum())
    degrees = float((adjusted**2 * left).sum()) ** 2 / squares if squares > 0 else 1.0
    return Contrast(float(c @ beta), float(np.sqrt(((adjusted * residuals) ** 2).sum())), degrees)


def arm_contrast(
    total: ArrayLike, size: ArrayLike, arm: ArrayLike, contrast: ArrayLike, clusters: ArrayLike | None = None
) -> Contrast:
    """Return a contrast of arms' means from one row a unit: the same numbers as `cr2` on the deals with a column an arm.

    With regressors that are constant within a cluster the adjustment matrix has a closed form, so that nothing larger than
    the number of clusters is needed: (I − 11'/N)^(-1/2) 1 = 1 / sqrt(1 − n/N) for a cluster of n in an arm of N. A cluster that has
    units in several arms has one such block an arm.

    Args:
        total: sum of the outcomes of each unit.
        size: number of deals of each unit, above 0.
        arm: arm of each unit, 0…k-1; every arm has at least two clusters.
        contrast: weight of each arm's mean, k.
        clusters: the cluster of each unit; the unit itself when not given.
    """
    value, scores, degrees = arm_scores(total, size, arm, contrast, clusters)
    return Contrast(value, float(np.sqrt(np.sum(scores**2))), degrees)


def arm_scores(
    total: ArrayLike, size: ArrayLike, arm: ArrayLike, contrast: ArrayLike, clusters: ArrayLike | None = None
) -> tuple[float, Array, float]:
    """Return a contrast of arms' means, what each cluster adds to its CR2 variance (the root of it, signed), and its degrees.

    Arguments are those of `arm_contrast`. The scores of two outcomes of the same units multiply to their covariance.
    """
    total, size, c = (np.asarray(array, dtype=float) for array in (total, size, contrast))
    arms, index = np.asarray(arm, dtype=np.int64), None
    if clusters is not None:
        index = np.unique(np.asarray(clusters), return_inverse=True)[1]
        if len(index) and index.max() + 1 == len(index):
            index = None
    if index is not None:
        cells, place = np.unique(index * len(c) + arms, return_inverse=True)
        total, size = (np.bincount(place, weights=values) for values in (total, size))
        arms, index = cells % len(c), cells // len(c)
    of_arm = np.bincount(arms, weights=size, minlength=len(c))
    means = np.bincount(arms, weights=total, minlength=len(c)) / np.where(of_arm > 0, of_arm, 1.0)
    whole = of_arm[arms]
    left = 1 - size / whole
    # a cluster that is all of an arm is fitted exactly, and adds nothing
    adjusted = np.where(left > 1e-10, c[arms] / whole / np.sqrt(np.where(left > 1e-10, left, 1.0)), 0.0)
    parts, own, moments = adjusted * (total - size * means[arms]), adjusted**2 * size, adjusted * size
    scores = parts if index is None else np.bincount(index, weights=parts)
    return float(c @ means), scores, _degrees_of_blocks(own, moments, whole, arms, index)


def _degrees_of_blocks(
    own: Array, moments: Array, whole: Array, arms: NDArray[np.int64], index: NDArray[np.int64] | None
) -> float:
    """Return tr(P)² / tr(P²) for P = diag(d) − M diag(1/N) M', with a row of M a cluster and a column an arm, without making P."""
    if index is None:
        index = np.arange(len(own))
    d = np.bincount(index, weights=own)
    loss = np.bincount(index, weights=moments**2 / whole)
    count = int(arms.max()) + 1
    table = np.zeros((len(d), count))
    table[index, arms] = moments / np.sqrt(whole)
    trace = float(d.sum() - loss.sum())
    squares = float((d**2).sum() - 2 * (d * loss).sum() + ((table.T @ table) ** 2).sum())
    return trace**2 / squares if squares > 0 else 1.0


def intracluster_correlation(total: ArrayLike, squares: ArrayLike, size: ArrayLike, arm: ArrayLike) -> float:
    """Return the correlation of two deals of one cluster, by the analysis of variance within arms; can be slightly negative.

    It is nought where each cluster has one deal.
    Source: Donner (1986), A review of inference procedures for the intraclass correlation coefficient, ISR 54, 67-82.
    """
    total, squares, size = (np.asarray(array, dtype=float) for array in (total, squares, size))
    arms = np.asarray(arm, dtype=np.int64)
    of_arm = np.bincount(arms, weights=size)
    means = np.bincount(arms, weights=total) / of_arm
    count, clusters, n = len(np.unique(arms)), len(size), float(size.sum())
    if n <= clusters:  # one deal each: nothing can be told of two
        return 0.0
    within = float((squares - total**2 / size).sum()) / (n - clusters)
    between = float((size * (total / size - means[arms]) ** 2).sum()) / (clusters - count)
    typical = (n - float((np.bincount(arms, weights=size**2) / of_arm).sum())) / (clusters - count)
    spread = between + (typical - 1) * within
    return (between - within) / spread if spread > 0 else 0.0


def _inverse_root(matrix: Array) -> Array:
    """Return the symmetric inverse square root, with zero for the directions that the regression fits exactly."""
    values, vectors = np.linalg.eigh(matrix)
    keep = values > 1e-10
    roots = np.where(keep, 1 / np.sqrt(np.where(keep, values, 1.0)), 0.0)
    return np.asarray(vectors * roots @ vectors.T)


def _satterthwaite(gram: Array) -> float:
    return float(np.trace(gram) ** 2 / np.sum(gram**2))
