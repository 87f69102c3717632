"""Why a rate moved between two periods: what is due to the rates of its cells, and what to the mix of them.

Cells are combinations of levels of some dimensions; a cell has a share of the deals in each period (its mix) and a rate in each.
With b and n the shares before and now, and p and q the rates before and now, the change sum(n q) - sum(b p) is
    sum((b + n) / 2 * (q - p))    the rate effect, and
    sum((n - b) * (p + q) / 2)    the mix effect,
with nothing left over, and neither period is the standard.
"""

from dataclasses import dataclass
from math import factorial
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, vstack

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
RIDGE: Final = 1e-9  # of a matrix with a diagonal of ones; one step of refinement takes its trace away again


@dataclass(frozen=True, eq=False)
class Mix:
    """The shares of cells in two periods, and the weights that make effects of their rates.

    Attributes:
        before: shares of the deals before, by cell; they sum to one.
        now: shares of the deals now.
        weights: dimensions + 1 × cells: times the cells' mean rates, the mix effect of each dimension, and of their combinations.
        levels: all levels of all dimensions × cells: the cells' mean shares, where a cell has the level.
        dimension: which dimension a level belongs to.
    """

    before: Floats
    now: Floats
    weights: Floats
    levels: csr_array
    dimension: Integers

    @property
    def mean(self) -> Floats:
        """The cells' mean shares, by which changes of rates are weighed."""
        return (self.before + self.now) / 2


@dataclass(frozen=True, eq=False)
class Effects:
    """A change taken apart, for each draw of the rates; in shares.

    Attributes:
        rate: draws, the rate effect.
        mix: draws × dimensions + 1, the mix effect of each dimension and of their combinations; they sum to the mix effect.
        rate_by_level: draws × levels, each level's part of the rate effect; those of one dimension sum to it.
        mix_by_level: draws × levels, each level's part of the mix effect that its dimension has when it is looked at alone.
    """

    rate: Floats
    mix: Floats
    rate_by_level: Floats
    mix_by_level: Floats


def mix_of(before: ArrayLike, now: ArrayLike, codes: ArrayLike) -> Mix:
    """Return the mix of cells, with the mix effect shared out among dimensions so that their order does not matter.

    Args:
        before: deals by cell in the first period.
        now: deals by cell in the second.
        codes: dimensions × cells, the number of each cell's level, from 0.

    The worth of a set of dimensions is the mix effect of the smallest change of mix (in chi-squared distance about the mean mix) that
    moves the shares of all levels of these dimensions as they moved: what a breakdown by these dimensions' levels would show. Each
    dimension gets its mean contribution to that over all orders. What only the combinations of levels show is told apart.
    Sources: Kitagawa (1955), Components of a difference between two rates, JASA 50, 1168-1194; Oaxaca (1973), International Economic
    Review 14, 693-709; Shapley (1953), A value for n-person games; Shorrocks (2013), Decomposition procedures for distributional
    analysis, Journal of Economic Inequality 11, 99-126; Deville and Särndal (1992), Calibration estimators in survey sampling, JASA 87,
    376-382, for the smallest change of weights that has given margins.
    """
    first, second = np.asarray(before, dtype=float), np.asarray(now, dtype=float)
    first, second = first / first.sum(), second / second.sum()
    mean, change = (first + second) / 2, second - first
    places = np.asarray(codes, dtype=np.int64)
    blocks = [csr_array((np.ones(len(mean)), (row, np.arange(len(mean))))) for row in places]
    dummies = csr_array(vstack(blocks, format="csr"))
    dimension = np.repeat(np.arange(len(blocks)), [block.shape[0] for block in blocks])
    levels = csr_array(dummies * mean)
    shared = _shapley(np.asarray((levels @ dummies.T).todense()), dummies @ change, dimension)
    weights = (dummies.T @ shared).T * mean
    return Mix(first, second, np.vstack([weights, change - weights.sum(axis=0)]), levels, dimension)


def effects(mix: Mix, before: Floats, now: Floats) -> Effects:
    """Return the effects of draws × cells of rates before and now."""
    mean, change = (before + now) / 2, now - before
    share = np.asarray(mix.levels.sum(axis=1))
    moved = _margins(mix, mix.now - mix.before)
    within = (mix.levels @ mean.T).T / np.where(share > 0, share, 1)
    return Effects(
        rate=change @ mix.mean,
        mix=mean @ mix.weights.T,
        rate_by_level=(mix.levels @ change.T).T,
        mix_by_level=moved * (within - (mean @ mix.mean)[:, None]),
    )


def _margins(mix: Mix, shares: Floats) -> Floats:
    """Return the sum of cells' shares by level."""
    rows = csr_array((np.ones(mix.levels.nnz), mix.levels.indices, mix.levels.indptr), shape=mix.levels.shape)
    return np.asarray(rows @ shares)


def _shapley(crossed: Floats, moved: Floats, dimension: Integers) -> Floats:
    """Return levels × dimensions: what each dimension adds to the calibration's multipliers, the mean over all orders.

    `crossed` holds the mean shares of pairs of levels, `moved` the change of each level's share.
    """
    count = int(dimension.max()) + 1
    total = np.zeros((len(moved), count))
    scale = np.sqrt(np.diag(crossed))
    even = crossed / np.outer(scale, scale)
    for members in range(1, 2**count):
        inside = np.array([bool(members >> one & 1) for one in range(count)])
        size = int(inside.sum())
        chosen = np.flatnonzero(inside[dimension])
        found = _solved(even[np.ix_(chosen, chosen)], (moved / scale)[chosen]) / scale[chosen]
        joining = factorial(size - 1) * factorial(count - size) / factorial(count)
        staying = factorial(size) * factorial(count - size - 1) / factorial(count) if size < count else 0.0
        total[chosen] += np.outer(found, np.where(inside, joining, -staying))
    return total


def _solved(matrix: Floats, right: Floats) -> Floats:
    """Solve a singular but consistent positive semidefinite system."""
    factor = cho_factor(matrix + RIDGE * np.eye(len(right)))
    found = cho_solve(factor, right)
    return np.asarray(found + cho_solve(factor, right - matrix @ found))
