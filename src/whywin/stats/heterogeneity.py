"""Whether, and along what, effects differ between units: from doubly robust scores and from predicted effects.

A score and a weight a unit say an effect over any group of units: the sum of the scores over the sum of the weights.

Sources: Chernozhukov, Demirer, Duflo and Fernández-Val (2018), Generic machine learning inference on heterogeneous treatment effects in
randomized experiments, NBER working paper 24678, and Athey and Wager (2019), Estimating treatment effects with causal forests: an
application, Observational Studies 5, 37-51 (calibration); Semenova and Chernozhukov (2021), Debiased machine learning of conditional
average treatment effects and other causal functions, Econometrics Journal 24, 264-289 (best linear projection); Hotelling (1931), The
generalization of Student's ratio, Annals of Mathematical Statistics 2, 360-378 (the joint test with few clusters).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as fisher
from scipy.stats import t as student

from whywin.stats.influence import variance_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int64] | None


@dataclass(frozen=True)
class Told:
    """A number, its variance, and the degrees of freedom of its Student's distribution (infinite without clusters)."""

    value: float
    variance: float
    freedom: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval."""
        reach = float(student.ppf(0.5 + level / 2, self.freedom)) * self.variance**0.5
        return self.value - reach, self.value + reach

    @property
    def p_value(self) -> float:
        """The two-sided p-value of zero; 1 where there is no variance."""
        return float(2 * student.sf(abs(self.value) / self.variance**0.5, self.freedom)) if self.variance > 0 else 1.0

    @property
    def p_positive(self) -> float:
        """The one-sided p-value of zero against a positive number; 1 where there is no variance."""
        return float(student.sf(self.value / self.variance**0.5, self.freedom)) if self.variance > 0 else 1.0


@dataclass(frozen=True, eq=False)
class Projected:
    """Coefficients of a linear model of effects, their covariance, and their degrees of freedom."""

    coefficients: Floats
    covariance: Floats
    freedom: float

    def of(self, place: int) -> Told:
        """Return one coefficient."""
        return Told(float(self.coefficients[place]), float(self.covariance[place, place]), self.freedom)

    def p_slopes(self) -> float:
        """Return the p-value of all coefficients but the first being zero; 1 where there are none, or not more clusters than them."""
        slopes, covariance = self.coefficients[1:], self.covariance[1:, 1:]
        rank = int(np.linalg.matrix_rank(covariance, rtol=1e-10, hermitian=True)) if len(slopes) else 0
        if rank == 0 or self.freedom < rank:
            return 1.0
        wald = float(slopes @ np.linalg.pinv(covariance, rcond=1e-10, hermitian=True) @ slopes)
        left = self.freedom - rank + 1
        shrunk = wald / rank if np.isinf(left) else wald * left / (rank * self.freedom)
        return float(fisher.sf(shrunk, rank, min(left, 1e9)))


def effect_among(score: Floats, weight: Floats, rows: Bools, clusters: Codes = None) -> Told:
    """Return the effect over some of the units."""
    own = None if clusters is None else clusters[rows]
    value = float(score[rows].sum() / weight[rows].sum())
    influence = (score[rows] - value * weight[rows]) / weight[rows].mean()
    return Told(value, variance_of(influence, own), freedom_of(own))


def effect_against_rest(score: Floats, weight: Floats, rows: Bools, clusters: Codes = None) -> Told:
    """Return by how much the effect over some of the units differs from that over the others."""
    influence, values = np.zeros(len(score)), []
    for group, sign in ((rows, 1.0), (~rows, -1.0)):
        value = float(score[group].sum() / weight[group].sum())
        influence[group] = sign * (score[group] - value * weight[group]) * len(score) / weight[group].sum()
        values.append(value)
    return Told(values[0] - values[1], variance_of(influence, clusters), freedom_of(clusters))


def projected(score: Floats, weight: Floats, columns: Floats, clusters: Codes = None) -> Projected:
    """Return the linear model in `columns` (n × q) that is nearest to the effects: the mean effect, then a slope for each column.

    Columns are taken about their means over the weights. Of columns that follow from one another the shortest slopes are taken.
    """
    count = len(score)
    centred = np.column_stack([np.ones(count), columns - weight @ columns / weight.sum()])
    inverse = np.linalg.pinv(centred.T @ (centred * weight[:, None]) / count, rcond=1e-10, hermitian=True)
    coefficients = inverse @ (centred.T @ score) / count
    return _sandwich(coefficients, centred * (score - weight * (centred @ coefficients))[:, None], inverse, clusters)


def calibrated(outcome_rest: Floats, treatment_rest: Floats, mean: float, differing: Floats, clusters: Codes = None) -> Projected:
    """Return what predicted effects are worth: the coefficients of their mean and of their deviations from it.

    Both are 1 where predictions are right. The second is 0 where predicted differences say nothing of the true ones.

    Args:
        outcome_rest: outcome less its prediction.
        treatment_rest: treatment less its prediction.
        mean: the mean predicted effect.
        differing: what each unit's predicted effect, by a model that never saw it, has beyond the mean of those predicted by that model.
        clusters: codes of groups within which units are not independent.
    """
    columns = np.column_stack([np.full(len(differing), mean), differing]) * treatment_rest[:, None]
    inverse = np.linalg.pinv(columns.T @ columns / len(columns), rcond=1e-10, hermitian=True)
    coefficients = inverse @ (columns.T @ outcome_rest) / len(columns)
    return _sandwich(coefficients, columns * (outcome_rest - columns @ coefficients)[:, None], inverse, clusters)


def over_splits(found: Sequence[Told]) -> Told:
    """Return the mean over random splits of the same units, with the mean standard deviation, which that of a mean never exceeds."""
    value, deviation = np.mean([(one.value, one.variance**0.5) for one in found], axis=0)
    return Told(float(value), float(deviation) ** 2, min(one.freedom for one in found))


def freedom_of(clusters: Codes) -> float:
    """Return clusters - 1, or infinity where there are none."""
    return float("inf") if clusters is None else float(len(np.unique(clusters)) - 1)


def _sandwich(coefficients: Floats, moments: Floats, inverse: Floats, clusters: Codes) -> Projected:
    count, factor = len(moments), 1.0
    if clusters is not None:
        groups = np.unique(clusters, return_inverse=True)[1]
        moments = np.column_stack([np.bincount(groups, column) for column in moments.T])
        factor = len(moments) / max(len(moments) - 1, 1)
    covariance = inverse @ (moments.T @ moments) @ inverse * factor / count**2
    return Projected(np.asarray(coefficients), np.asarray(covariance), freedom_of(clusters))
