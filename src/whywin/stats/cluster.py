"""Inference for few clusters: bias-reduced linearisation (CR2) with Satterthwaite degrees of freedom.

Sources: Bell and McCaffrey (2002), Bias reduction in standard errors for linear regression with multi-stage samples, Survey
Methodology 28, 169-181; Pustejovsky and Tipton (2018), Small-sample methods for cluster-robust variance estimation and
hypothesis testing in fixed effects models, JBES 36, 672-683. The working model is independent errors of equal variance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

Array = NDArray[np.float64]


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


def arm_contrast(total: ArrayLike, size: ArrayLike, arm: ArrayLike, contrast: ArrayLike) -> Contrast:
    """Return a contrast of arms' means from one row a cluster: the same numbers as `cr2` on the deals with a column an arm.

    With regressors that are constant within a cluster the adjustment matrix has a closed form, so that nothing larger than
    the number of clusters is needed: (I − 11'/N)^(-1/2) 1 = 1 / sqrt(1 − n/N) for a cluster of n in an arm of N.

    Args:
        total: sum of the outcomes of each cluster.
        size: number of deals of each cluster, at least 1.
        arm: arm of each cluster, 0…k-1; every arm has at least two clusters.
        contrast: weight of each arm's mean, k.
    """
    total, size, c = (np.asarray(array, dtype=float) for array in (total, size, contrast))
    arms = np.asarray(arm, dtype=np.int64)
    of_arm = np.bincount(arms, weights=size, minlength=len(c))
    means = np.bincount(arms, weights=total, minlength=len(c)) / np.where(of_arm > 0, of_arm, 1.0)
    whole = of_arm[arms]
    adjusted = c[arms] / whole / np.sqrt(1 - size / whole)
    scores = adjusted * (total - size * means[arms])
    moments = adjusted * size
    gram = np.diag(adjusted**2 * size) - np.outer(moments, moments) * (arms[:, None] == arms[None, :]) / whole[:, None]
    return Contrast(float(c @ means), float(np.sqrt(np.sum(scores**2))), _satterthwaite(gram))


def intracluster_correlation(total: ArrayLike, squares: ArrayLike, size: ArrayLike, arm: ArrayLike) -> float:
    """Return the correlation of two deals of one cluster, by the analysis of variance within arms; can be slightly negative.

    Source: Donner (1986), A review of inference procedures for the intraclass correlation coefficient, ISR 54, 67-82.
    """
    total, squares, size = (np.asarray(array, dtype=float) for array in (total, squares, size))
    arms = np.asarray(arm, dtype=np.int64)
    of_arm = np.bincount(arms, weights=size)
    means = np.bincount(arms, weights=total) / of_arm
    count, clusters, n = len(np.unique(arms)), len(size), float(size.sum())
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
