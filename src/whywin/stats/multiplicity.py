"""p-values of many questions asked at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
