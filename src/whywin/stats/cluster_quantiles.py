"""Quantiles of deals that come in clusters, by arm, and their difference."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from whywin.stats.cluster import Contrast, arm_contrast

Array = NDArray[np.float64]


def quantile_of(values: ArrayLike, clusters: ArrayLike, quantile: float) -> Contrast:
    """Return a quantile with a standard error from Woodruff's interval: that of the share below it, carried back to the values.

    The share's error is CR2's by cluster; the error is half the distance of the quantiles one standard error of the share to
    either side, taken at t = 2 standard errors and halved again, so that ties among few values do not make it nought.
    Source: Woodruff (1952), Confidence intervals for medians and other position measures, JASA 47, 635-646.

    Args:
        values: of each deal.
        clusters: the cluster of each deal; at least two.
        quantile: which, between 0 and 1.
    """
    y = np.asarray(values, dtype=float)
    index = np.unique(np.asarray(clusters), return_inverse=True)[1]
    value = float(np.quantile(y, quantile))
    below = np.bincount(index, weights=(y <= value) - 0.5 * (y == value))
    share = arm_contrast(below, np.bincount(index), np.zeros(index.max() + 1, dtype=np.int64), [1.0])
    reach = float(student.ppf(0.975, share.degrees))
    ends = np.quantile(y, np.clip([quantile - reach * share.standard_error, quantile + reach * share.standard_error], 0, 1))
    return Contrast(value, float(ends[1] - ends[0]) / 2 / reach, share.degrees)


def difference_of(first: Contrast, second: Contrast) -> Contrast:
    """Return first less second of independent samples, with Satterthwaite's degrees of freedom."""
    parts = first.standard_error**2, second.standard_error**2
    whole = sum(parts)
    degrees = whole**2 / (parts[0] ** 2 / first.degrees + parts[1] ** 2 / second.degrees) if whole > 0 else first.degrees
    return Contrast(first.value - second.value, float(np.sqrt(whole)), float(degrees))


def log_ratio_of(first: Contrast, second: Contrast) -> Contrast:
    """Return the log of first over second of independent samples by the delta method; not a number unless both are positive."""
    if min(first.value, second.value) <= 0:
        return Contrast(np.nan, np.nan, min(first.degrees, second.degrees))
    logs = [Contrast(float(np.log(one.value)), one.standard_error / one.value, one.degrees) for one in (first, second)]
    return difference_of(*logs)
