"""Variances of estimates that are means of influence values: what each unit moves the estimate by, times the number of units.

Sources: Tsiatis (2006), Semiparametric theory and missing data, Springer, chapter 3; Liang and Zeger (1986), Longitudinal data
analysis using generalized linear models, Biometrika 73, 13-22 (clusters).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def variance_of(influence: Floats, clusters: NDArray[np.int64] | None = None) -> float:
    """Return the variance of an estimate from its influence values, whose mean is 0; G / (G - 1) times the clusters' with G of them."""
    count = len(influence)
    if clusters is None:
        return float((influence**2).sum()) / count**2
    sums = np.bincount(clusters, influence)
    groups = int((np.bincount(clusters) > 0).sum())
    return float((sums**2).sum()) / count**2 * groups / max(groups - 1, 1)


def median_of_splits(values: ArrayLike, variances: ArrayLike) -> tuple[float, float]:
    """Return the median estimate over several random splits, and the median of the variances with each split's own distance added.

    Source: Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey and Robins (2018), Double/debiased machine learning for treatment and
    structural parameters, Econometrics Journal 21, definition 3.3.
    """
    values, variances = np.asarray(values, dtype=float), np.asarray(variances, dtype=float)
    middle = float(np.median(values))
    return middle, float(np.median(variances + (values - middle) ** 2))
