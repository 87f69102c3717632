"""The difference of two medians when deals of one group resemble one another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whywin.stats.jackknife import jackknife, share_interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Median:
    """A median with its interval, in the values' own unit."""

    value: float
    low: float
    high: float


def median(values: ArrayLike, groups: ArrayLike, level: float) -> Median:
    """Return the median with Woodruff's interval; from the least to the greatest value where there is only one group.

    The share of values up to the median has an interval by the jackknife of groups; its ends are read off as quantiles, so that no
    density is estimated and ties (whole days) make it wider, never narrower.
    Source: Woodruff (1952), Confidence intervals for medians and other position measures, JASA 47, 635-646.

    Args:
        values: n numbers, at least one.
        groups: the group of each, n integers from 0.
        level: coverage, between 0 and 1.
    """
    x, groups = np.asarray(values, dtype=float), np.asarray(groups, dtype=np.int64)
    middle = float(np.median(x))
    # Ties count half, so that the share stays near one half, where its spread is that of the median.
    below = (x < middle) + 0.5 * (x == middle)
    share = jackknife(np.column_stack([below, np.ones(len(x))]), groups, lambda sums: sums[..., 0] / sums[..., 1])
    count = len(np.unique(groups))
    if count < 2 or not np.isfinite(share.standard_error):
        return Median(middle, float(x.min()), float(x.max()))
    low, high = share_interval(share, count, level)
    low, high = 0.5 - (share.value - low), 0.5 + (high - share.value)
    ends = np.quantile(x, [max(low, 0.0)], method="inverted_cdf")[0], np.quantile(x, [min(high, 1.0)], method="higher")[0]
    return Median(middle, min(float(ends[0]), middle), max(float(ends[1]), middle))


def median_gap(first: ArrayLike, first_groups: ArrayLike, second: ArrayLike, second_groups: ArrayLike, level: float) -> Median:
    """Return the first median minus the second, their intervals joined by square-and-add.

    Reps that are slow are so in the deals that they win and in those that they lose: the correlation of the two medians over groups
    is estimated, and counted only where it is positive and as far as the number of groups lets it be known.
    Source: Zou and Donner (2008), Construction of confidence limits about effect measures, Statistics in Medicine 27, 1693-1702.
    """
    x, y, in_x, in_y = (np.asarray(one) for one in (first, second, first_groups, second_groups))
    one, two = median(x, in_x, level), median(y, in_y, level)
    r = _correlation(_pulls(x, in_x, in_y), _pulls(y, in_y, in_x))
    value = one.value - two.value
    down = _joined(one.value - one.low, two.high - two.value, r)
    up = _joined(one.high - one.value, two.value - two.low, r)
    return Median(value, value - down, value + up)


def _pulls(values: Array, groups: Array, others: Array) -> Array:
    """Return how far each group, of either side, pulls the share of values up to the median."""
    middle = np.median(values)
    every = np.unique(np.concatenate([groups, others]))
    signs = np.where(values > middle, 1.0, 0.0) - np.where(values < middle, 1.0, 0.0)
    return np.asarray(np.bincount(np.searchsorted(every, groups), weights=signs, minlength=len(every)))


def _correlation(first: Array, second: Array) -> float:
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    r = float((first * second).sum() / scale) if scale > 0 else 0.0
    # A correlation of few groups is known to about 1/sqrt(groups): one standard error less errs to the wide side.
    return max(r - (1 - r**2) / float(np.sqrt(len(first))), 0.0)


def _joined(first: float, second: float, r: float) -> float:
    return float(np.sqrt(max(float(first**2 + second**2 - 2 * r * first * second), 0.0)))
