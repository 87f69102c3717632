"""Group sequential tests: how often one may look, and what is then far enough.

The statistic at the looks is taken as normal with independent increments of information; probabilities of first crossing a
boundary come from recursive numerical integration. Bounds are on the scale of z, information as shares of its final amount.
Sources: Armitage, McPherson and Rowe (1969), Repeated significance tests on accumulating data, JRSS A 132, 235-244; Lan and
DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70, 659-663; Jennison and Turnbull (2000), Group
Sequential Methods with Applications to Clinical Trials.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm

Array = NDArray[np.float64]
Spending = Literal["obrien_fleming", "pocock", "hwang_shih_decani", "kim_demets"]
SPENDINGS: Final = get_args(Spending)
EXTREME: Final = 20.0  # a bound beyond this is never crossed
_WIDE: Final = 9.0  # standard deviations beyond which nothing is left to integrate
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def spent(spending: Spending, alpha: float, shares: ArrayLike, parameter: float = 0.0) -> Array:
    """Return how much of a one-sided error rate may be used up at each share of the information; all of it from 1 on.

    Args:
        spending: Lan and DeMets's functions like O'Brien and Fleming's or Pocock's bounds, that of Hwang, Shih and DeCani
            (1990, `parameter` is their gamma; 0 spends evenly), or that of Kim and DeMets (1987, `parameter` is the power).
        alpha: the one-sided error rate.
        shares: shares of the final information, above 0.
        parameter: of the last two functions.
    """
    t = np.minimum(np.asarray(shares, dtype=float), 1.0)
    if spending == "obrien_fleming":
        return np.asarray(2 * norm.sf(norm.isf(alpha / 2) / np.sqrt(t)))
    if spending == "pocock":
        return np.asarray(alpha * np.log1p((np.e - 1) * t))
    if spending == "kim_demets":
        return np.asarray(alpha * t**parameter)
    return np.asarray(alpha * (np.expm1(-parameter * t) / np.expm1(-parameter) if parameter else t))


def bounds(shares: ArrayLike, cumulative: ArrayLike, *, sides: int = 2) -> Array:
    """Return the upper bound of each look that uses up these cumulative one-sided error rates.

    Args:
        shares: information at each look, rising, in any unit.
        cumulative: one-sided error rate used up by each look, rising.
        sides: 2 if crossing the mirrored lower bound stops the trial too, else 1.
    """
    t = np.asarray(shares, dtype=float)
    walk, found = _START, []
    for now, increment in zip(t, np.diff(np.asarray(cumulative, dtype=float), prepend=0.0), strict=True):
        upper = _solved(walk, now, increment) * np.sqrt(now)
        found.append(upper / np.sqrt(now))
        walk = walk.on(now, -upper if sides == 2 else -np.inf, upper)
    return np.array(found)


def classical_bounds(shares: ArrayLike, alpha: float, *, power: float, sides: int = 2) -> Array:
    """Return bounds of Wang and Tsiatis (1987): c · share^(power - 1/2), with O'Brien and Fleming's at 0 and Pocock's at 1/2.

    `alpha` is the error rate of all `sides` together.
    """
    t = np.asarray(shares, dtype=float)
    form = (t / t[-1]) ** (power - 0.5)

    def excess(c: float) -> float:
        lower = -c * form if sides == 2 else np.full(len(t), -np.inf)
        return float(sum(side.sum() for side in crossing(t, lower, c * form)[: 1 + (sides == 2)])) - alpha

    return np.asarray(form * brentq(excess, 0.5, 12.0, xtol=1e-12))


def crossing(shares: ArrayLike, lower: ArrayLike, upper: ArrayLike, drift: float = 0.0) -> tuple[Array, Array]:
    """Return for each look the chances that the upper and that the lower bound is the first to be crossed there.

    Args:
        shares: information at each look, rising.
        lower: lower bounds of z; minus infinity where there is none.
        upper: upper bounds of z.
        drift: expected z at one unit of information.
    """
    return _crossed(_START, shares, lower, upper, drift)


def drift_for(shares: ArrayLike, lower: ArrayLike, upper: ArrayLike, power: float) -> float:
    """Return the drift (expected z at information 1) under which the upper bound is crossed with this chance."""
    return float(brentq(lambda d: crossing(shares, lower, upper, d)[0].sum() - power, 0.0, 30.0, xtol=1e-12))


def inflation(shares: ArrayLike, upper: ArrayLike, alpha: float, power: float, *, sides: int = 2) -> float:
    """Return how many times the information of a single look these bounds need for the same power.

    `alpha` is the one-sided error rate.
    """
    t = np.asarray(shares, dtype=float) / np.asarray(shares, dtype=float)[-1]
    lower = -np.asarray(upper) if sides == 2 else np.full(len(t), -np.inf)
    return float((drift_for(t, lower, upper, power) / (norm.isf(alpha) + norm.ppf(power))) ** 2)


def futility_bounds(shares: ArrayLike, upper: ArrayLike, cumulative: ArrayLike) -> tuple[Array, float]:
    """Return lower bounds that use up these cumulative chances of missing an effect, and the drift that has this power.

    The last one meets the last upper bound. The upper bounds are kept as they are, so that a trial which runs on beyond a
    lower bound keeps its error rate (they are not binding).

    Args:
        shares: information at each look, rising to 1.
        upper: upper bounds of z.
        cumulative: chance of missing the effect used up by each look, rising to 1 - power.
    """
    t, high = np.asarray(shares, dtype=float), np.asarray(upper, dtype=float)
    missed = np.diff(np.asarray(cumulative, dtype=float), prepend=0.0)

    def lower_of(drift: float) -> Array:
        walk, found = _START, []
        for now, increment, top in zip(t, missed, high, strict=True):
            low = -_solved(walk.mirrored, now, increment) * np.sqrt(now)
            found.append((low + drift * now) / np.sqrt(now))
            walk = walk.on(now, low, max(low, top * np.sqrt(now) - drift * now))
        return np.array(found)

    drift = float(brentq(lambda d: lower_of(d)[-1] - high[-1], 0.5, 15.0, xtol=1e-11))
    return np.minimum(lower_of(drift), high), drift


def conditional_power(
    z: float, share: float, shares: ArrayLike, lower: ArrayLike, upper: ArrayLike, drift: float
) -> tuple[float, float]:
    """Return the chances of crossing the upper and the lower bound at the looks that are left, given z at a share.

    Args:
        z: the statistic now.
        share: the share of the information now, below all of `shares`.
        shares: the shares at the looks that are left.
        lower: their lower bounds.
        upper: their upper bounds.
        drift: expected z at the full information; z / sqrt(share) carries on what was seen.
    """
    now = _Walk(share, np.array([z * np.sqrt(share) - drift * share]), np.ones(1))
    up, down = _crossed(now, shares, lower, upper, drift)
    return float(up.sum()), float(down.sum())


@dataclass(frozen=True, eq=False)
class _Walk:
    """Where a walk without drift is at a time if it has crossed no bound: places and how much chance is at each."""

    time: float
    places: Array
    mass: Array

    @property
    def mirrored(self) -> "_Walk":
        return _Walk(self.time, -self.places, self.mass)

    def above(self, time: float, bound: float) -> float:
        """Return the chance of being above a bound at a later time."""
        return float(self.mass @ ndtr((self.places - bound) / np.sqrt(time - self.time)))

    def on(self, time: float, low: float, high: float) -> "_Walk":
        """Return the walk at a later time between two bounds."""
        step, wide = np.sqrt(time - self.time), _WIDE * np.sqrt(time)
        low, high = max(low, -wide), min(high, wide)
        if low >= high:
            return _Walk(time, np.zeros(1), np.zeros(1))
        panels = int(np.ceil((high - low) / (3 * step)))
        half = (high - low) / panels / 2
        centres = low + half * (1 + 2 * np.arange(panels))
        places = (centres[:, None] + half * _NODES).ravel()
        density = np.exp(-0.5 * ((places[:, None] - self.places) / step) ** 2) @ self.mass / (step * np.sqrt(2 * np.pi))
        return _Walk(time, places, density * np.tile(half * _WEIGHTS, panels))


_START = _Walk(0.0, np.zeros(1), np.ones(1))


def _crossed(walk: _Walk, shares: ArrayLike, lower: ArrayLike, upper: ArrayLike, drift: float) -> tuple[Array, Array]:
    up, down = [], []
    for now, low, high in zip(*(np.asarray(array, dtype=float) for array in (shares, lower, upper)), strict=True):
        bottom, top = low * np.sqrt(now) - drift * now, high * np.sqrt(now) - drift * now
        up.append(walk.above(now, top))
        down.append(walk.mirrored.above(now, -bottom))
        walk = walk.on(now, bottom, top)
    return np.array(up), np.array(down)


def _solved(walk: _Walk, time: float, chance: float) -> float:
    """Return the bound of z at a time that is exceeded with this chance."""
    if chance <= walk.above(time, EXTREME * np.sqrt(time)) or chance <= 1e-300:
        return EXTREME
    if chance >= walk.above(time, -EXTREME * np.sqrt(time)):
        return -EXTREME
    wanted = float(norm.isf(chance))

    def gap(z: float) -> float:
        return float(norm.isf(np.clip(walk.above(time, z * np.sqrt(time)), 1e-300, 1 - 1e-15))) - wanted

    return float(brentq(gap, -EXTREME, EXTREME, xtol=1e-13))
