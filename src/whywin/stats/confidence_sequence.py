"""Confidence sequences: intervals that hold at all times at once, so that one may look whenever one likes.

Sources: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), Time-uniform central limit theory and asymptotic confidence
sequences, arXiv 2103.06476; Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B
86, 1-27; Zhao, Liu and Deng (2019), Safely and quickly deploying new features with a staged rollout framework using
sequential test and adaptive experimental design, arXiv 1905.10493, for the mixture test with a normal prior.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

Array = NDArray[np.float64]


def mixture_scale(alpha: float, tuning: float) -> float:
    """Return the scale rho of the mixture whose sequence is narrowest, for its time, when there are `tuning` units."""
    return float(np.sqrt((-2 * np.log(alpha) + np.log(1 - 2 * np.log(alpha))) / tuning))


def multiplier(units: float, alpha: float, tuning: float) -> float:
    """Return how many standard errors an asymptotic confidence sequence reaches to either side with so many units.

    It is least at about `tuning` units and grows quickly below: with 40 units and a tuning of 5,000 it is 10.
    """
    grown = units * mixture_scale(alpha, tuning) ** 2
    return float(np.sqrt((grown + 1) / grown * 2 * np.log(np.sqrt(grown + 1) / alpha)))


def asymptotic_p_value(z: float, units: float, alpha: float, tuning: float) -> float:
    """Return the p-value that may be looked at whenever one likes, of an estimate `z` standard errors away from the null.

    `alpha` enters by the scale of the mixture only, so that p is at most alpha exactly when the sequence excludes the null.
    """
    grown = units * mixture_scale(alpha, tuning) ** 2
    return float(min(1.0, np.sqrt(grown + 1) * np.exp(-0.5 * z**2 * grown / (grown + 1))))


@dataclass(frozen=True)
class MixtureTest:
    """A difference of two means by the mixture sequential ratio test with a normal prior.

    Attributes:
        variance: of the difference.
        prior: variance of the prior of the difference.
        critical: how many standard errors the sequence reaches to either side.
        p_value: of no difference, as if its standard error were widened like the interval; at most alpha exactly when the
            interval excludes zero.
        interval: of the difference.
    """

    variance: float
    prior: float
    critical: float
    p_value: float
    interval: tuple[float, float]


def mixture_test(difference: float, variances: tuple[float, float], counts: tuple[float, float], alpha: float) -> MixtureTest:
    """Return the mixture sequential ratio test with the prior that one vendor documents.

    The prior variance is z² (sum of the variances) / (sum of the counts), z being the two-sided normal quantile of alpha.
    """
    variance = variances[0] / counts[0] + variances[1] / counts[1]
    prior = float(norm.isf(alpha / 2) ** 2 * sum(variances) / sum(counts))
    critical = float(np.sqrt((-2 * np.log(alpha / 2) - np.log(variance / (variance + prior))) * (variance + prior) / prior))
    half = critical * float(np.sqrt(variance))
    p_value = float(2 * norm.sf(norm.isf(alpha / 2) * abs(difference) / half))
    return MixtureTest(variance, prior, critical, p_value, (difference - half, difference + half))


def hoeffding_sequence(values: ArrayLike, alpha: float) -> tuple[Array, Array]:
    """Return the lower and upper ends, after each value in [0, 1], of the predictable-mixture Hoeffding sequence of the mean."""
    x = np.asarray(values, dtype=float)
    t = np.arange(1, len(x) + 1)
    bets = np.minimum(np.sqrt(8 * np.log(2 / alpha) / (t * np.log1p(t))), 1.0)
    spread = bets**2 / 8
    return _lower(x, bets, spread, alpha), 1 - _lower(1 - x, bets, spread, alpha)


def bernstein_sequence(values: ArrayLike, alpha: float, *, most: float = 0.5) -> tuple[Array, Array]:
    """Return the ends, after each value in [0, 1], of the predictable-mixture empirical Bernstein sequence of the mean.

    `most` is the largest bet, below 1.
    """
    x = np.asarray(values, dtype=float)
    ends = []
    for y in (x, 1 - x):
        bets = np.minimum(predictable_bets(y, alpha / 2), most)
        before = np.concatenate([[0.0], np.cumsum(y)[:-1] / np.arange(1, len(y))])
        ends.append(_lower(y, bets, (y - before) ** 2 * (-np.log1p(-bets) - bets), alpha))
    return ends[0], 1 - ends[1]


def betting_interval(values: ArrayLike, alpha: float, *, steps: int = 1000, most: float = 0.5) -> tuple[float, float]:
    """Return the hedged betting sequence of the mean after the last value in [0, 1], all earlier ones intersected with it.

    Args:
        values: the observations in their order.
        alpha: one minus the coverage at all times.
        steps: candidates for the mean are this many parts of [0, 1]; the ends are one part further out.
        most: share of the capital that is staked at most.
    """
    x = np.asarray(values, dtype=float)
    means = np.linspace(0, 1, steps + 1)[:, None]
    bets = predictable_bets(x, alpha / 2)
    with np.errstate(divide="ignore"):
        above, below = np.minimum(bets, most / means), np.minimum(bets, most / (1 - means))
        gains = np.cumsum(np.log1p(above * (x - means)), axis=1), np.cumsum(np.log1p(-below * (x - means)), axis=1)
    kept = np.maximum(*gains) + np.log(0.5) <= np.log(1 / alpha)
    some = kept.any(axis=0)
    lows = np.where(some, kept.argmax(axis=0) / steps, 0.0)
    highs = np.where(some, 1 - kept[::-1].argmax(axis=0) / steps, 1.0)
    return float(max(0.0, lows.max() - 1 / steps)), float(min(1.0, highs.min() + 1 / steps))


def predictable_bets(values: ArrayLike, alpha: float) -> Array:
    """Return what is staked on each value, from the variance of those before it and one made-up value of variance 1/4."""
    x = np.asarray(values, dtype=float)
    t = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variance[:-1]])
    return np.asarray(np.sqrt(2 * np.log(1 / alpha) / (before * t * np.log1p(t))))


def _lower(x: Array, bets: Array, spread: Array, alpha: float) -> Array:
    return np.asarray((np.cumsum(bets * x) - np.log(2 / alpha) - np.cumsum(spread)) / np.cumsum(bets))
