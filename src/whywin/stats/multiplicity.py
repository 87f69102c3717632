"""p-values of many questions asked at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's adjusted p-values: below 5 % for any true null in at most 5 of 100 such families; missing ones stay missing.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 65-70.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike, *, dependent: bool = False) -> NDArray[np.float64]:
    """Return p-values adjusted so that of all that are below 5 % at most 5 of 100 are expected to be false; missing stay missing.

    `dependent` holds it under any dependence (Benjamini and Yekutieli 2001, Annals of Statistics 29, 1165-1188).
    Source: Benjamini and Hochberg (1995), Controlling the false discovery rate, JRSS B 57, 289-300.
    """
    p = np.asarray(p_values, dtype=float)
    count = int((~np.isnan(p)).sum())
    factor = float((1 / np.arange(1, count + 1)).sum()) if dependent else 1.0
    return _stepped_up(p, lambda ordered: ordered * factor * count / np.arange(1, count + 1))


def hochberg_sidak(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted from the largest down with Šidák's bound, for independent tests; missing stay missing.

    Source: Hochberg (1988), A sharper Bonferroni procedure for multiple tests of significance, Biometrika 75, 800-802.
    """
    return _stepped_up(np.asarray(p_values, dtype=float), lambda ordered: 1 - (1 - ordered) ** np.arange(len(ordered), 0, -1))


def _stepped_up(p: NDArray[np.float64], adjust: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(np.minimum.accumulate(adjust(p[order])[::-1])[::-1], 1.0)
    return adjusted


def single_step(
    p_values: ArrayLike, correlation: ArrayLike, alpha: float, *, rng: np.random.Generator, draws: int = 20_000
) -> tuple[NDArray[np.float64], float]:
    """Return p-values adjusted by the least of a family, and the error rate that each interval of it may have; they agree exactly.

    An adjusted p-value is below alpha where and only where the interval at one minus that rate leaves the null value out. The
    statistics are taken as jointly normal with the given correlations, which few units tell only roughly; the rate is never
    below Bonferroni's. Missing p-values stay missing and do not count.
    Source: Westfall and Young (1993), Resampling-Based Multiple Testing, section 2.3.

    Args:
        p_values: two-sided, k.
        correlation: of the statistics, k × k.
        alpha: error rate of the family.
        rng: where the draws come from.
        draws: how many.
    """
    p, adjusted = np.asarray(p_values, dtype=float), np.full(len(np.asarray(p_values)), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    if len(known) <= 1:
        adjusted[known] = p[known]
        return adjusted, alpha
    matrix = np.asarray(correlation, dtype=float)[np.ix_(known, known)]
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    z = rng.standard_normal((draws, len(known))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    least = np.sort((2 * norm.sf(np.abs(z))).min(axis=1))
    rate = max(float(np.quantile(least, alpha, method="lower")), alpha / len(known))
    share = np.searchsorted(least, p[known], side="right") / draws
    # by Bonferroni at most, and on the side of alpha on which the interval's end is
    share = np.minimum(np.maximum(share, p[known]), np.minimum(len(known) * p[known], 1.0))
    inside = p[known] > rate
    adjusted[known] = np.where(inside, np.maximum(share, np.nextafter(alpha, 1)), np.minimum(share, alpha))
    return adjusted, rate


def selected_rate(p_values: ArrayLike, alpha: float) -> float:
    """Return the error rate of intervals for what Benjamini and Hochberg's procedure selects; all leave zero out there, and only there.

    Of the intervals that are shown because they were selected, at most alpha are expected not to cover.
    Source: Benjamini and Yekutieli (2005), False discovery rate-adjusted multiple confidence intervals, JASA 100, 71-81.
    """
    adjusted = benjamini_hochberg(p_values)
    count, found = int((~np.isnan(adjusted)).sum()), int((adjusted <= alpha).sum())
    return alpha * max(found, 1) / max(count, 1)
