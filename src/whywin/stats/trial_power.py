"""Power of a trial of two arms of any sizes: by formula with t degrees of freedom and looks, and by simulated trials.

Sources: those of `power`, and Jennison and Turnbull (2000), Group Sequential Methods, for the inflation by looks; Searle (1971),
Linear Models, for the interval of the intra-cluster correlation.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import f as fisher
from scipy.stats import t as student

from whywin.stats.many_trials import adjusted_tests, arm_tests
from whywin.stats.power import Clusters, power_of

Array = NDArray[np.float64]
FAREST = 1e6  # weeks or units beyond which nothing is looked for


@dataclass(frozen=True, eq=False)
class Layout:
    """How a trial is laid out.

    Attributes:
        treated: number of units in the treated arm.
        control: number of units in control.
        alpha: two-sided error rate.
        shares: shares of the final information at the looks, the last 1.
        bounds: how many standard errors stop the trial at each look.
        inflation: how many times the information of a single look these bounds need for the same power.
    """

    treated: float
    control: float
    alpha: float = 0.05
    shares: tuple[float, ...] = (1.0,)
    bounds: tuple[float, ...] = ()
    inflation: float = 1.0

    def error(self, clusters: Clusters, effect: float = 0.0) -> float:
        """Return the standard error of an effect, as if there were one look.

        A covariate that is adjusted for differs between the arms by chance, which with N units costs (N − 3) / (N − 4) of the variance.
        """
        units = self.treated + self.control
        chance = (units - 3) / max(units - 4, 1.0) if clusters.before else 1.0
        return float(
            np.sqrt(chance * clusters.variance_of_mean() * (clusters.more_varied(effect) / self.treated + 1 / self.control))
        )

    def degrees(self, clusters: Clusters) -> float:
        """Return the degrees of freedom: 2 (J - 1) for two arms of J units, one less where a covariate is adjusted for."""
        return max(self.treated + self.control - 2 - (clusters.before != 0), 1.0)


def trial_power(clusters: Clusters, layout: Layout, effect: float) -> float:
    """Return the chance that the trial finds an effect; looks widen the error by the root of their inflation."""
    error = layout.error(clusters, effect) * float(np.sqrt(layout.inflation))
    return power_of(effect, error, layout.degrees(clusters), layout.alpha)


def smallest_effect(clusters: Clusters, layout: Layout, power: float = 0.8) -> float:
    """Return the smallest effect that the trial finds with this power."""
    error, degrees = layout.error(clusters) * float(np.sqrt(layout.inflation)), layout.degrees(clusters)
    far = 4 * (float(student.isf(layout.alpha / 2, degrees)) + float(student.ppf(power, degrees)) + 1)
    return float(brentq(lambda d: trial_power(clusters, layout, d * error) - power, 1e-6, far)) * error


def units_wanted(clusters: Clusters, layout: Layout, effect: float, power: float = 0.8) -> int:
    """Return how many units the trial needs in both arms, in the layout's ratio; the fewest is two in each."""
    share = layout.treated / (layout.treated + layout.control)

    def enough(units: int) -> bool:
        treated = max(round(share * units), 2)
        laid = replace(layout, treated=treated, control=max(units - treated, 2))
        return trial_power(clusters, laid, effect) >= power

    few, many = 4, 8
    while not enough(many) and many < FAREST:
        few, many = many, 2 * many
    while few < many:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle + 1, many)
    return many


def weeks_wanted(clusters: Clusters, layout: Layout, per_week: float, effect: float, power: float = 0.8) -> float:
    """Return after how many weeks the trial has this power; infinite where no number of deals is enough.

    However long it lasts, a unit is one unit: what units differ by does not average out over weeks.

    Args:
        clusters: the units; their size and its variation are those of any length, and are set for each.
        layout: the trial.
        per_week: deals that a unit closes in a week.
        effect: the effect to be found.
        power: the chance to find it.
    """
    spread = excess_variation(clusters.variation, clusters.size)

    def gap(weeks: float) -> float:
        size = per_week * weeks
        return trial_power(replace(clusters, size=size, variation=variation_of(spread, size)), layout, effect) - power

    if gap(FAREST) < 0:
        return float("inf")
    low = 1e-3 / per_week
    return float(brentq(gap, low, FAREST, xtol=1e-4)) if gap(low) < 0 else low


def excess_variation(variation: float, size: float) -> float:
    """Return the coefficient of variation of units' expected numbers of deals: the observed one less that of chance counts."""
    return float(np.sqrt(max(variation**2 - 1 / size, 0.0)))


def variation_of(spread: float, size: float) -> float:
    """Return the coefficient of variation of the numbers of deals when so many are expected, chance counts included."""
    return float(np.sqrt(spread**2 + 1 / size))


def correlation_interval(correlation: float, size: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return an interval of the correlation of two deals of one unit, by the F distribution of its analysis of variance.

    Exact for equal units and normal outcomes, close for others; never below nought.

    Args:
        correlation: its estimate.
        size: number of deals of each unit.
        level: the interval's coverage.
    """
    size = np.asarray(size, dtype=float)
    units, deals = len(size), float(size.sum())
    typical = (deals - float((size**2).sum()) / deals) / (units - 1)
    ratio = (1 + (typical - 1) * correlation) / max(1 - correlation, 1e-9)
    tail = (1 - level) / 2
    ends = [ratio / fisher.isf(side, units - 1, deals - units) for side in (tail, 1 - tail)]
    low, high = (max((end - 1) / (end + typical - 1), 0.0) for end in ends)
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class World:
    """What simulated trials are made of.

    Attributes:
        clusters: the units.
        mean: mean outcome of a deal in control.
        rates: whether outcomes are won or lost; else numbers, which are normal.
    """

    clusters: Clusters
    mean: float
    rates: bool


def simulated_power(world: World, layout: Layout, effect: float, *, worlds: int, rng: np.random.Generator) -> float:
    """Return the share of simulated trials that find an effect by CR2 with Satterthwaite degrees of freedom.

    Numbers of deals are gamma-Poisson, win rates of units beta, numbers normal; units without deals are left out. With looks
    the trial stops at the first that crosses its planned bound. Where `before` is set, each unit has a covariate that has this
    correlation with its mean, and it is adjusted for.
    """
    units = int(layout.treated + layout.control)
    treated = np.arange(units) < layout.treated
    expected = _expected_sizes(world.clusters, (worlds, units), rng)
    rate = _unit_means(world, np.asarray(treated * effect, dtype=float), (worlds, units), rng)
    x = _covariate(world, rate - treated * effect, rng)
    total, size = np.zeros((worlds, units)), np.zeros((worlds, units))
    found = np.zeros(worlds, dtype=bool)
    for place, step in enumerate(np.diff(layout.shares, prepend=0.0)):
        more = rng.poisson(step * expected)
        size = size + more
        total = total + _outcomes(world, rate, more, rng)
        tests = adjusted_tests(total, size, treated, x) if world.clusters.before else arm_tests(total, size, treated)
        bound = layout.bounds[place] if layout.bounds else None
        found |= ~tests.covers(0.0, 1 - layout.alpha) if bound is None else np.abs(tests.z()) > bound
    return float(found.mean())


def _expected_sizes(clusters: Clusters, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    spread = excess_variation(clusters.variation, clusters.size)
    if spread == 0:
        return np.full(shape, float(clusters.size))
    return np.asarray(clusters.size * rng.gamma(1 / spread**2, spread**2, shape))


def _unit_means(world: World, effect: Array, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    correlation = world.clusters.correlation
    mean = np.broadcast_to(world.mean + effect, shape)
    if not world.rates:
        return np.asarray(mean + np.sqrt(world.clusters.variance * correlation) * rng.normal(size=shape))
    mean = np.clip(mean, 1e-6, 1 - 1e-6)
    if correlation <= 0:
        return np.asarray(mean)
    strength = 1 / correlation - 1
    return np.asarray(rng.beta(mean * strength, (1 - mean) * strength))


def _outcomes(world: World, means: Array, deals: NDArray[np.int64], rng: np.random.Generator) -> Array:
    if world.rates:
        return rng.binomial(deals, means).astype(float)
    noise = np.sqrt(world.clusters.variance * (1 - world.clusters.correlation) * deals)
    return np.asarray(deals * means + noise * rng.normal(size=deals.shape))


def _covariate(world: World, means: Array, rng: np.random.Generator) -> Array:
    """Return what was known of each unit before: as much like its mean in an average trial as `before` says."""
    one = world.clusters
    between = np.sqrt(one.variance * one.correlation)
    if not one.before or between == 0:
        return np.asarray(rng.normal(size=means.shape))
    # a unit's mean in the trial is its own mean and chance: what correlates r with it correlates more with the former
    reliability = one.size * one.correlation / (1 + (one.size - 1) * one.correlation)
    own = min(one.before / np.sqrt(reliability), 0.999)
    return np.asarray(own * (means - world.mean) / between + np.sqrt(1 - own**2) * rng.normal(size=means.shape))
