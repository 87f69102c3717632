"""Two-way fixed effects of an adoption, which stand beside better estimates to be compared with, and the weights that spoil them.

Sources: de Chaisemartin and D'Haultfœuille (2020), Two-way fixed effects estimators with heterogeneous treatment effects, American Economic
Review 110, 2964-2996; Goodman-Bacon (2021), Difference-in-differences with variation in treatment timing, Journal of Econometrics 225.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whywin.stats.staggered import Adoption

Array = NDArray[np.float64]
SWEEPS: Final = 10_000


@dataclass(frozen=True)
class TwoWay:
    """A regression's coefficient of being treated, with an effect for each unit and each period.

    Attributes:
        value: the coefficient.
        error: its standard error, clustered by unit.
        negative: the share of treated observations whose effect counts with the wrong sign, because early adopters serve as controls.
    """

    value: float
    error: float
    negative: float


def two_way(given: Adoption) -> TwoWay:
    """Return the coefficient of being treated in a regression on units and periods."""
    treated = (given.period >= given.cohort[given.unit]).astype(float)
    period = np.unique(given.period, return_inverse=True)[1]
    d, y = (_without(values, given.unit, period) for values in (treated, given.outcome))
    value = float(d @ y / (d @ d))
    units, n = int(given.unit.max()) + 1, len(y)
    sums = np.bincount(given.unit, d * (y - value * d), minlength=units)
    fitted = 1 + int(period.max())
    error = float(np.sqrt((sums**2).sum() * units / (units - 1) * (n - 1) / (n - fitted))) / float(d @ d)
    return TwoWay(value, error, float((d[treated == 1] < 0).mean()))


def _without(values: Array, unit: NDArray[np.int64], period: NDArray[np.int64]) -> Array:
    """Return values without the means of units and periods, taken out in turn until neither is left."""
    left, size = values - values.mean(), max(float(np.abs(values).max()), 1e-300)
    for _ in range(SWEEPS):
        before = left
        for codes in (unit, period):
            counts = np.bincount(codes)
            left = left - (np.bincount(codes, left) / np.maximum(counts, 1))[codes]
        if np.abs(left - before).max() < 1e-12 * size:
            break
    return left
