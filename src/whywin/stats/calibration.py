"""How often a method is wrong on units whose arms are drawn anew: A/A trials, and trials with an effect that was put in.

The tests are vectorised over the draws through the units' sums. Source of the idea: Deng, Xu, Kohavi and Walker (2013), Improving
the sensitivity of online controlled experiments, WSDM, and Kohavi, Tang and Xu (2020), Trustworthy Online Controlled
Experiments, chapter 19, for A/A tests on a company's own past.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from whywin.stats.cluster import intracluster_correlation
from whywin.stats.many_trials import Differences, adjusted_tests, arm_tests

Array = NDArray[np.float64]
Draws = NDArray[np.bool_]
Covers = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Units:
    """The units' sums at each look, the last the whole.

    Attributes:
        total: sum of the metric, looks × units, or looks × draws × units.
        squares: sum of its squares, likewise.
        size: number of deals, looks × units.
        before: what was known of each unit before; None where nothing is adjusted for.
        rates: whether the metric is a share of deals.
    """

    total: Array
    squares: Array
    size: Array
    before: Array | None
    rates: bool


Holds = Callable[[Units, Draws, float, float], Covers]  # units, who is treated, the true effect, the level → what is covered


def with_effect(units: Units, treated: Draws, effect: float, rng: np.random.Generator) -> Units:
    """Return the units with an effect on the treated ones of each draw: the average deal's mean is moved by it.

    A share is moved by turning lost deals into won ones (or won into lost) at random; a number is shifted.
    """
    steps = np.diff(units.size, axis=0, prepend=0.0)
    gains = np.diff(units.total, axis=0, prepend=0.0)
    shape = (len(gains), *treated.shape)
    if units.rates:
        rate = float(units.total[-1].sum() / units.size[-1].sum())
        chance = min(abs(effect) / ((1 - rate) if effect > 0 else rate), 1.0)
        pool = np.rint(steps - gains if effect > 0 else gains).astype(np.int64)
        more = np.sign(effect) * rng.binomial(np.broadcast_to(pool[:, None, :], shape), chance)
        squares = units.squares[:, None, :] + np.cumsum(more * treated, axis=0)
    else:
        more = np.broadcast_to((steps * effect)[:, None, :], shape)
        whole = units.squares[:, None, :] + (2 * effect * units.total + effect**2 * units.size)[:, None, :]
        squares = np.where(treated, whole, units.squares[:, None, :])
    return Units(units.total[:, None, :] + np.cumsum(more * treated, axis=0), squares, units.size, units.before, units.rates)


def by_clusters(units: Units, treated: Draws, true: float, level: float) -> Covers:
    """Return in which draws the interval of CR2 with Satterthwaite degrees of freedom holds the true effect."""
    return arm_tests(units.total[-1], units.size[-1], treated).covers(true, level)


def by_adjustment(units: Units, treated: Draws, true: float, level: float) -> Covers:
    """Return the same with the covariate adjusted for."""
    if units.before is None:
        return by_clusters(units, treated, true, level)
    return adjusted_tests(units.total[-1], units.size[-1], treated, units.before).covers(true, level)


def by_deals(units: Units, treated: Draws, true: float, level: float) -> Covers:
    """Return in which draws Welch's interval over deals holds the true effect."""
    means, variances = [], []
    for arm in (treated, ~treated):
        n = np.maximum((units.size[-1] * arm).sum(axis=1), 2.0)
        total, squares = ((part[-1] * arm).sum(axis=1) for part in (units.total, units.squares))
        means.append(total / n)
        variances.append((squares - total**2 / n) / (n - 1) / n)
    error = np.sqrt(variances[0] + variances[1])
    return np.asarray(np.abs(means[0] - means[1] - true) <= norm.isf((1 - level) / 2) * error)


def by_sequence(reach: float) -> Holds:
    """Return the test of a confidence sequence that reaches so many standard errors, on the normal scale, to either side."""

    def covers(units: Units, treated: Draws, true: float, _: float) -> Covers:
        return _within(arm_tests(units.total[-1], units.size[-1], treated), true, reach)

    return covers


def by_looks(bounds: tuple[float, ...]) -> Holds:
    """Return the test of repeated confidence intervals with these bounds at the looks: it holds if all of them do."""

    def covers(units: Units, treated: Draws, true: float, _: float) -> Covers:
        held = np.ones(len(treated), dtype=bool)
        for total, size, bound in zip(units.total, units.size, bounds, strict=True):
            held &= _within(arm_tests(total, size, treated), true, bound)
        return held

    return covers


def by_redrawing(units: Units, treated: Draws, level: float) -> Holds:
    """Return the studentised randomisation test whose distribution is that of these draws.

    The p-value of a draw is its place among all of them; with an effect its statistic is compared with the same quantile.
    """
    t = _studentised(units, treated, 0.0)
    critical = float(np.quantile(t, level, method="higher"))

    def covers(moved: Units, assigned: Draws, true: float, _: float) -> Covers:
        return np.asarray(_studentised(moved, assigned, true) <= critical * (1 + 1e-9))

    return covers


def range_of_right(
    units: Units,
    treated: Draws,
    level: float,
    rng: np.random.Generator,
    *,
    companies: int = 100,
    draws: int = 300,
    reach: float = 3.0,
) -> tuple[float, float]:
    """Return between what shares of false alarms a method that is right may lie on units like these.

    Even a right method raises more than its share of false alarms among the units of one company, and fewer among another's: its rate
    holds over companies. With 8 unequal units a tenth is nothing unusual. So companies are made up whose units have the same sizes
    and are as alike within as these, CR2 is put to each, and the range is its mean and so many standard deviations to either side.

    Args:
        units: the units.
        treated: draws of who is treated, one a row.
        level: of the intervals.
        rng: where the companies come from.
        companies: how many are made up.
        draws: how many draws each is analysed in.
        reach: standard deviations to either side.
    """
    total, squares, size = (part[-1] for part in (units.total, units.squares, units.size))
    there = size > 0
    alone = size.max() <= 1  # single deals have nothing to be alike with
    parts = total[there], squares[there], size[there], np.zeros(int(there.sum()))
    correlation = 0.0 if alone else max(intracluster_correlation(*parts), 0.0)
    few = treated[: max(50, min(draws, 150_000 // len(size)))]  # so that many units take no longer
    mean = float(total.sum() / size.sum())
    variance = max(float(squares.sum() / size.sum()) - mean**2, 1e-12)
    rates = [
        1 - arm_tests(_made_up(size, mean, variance, correlation, rng, rates=units.rates), size, few).covers(0.0, level).mean()
        for _ in range(companies)
    ]
    middle, half = float(np.mean(rates)), reach * float(np.std(rates, ddof=1))
    return max(middle - half, 0.0), middle + half


def _made_up(size: Array, mean: float, variance: float, correlation: float, rng: np.random.Generator, *, rates: bool) -> Array:
    """Return sums of the metric of units of these sizes that nothing was tried on."""
    if not rates:
        own = mean + np.sqrt(variance * correlation) * rng.normal(size=len(size))
        return np.asarray(size * own + np.sqrt(size * variance * (1 - correlation)) * rng.normal(size=len(size)))
    strength = 1 / max(correlation, 1e-6) - 1
    inside = float(np.clip(mean, 1e-6, 1 - 1e-6))
    return rng.binomial(np.rint(size).astype(np.int64), rng.beta(inside * strength, (1 - inside) * strength, len(size))).astype(
        float
    )


def _studentised(units: Units, treated: Draws, true: float) -> Array:
    tests = arm_tests(units.total[-1], units.size[-1], treated)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.abs(tests.value - true) / tests.error, nan=0.0)


def _within(tests: Differences, true: float, reach: float) -> Covers:
    half = student.isf(norm.sf(reach), tests.degrees) * tests.error
    return np.asarray(~(np.abs(tests.value - true) > half))
