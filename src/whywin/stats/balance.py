"""How alike two groups are: standardised mean differences, variance ratios, and the distance of their distributions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Balance:
    """How alike two groups are, one number a covariate.

    Attributes:
        treated: mean of the treated.
        controls: mean of the controls.
        difference: standardised mean difference.
        ratio: variance of the treated over variance of the controls; 1 where neither varies.
        distance: largest distance between the two distribution functions (Kolmogorov and Smirnov), 0 to 1.
    """

    treated: Floats
    controls: Floats
    difference: Floats
    ratio: Floats
    distance: Floats


def balance(matrix: Floats, treated: NDArray[np.bool_], weight: Floats, *, everyone: bool) -> Balance:
    """Compare the weighted covariates of treated and controls.

    Differences are in standard deviations before weighting: of the treated when the effect is asked for them, else the root mean
    square of both groups', so that a difference cannot shrink because a group became more spread out.
    Source: Stuart (2010), Matching methods for causal inference: a review and a look forward, Statistical Science 25, 1-21.
    """
    first, second = _moments(matrix[treated], weight[treated]), _moments(matrix[~treated], weight[~treated])
    plain = [matrix[group].var(axis=0, ddof=1) for group in (treated, ~treated)]
    spread = np.sqrt((plain[0] + plain[1]) / 2 if everyone else plain[0])
    spread = np.where(spread > 0, spread, np.sqrt(plain[1]))
    gap = first[0] - second[0]
    difference = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    ratio = np.divide(first[1], second[1], out=np.where(first[1] > 0, np.inf, 1.0), where=second[1] > 0)
    distance = np.array([_distance(column, treated, weight) for column in matrix.T])
    return Balance(first[0], second[0], difference, ratio, distance)


def effective(weight: Floats) -> float:
    """Return how many equally weighted units would be as precise: (Σw)² / Σw² (Kish, 1965, Survey Sampling)."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def outside(places: Floats, treated: NDArray[np.bool_], *, everyone: bool) -> float:
    """Return the share of units that lie beyond the other group's range: of the treated, or of everyone."""
    beyond = np.zeros(len(places), dtype=bool)
    for group in (treated, ~treated):
        other = places[~group]
        beyond |= group & ((places < other.min()) | (places > other.max()))
    return float(beyond.mean() if everyone else beyond[treated].mean())


def _moments(rows: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return weighted means and variances, unbiased for weights that tell how much a row is worth."""
    total = weight.sum()
    mean = weight @ rows / total
    free = total - (weight**2).sum() / total
    spread = weight @ (rows - mean) ** 2
    return np.asarray(mean), np.asarray(spread / free if free > 0 else np.zeros_like(spread))


def _distance(column: Floats, treated: NDArray[np.bool_], weight: Floats) -> float:
    order = np.argsort(column, kind="stable")
    values, first = column[order], np.where(treated, weight, 0.0)[order]
    second = weight[order] - first
    last = np.append(values[1:] != values[:-1], True)
    gap = np.cumsum(first) / first.sum() - np.cumsum(second) / second.sum()
    return float(np.abs(gap[last]).max())
