"""Average marginal effects of a logistic model, when deals of one group (a rep) resemble one another.

An effect is the mean, over the deals that there are, of the change in modelled chance when one column is set from one value to another.
Its standard error is the delete-one-group jackknife by one Newton step (CV3L), and its degrees of freedom are as in `jackknife`.
Sources: MacKinnon, Nielsen and Webb (2025), Cluster-robust jackknife and bootstrap inference for logistic regression models,
Econometric Reviews; Norton, Dowd and Maciejewski (2019), Marginal effects: quantifying the effect of changes in risk factors in logistic
regression models, JAMA 321, 1304-1305.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from whywin.stats.cluster import Contrast
from whywin.stats.jackknife import effective_degrees
from whywin.stats.logistic import GUARD, Logistic, fitted, information

Array = NDArray[np.float64]
MOST_GROUPS: Final = 2000


@dataclass(frozen=True, eq=False)
class Switch:
    """Two values of one column that are compared in every deal.

    Attributes:
        block: places of the regressors that make up the column.
        high: their values on the one side, one each.
        low: their values on the other.
        added: whether the values are added to what a deal has, instead of taking its place.
    """

    block: tuple[int, ...]
    high: Array
    low: Array
    added: bool = False


@dataclass(frozen=True, eq=False)
class Effects:
    """Average marginal effects, as differences of shares.

    Attributes:
        sizes: one a switch, q.
        without: the same with each group left out, groups × q.
        degrees: degrees of freedom, q.
        model: the fit behind them, not drawn to zero.
    """

    sizes: Array
    without: Array
    degrees: Array
    model: Logistic

    def contrast(self, place: int) -> Contrast:
        """Return one effect with its standard error and degrees of freedom."""
        off = self.without[:, place] - self.sizes[place]
        count = len(off)
        return Contrast(
            float(self.sizes[place]), float(np.sqrt((count - 1) / count * (off**2).sum())), float(self.degrees[place])
        )


def average_marginal_effects(X: ArrayLike, y: ArrayLike, groups: ArrayLike, switches: Sequence[Switch], count: int) -> Effects:
    """Return the effects of the switches, by a logistic model that is as good as not penalised.

    Args:
        X: regressors, n × p, the intercept first.
        y: outcomes, n, 0 or 1.
        groups: the group of each deal, n integers from 0.
        switches: what is compared, q.
        count: how many groups there are; those without deals here leave everything as it is.
    """
    X, y, groups = np.asarray(X, dtype=float), np.asarray(y, dtype=float), np.asarray(groups, dtype=np.int64)
    model = fitted(X, y)
    chance = expit(X @ model.coefficients)
    sides = [_side(X, model.coefficients, switch) for switch in switches]
    own = np.stack([difference for difference, _ in sides], axis=1)
    slopes = np.stack([slope for _, slope in sides], axis=1)
    sizes = own.mean(axis=0)
    scores = X * (y - chance)[:, None]
    whole = information(X, chance) + np.diag(np.r_[0.0, np.full(X.shape[1] - 1, GUARD)])
    influence = scores @ np.linalg.solve(whole, slopes) + (own - sizes) / len(y)
    shares = np.stack([np.bincount(groups, weights=one**2, minlength=count) for one in influence.T], axis=1)
    without = np.tile(sizes, (count, 1))
    for group, rows in _by_group(groups):
        rest = whole - information(X[rows], chance[rows])
        step = -np.linalg.lstsq(rest, scores[rows].sum(axis=0), rcond=1e-10)[0]
        left = len(y) - len(rows)
        without[group] += step @ slopes - (own[rows] - sizes).sum(axis=0) / max(left, 1)
    degrees = np.array([effective_degrees(one) for one in shares.T])
    return Effects(sizes, without, degrees, model)


def switched(X: ArrayLike, coefficients: Array, switches: Sequence[Switch]) -> Array:
    """Return the effects of the switches under given coefficients, such as those of a ridge."""
    X = np.asarray(X, dtype=float)
    return np.array([_side(X, coefficients, switch)[0].mean() for switch in switches])


def _side(X: Array, beta: Array, switch: Switch) -> tuple[Array, Array]:
    """Return each deal's change of chance, and the slope of their mean in the coefficients."""
    block = list(switch.block)
    base = X @ beta if switch.added else X @ beta - X[:, block] @ beta[block]
    high, low = (expit(base + value @ beta[block]) for value in (switch.high, switch.low))
    slope = np.zeros(X.shape[1])
    for chance, value, sign in ((high, switch.high, 1.0), (low, switch.low, -1.0)):
        weight = chance * (1 - chance) / len(X)
        one = X.T @ weight
        one[block] = value * weight.sum() + (one[block] if switch.added else 0.0)
        slope += sign * one
    return high - low, slope


def _by_group(groups: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    order = np.argsort(groups, kind="stable")
    names, starts = np.unique(groups[order], return_index=True)
    return list(zip(names.tolist(), np.split(order, starts[1:]), strict=True))


def dealt_out(deals: int) -> NDArray[np.int64]:
    """Return groups for deals that belong together in no way: each its own, or dealt out to 2,000 groups where there are more."""
    return np.arange(deals, dtype=np.int64) % min(deals, MOST_GROUPS)
