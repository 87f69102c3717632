"""Power, minimum detectable effect and numbers of units of trials whose unit is a cluster of deals.

Sources: Donner and Klar (2000), Design and Analysis of Cluster Randomization Trials; Eldridge, Ashby and Kerry (2006), Sample
size for cluster randomized trials: effect of coefficient of variation of cluster size, International Journal of Epidemiology
35, 1292-1300; Teerenstra, Eldridge, Graff, de Hoop and Borm (2012), A simple sample size formula for analysis of covariance
in cluster randomized trials, Statistics in Medicine 31, 2169-2178.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, norm
from scipy.stats import t as student

from whywin.stats.confidence_sequence import multiplier


@dataclass(frozen=True)
class Clusters:
    """What is known of the units before a trial.

    Attributes:
        size: mean number of deals of a unit.
        correlation: correlation of two deals of one unit.
        variation: coefficient of variation of the numbers of deals.
        variance: variance of a deal's outcome; p (1 - p) for a win rate p.
        before: correlation of a unit's mean in the trial with its mean before it, where that is adjusted for.
        mean: mean outcome of a deal in control where it is a rate, from which an arm's variance follows by its own rate; else None.
    """

    size: float
    correlation: float
    variation: float = 0.0
    variance: float = 0.25
    before: float = 0.0
    mean: float | None = None

    def variance_of_mean(self) -> float:
        """Return the variance that one unit contributes: that of an arm's mean, times the units in the arm."""
        factor = design_effect(self.size, self.correlation, self.variation)
        return self.variance * factor / self.size * (1 - self.before**2)

    def more_varied(self, effect: float) -> float:
        """Return how many times the outcome's variance in control is that in the treated arm: a rate that changes has another variance."""
        if self.mean is None:
            return 1.0
        treated = float(np.clip(self.mean + effect, 0.0, 1.0))
        return treated * (1 - treated) / self.variance


def design_effect(size: float, correlation: float, variation: float = 0.0) -> float:
    """Return how many times more deals are needed because they come in units of unequal sizes."""
    return 1 + ((variation**2 + 1) * size - 1) * correlation


def effective_deals(deals: float, size: float, correlation: float, variation: float = 0.0) -> float:
    """Return how many independent deals so many deals of units are worth."""
    return deals / design_effect(size, correlation, variation)


def power_of(effect: float, error: float, degrees: float, alpha: float) -> float:
    """Return the chance that a two-sided t-test at alpha rejects, for an effect and the standard error of its estimate."""
    critical = float(student.isf(alpha / 2, degrees))
    distance = abs(effect) / error
    # the far tail is below the accuracy of SciPy's noncentral t there, and never matters
    opposite = float(nct.cdf(-critical, degrees, distance)) if distance < 5 else 0.0
    near = float(nct.sf(critical, degrees, distance))
    return min(1.0, (near if np.isfinite(near) else 1.0) + opposite)


def cluster_power(clusters: Clusters, units: float, effect: float, alpha: float = 0.05) -> float:
    """Return the power of a trial with so many units in each of two arms, with 2 (units - 1) degrees of freedom."""
    error = float(np.sqrt(2 * clusters.variance_of_mean() / units))
    return power_of(effect, error, 2 * (units - 1), alpha)


def detectable_effect(clusters: Clusters, units: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the smallest effect that a trial with so many units in each of two arms finds with this power."""
    error = float(np.sqrt(2 * clusters.variance_of_mean() / units))
    far = 4 * (float(student.isf(alpha / 2, 2 * (units - 1))) + float(student.ppf(power, 2 * (units - 1))) + 1)
    return float(brentq(lambda d: power_of(d * error, error, 2 * (units - 1), alpha) - power, 1e-6, far)) * error


def units_needed(clusters: Clusters, effect: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Return how many units each of two arms needs; at least 2, and as many as there are deals in the world at most.

    Raises:
        ValueError: the effect is zero.
    """
    if effect == 0:
        raise ValueError("no number of units finds an effect of zero")
    few, many = 2, 4
    while cluster_power(clusters, many, effect, alpha) < power:
        few, many = many, 2 * many
    while few < many:
        middle = (few + many) // 2
        few, many = (few, middle) if cluster_power(clusters, middle, effect, alpha) >= power else (middle + 1, many)
    return many


def units_for_t_test(distance: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the units, not rounded, in each of two equal arms for a t-test on an effect of so many standard deviations."""

    def excess(units: float) -> float:
        return power_of(distance, float(np.sqrt(2 / units)), 2 * (units - 1), alpha) - power

    top = 4.0
    while excess(top) < 0:
        top *= 2
    return float(brentq(excess, 1.01, top, xtol=1e-9))


def deals_for_rates(control: float, treated: float, power: float = 0.8, alpha: float = 0.05, *, sides: int = 2) -> int:
    """Return the independent deals that each of two equal arms needs to tell two rates (0 to 1) apart, by the normal formula."""
    quantiles = float(norm.isf(alpha / sides) + norm.ppf(power))
    spread = control * (1 - control) + treated * (1 - treated)
    return int(np.ceil(quantiles**2 * spread / (treated - control) ** 2))


def times_needed(
    effect: float, variance: float, power: float = 0.8, alpha: float = 0.05, *, units: float = 0.0, tuning: float | None = None
) -> float:
    """Return how many times the present sample must still be added for this power; 0 where it is enough.

    Args:
        effect: the effect of interest.
        variance: variance of its estimate from the present sample.
        power: the chance of finding it.
        alpha: two-sided error rate.
        units: units in the present sample; needed with a tuning.
        tuning: of an asymptotic confidence sequence, if that decides; otherwise one look with normal quantiles does.
    """

    def excess(added: float) -> float:
        error = float(np.sqrt(variance / (1 + added)))
        reach = multiplier(units * (1 + added), alpha, tuning) if tuning else float(norm.isf(alpha / 2))
        return float(norm.sf(reach - abs(effect) / error) + norm.cdf(-reach - abs(effect) / error)) - power

    if excess(0.0) >= 0:
        return 0.0
    top = 1.0
    while excess(top) < 0:
        top *= 2
    return float(brentq(excess, 0.0, top, xtol=1e-10))
