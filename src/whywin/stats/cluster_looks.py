"""A difference of two arms of clusters at several looks, with bounds that hold its error rate over all of them.

What two looks have in common follows from the information at each. It is planned; where the clusters show that the deals so
far told less of the whole than planned (a hundred deals of one unit tell less than a hundred of ten), that is taken instead,
since the less two looks have in common, the further out the bounds must be. The t-statistic of a look is compared with its
bound by the chance of exceeding it (Jennison and Turnbull 2000, Group Sequential Methods with Applications to Clinical
Trials, section 3.8), so that few units cost what they should.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from whywin.stats.cluster import Contrast, arm_contrast, intracluster_correlation
from whywin.stats.group_sequential import bounds

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One look at a trial.

    Attributes:
        effect: treated less control, with its standard error and degrees of freedom.
        information: share of the last look's information.
        bound: how many standard errors, on the normal scale, stop the trial.
    """

    effect: Contrast
    information: float
    bound: float

    @property
    def z(self) -> float:
        """The effect on the normal scale: as improbable, if there were none, as its t-statistic is."""
        tail = max(self.effect.p_value / 2, 1e-300)
        return float(np.sign(self.effect.value) * norm.isf(tail))

    @property
    def crossed(self) -> bool:
        """Whether the bound was reached."""
        return abs(self.z) >= self.bound

    @property
    def interval(self) -> tuple[float, float]:
        """The repeated confidence interval: all looks' intervals hold together at the level that the bounds were made for."""
        half = float(student.isf(norm.sf(self.bound), self.effect.degrees)) * self.effect.standard_error
        return self.effect.value - half, self.effect.value + half


def cluster_looks(
    total: ArrayLike, squares: ArrayLike, size: ArrayLike, treated: ArrayLike, planned: ArrayLike, cumulative: ArrayLike
) -> tuple[Look, ...]:
    """Return the looks at two arms.

    Args:
        total: sum of the outcomes of each cluster by each look, looks × clusters.
        squares: sum of their squares, looks × clusters.
        size: number of deals by then, looks × clusters; at every look two clusters of each arm must have one.
        treated: whether each cluster is treated.
        planned: information by each look as it was planned, rising, in any unit.
        cumulative: one-sided error rate that may be used up by each look, rising.
    """
    total, squares, size = (np.atleast_2d(np.asarray(array, dtype=float)) for array in (total, squares, size))
    arm = np.asarray(treated, dtype=np.int64)
    last = size[-1] > 0
    correlation = 0.0
    if size[-1].sum() > last.sum():
        correlation = max(0.0, intracluster_correlation(total[-1][last], squares[-1][last], size[-1][last], arm[last]))
    found = information(size, arm, correlation)
    growth = np.minimum(*(of[:-1] / of[1:] for of in (np.asarray(planned, dtype=float), found)))
    shares = np.append(np.cumprod(growth[::-1])[::-1], 1.0)
    critical = bounds(shares, cumulative)
    effects = []
    for totals, sizes in zip(total, size, strict=True):
        there = sizes > 0
        effects.append(arm_contrast(totals[there], sizes[there], arm[there], [-1.0, 1.0]))
    return tuple(Look(*row) for row in zip(effects, shares.tolist(), critical.tolist(), strict=True))


def information(size: ArrayLike, treated: ArrayLike, correlation: float) -> Array:
    """Return one over the variance of the difference of two arms' means, for deals of unit variance, at each look.

    Args:
        size: number of deals, looks × clusters.
        treated: whether each cluster is treated.
        correlation: of two deals of one cluster, at least 0.
    """
    size, arm = np.atleast_2d(np.asarray(size, dtype=float)), np.asarray(treated, dtype=bool)
    spread = size * (1 + (size - 1) * correlation)
    return np.asarray(1 / sum(spread[:, one].sum(axis=1) / size[:, one].sum(axis=1) ** 2 for one in (arm, ~arm)))


def usable(size: ArrayLike, treated: ArrayLike) -> NDArray[np.bool_]:
    """Return at which looks both arms have two clusters with deals, so that there is an effect with an error."""
    size, arm = np.atleast_2d(np.asarray(size)) > 0, np.asarray(treated, dtype=bool)
    return np.asarray((size[:, arm].sum(axis=1) >= 2) & (size[:, ~arm].sum(axis=1) >= 2))
