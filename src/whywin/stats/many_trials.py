"""The few-clusters test of two arms for thousands of trials at once, each one row of arrays: for calibration and design.

The numbers are those of `cluster.arm_contrast` and `cluster.cr2` on rows that are constant within a cluster (CR2 standard
errors, Satterthwaite degrees of freedom); only the work is arranged otherwise. Sources: Bell and McCaffrey (2002), Survey
Methodology 28, 169-181; Pustejovsky and Tipton (2018), JBES 36, 672-683.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

Array = NDArray[np.float64]
_CELLS = 2_000_000  # of the projections that are held at once


@dataclass(frozen=True, eq=False)
class Differences:
    """A difference of two arms in each trial; missing (NaN) where an arm has fewer than two clusters with deals.

    Attributes:
        value: treated less control, one number a trial.
        error: its standard error.
        degrees: its Satterthwaite degrees of freedom.
    """

    value: Array
    error: Array
    degrees: Array

    def half_width(self, level: float) -> Array:
        """Return half the width of the two-sided interval at a level between 0 and 1; infinite where there is no test."""
        wide = student.isf((1 - level) / 2, self.degrees) * self.error
        return np.asarray(np.where(np.isfinite(wide), wide, np.inf))

    def covers(self, true: float, level: float) -> NDArray[np.bool_]:
        """Return in which trials the interval holds a value; a trial without a test covers everything."""
        value = np.where(np.isfinite(self.value), self.value, true)
        return np.asarray(np.abs(value - true) <= self.half_width(level))

    def z(self) -> Array:
        """Return the statistics on the normal scale: with the p-values that they have by t; nought where there is no test."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.value) / self.error
            # a far tail must not become nought
            z = np.sign(self.value) * norm.isf(np.maximum(student.sf(t, self.degrees), 1e-300))
        return np.asarray(np.nan_to_num(z))


def arm_tests(total: Array, size: Array, treated: NDArray[np.bool_]) -> Differences:
    """Return the difference of two arms in the mean of a deal for each trial.

    Args:
        total: sum of the outcomes of each cluster, trials × clusters, or clusters if it is the same in all.
        size: its number of deals, likewise; a cluster without deals counts for nothing.
        treated: whether the cluster is treated, likewise.
    """
    total, size, treated = np.broadcast_arrays(np.atleast_2d(total), np.atleast_2d(size), np.atleast_2d(treated))
    value, variance, trace, squares = (np.zeros(len(total)) for _ in range(4))
    usable = np.ones(len(total), dtype=bool)
    for sign, arm in ((1.0, treated), (-1.0, ~treated)):
        n = np.where(arm, size, 0.0).astype(float)
        whole = n.sum(axis=1)
        usable &= (n > 0).sum(axis=1) > 1
        divisor = np.where(whole > 0, whole, 1.0)[:, None]
        mean = np.where(arm, total, 0.0).sum(axis=1) / divisor[:, 0]
        weight = 1 / (divisor * np.sqrt(np.maximum(1 - n / divisor, 1e-12)))
        variance += ((weight * np.where(arm, total - n * mean[:, None], 0.0)) ** 2).sum(axis=1)
        own, moment = weight**2 * n, (weight * n) ** 2
        trace += own.sum(axis=1) - moment.sum(axis=1) / divisor[:, 0]
        squares += (own**2 - 2 * own * moment / divisor).sum(axis=1) + (moment.sum(axis=1) / divisor[:, 0]) ** 2
        value += sign * mean
    degrees = np.divide(trace**2, squares, out=np.full(len(total), np.nan), where=squares > 0)
    missing = np.where(usable, 0.0, np.nan)
    return Differences(value + missing, np.sqrt(variance) + missing, degrees + missing)


def adjusted_tests(total: Array, size: Array, treated: NDArray[np.bool_], before: Array) -> Differences:
    """Return the difference of two arms for each trial, adjusted for one covariate of the cluster by weighted least squares.

    Args:
        total: sum of the outcomes of each cluster, trials × clusters.
        size: its number of deals, likewise.
        treated: whether the cluster is treated, likewise.
        before: the covariate, likewise, such as the cluster's mean before the trial.
    """
    parts = np.broadcast_arrays(*map(np.atleast_2d, (total, size, treated, before)))
    rows = max(1, _CELLS // parts[0].shape[1] ** 2)
    found = [_adjusted(*(part[start : start + rows] for part in parts)) for start in range(0, len(parts[0]), rows)]
    return Differences(*(np.concatenate([getattr(one, name) for one in found]) for name in ("value", "error", "degrees")))


def _adjusted(total: Array, size: Array, treated: NDArray[np.bool_], before: Array) -> Differences:
    root = np.sqrt(size.astype(float))
    outcome = root * total / np.where(size > 0, size, 1.0)
    matrix = root[:, :, None] * np.stack([np.ones(size.shape), treated, before], axis=2)
    usable = np.minimum(((size > 0) & treated).sum(axis=1), ((size > 0) & ~treated).sum(axis=1)) > 1
    moments = np.einsum("wgp,wgq->wpq", matrix, matrix)
    moments[~usable] = np.eye(3)
    bread = np.linalg.inv(moments)
    slopes = np.einsum("wpq,wgq->wgp", bread, matrix)
    hat = matrix @ slopes.transpose(0, 2, 1)
    beta = np.einsum("wgp,wg->wp", slopes, outcome)
    residual = outcome - np.einsum("wgp,wp->wg", matrix, beta)
    adjusted = slopes[:, :, 1] / np.sqrt(np.maximum(1 - np.einsum("wgg->wg", hat), 1e-12))
    gram = -hat * adjusted[:, :, None] * adjusted[:, None, :]
    places = np.arange(size.shape[1])
    gram[:, places, places] += adjusted**2
    trace = np.einsum("wgg->w", gram)
    missing = np.where(usable, 0.0, np.nan)
    degrees = trace**2 / np.maximum((gram**2).sum(axis=(1, 2)), 1e-300)
    return Differences(beta[:, 1] + missing, np.sqrt(((adjusted * residual) ** 2).sum(axis=1)) + missing, degrees + missing)
