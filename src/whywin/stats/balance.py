"""How alike two groups are: standardised mean differences, variance ratios, and the distances of their distributions."""

from collections.abc import Sequence
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
        average: their mean distance over the values that occur, 0 to 1.
    """

    treated: Floats
    controls: Floats
    difference: Floats
    ratio: Floats
    distance: Floats
    average: Floats


def balance(matrix: Floats, treated: NDArray[np.bool_], weight: Floats, *, everyone: bool) -> Balance:
    """Compare the weighted covariates of treated and controls.

    Differences are in standard deviations before weighting: of the treated when the effect is asked for them, else the root mean
    square of both groups', so that a difference cannot shrink because a group became more spread out.
    Source: Stuart (2010), Matching methods for causal inference: a review and a look forward, Statistical Science 25, 1-21.
    """
    return balances(matrix, treated, [weight], everyone=everyone)[0]


def balances(matrix: Floats, treated: NDArray[np.bool_], weights: Sequence[Floats], *, everyone: bool) -> list[Balance]:
    """Compare treated and controls by several weights, each covariate sorted once."""
    found = np.zeros((len(weights), 6, matrix.shape[1]))
    for at, column in enumerate(matrix.T):
        first, second = column[treated], column[~treated]
        plain = first.var(ddof=1), second.var(ddof=1)
        spread = np.sqrt((plain[0] + plain[1]) / 2 if everyone else plain[0]) or np.sqrt(plain[1])
        distances = _distances(column, treated, weights)
        for place, weight in enumerate(weights):
            (upper, own), (lower, other) = _moments(first, weight[treated]), _moments(second, weight[~treated])
            ratio = own / other if other > 0 else (np.inf if own > 0 else 1.0)
            difference = (upper - lower) / spread if spread > 0 else 0.0
            found[place, :, at] = (upper, lower, difference, ratio, *distances[place])
    return [Balance(*rows) for rows in found]


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


def _moments(values: Floats, weight: Floats) -> tuple[float, float]:
    """Return weighted mean and variance, unbiased for weights that tell how much a row is worth."""
    total = float(weight.sum())
    mean = float(weight @ values) / total
    free = total - float((weight**2).sum()) / total
    return mean, float(weight @ (values - mean) ** 2) / free if free > 0 else 0.0


def _distances(column: Floats, treated: NDArray[np.bool_], weights: Sequence[Floats]) -> list[tuple[float, float]]:
    """Return the largest and the mean distance of the two distribution functions, for each of the weights."""
    order = np.argsort(column, kind="stable")
    values, inside = column[order], treated[order]
    last = np.append(values[1:] != values[:-1], True)
    found = []
    for weight in weights:
        mine = weight[order]
        first = np.where(inside, mine, 0.0)
        mine -= first
        gap = np.abs(np.cumsum(first) / first.sum() - np.cumsum(mine) / mine.sum())[last]
        found.append((float(gap.max()), float(gap.mean())))
    return found
