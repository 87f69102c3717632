"""The wild cluster bootstrap, restricted to the null, with signs as weights.

Sources: Cameron, Gelbach and Miller (2008), Bootstrap-based improvements for inference with clustered errors, REStat 90,
414-427; MacKinnon and Webb (2018), The wild bootstrap for few (treated) clusters, Econometrics Journal 21, 114-135;
Roodman, MacKinnon, Nielsen and Webb (2019), Fast and wild, Stata Journal 19, 4-60.
"""

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whywin.stats.redrawn import Redrawn

Array = NDArray[np.float64]
_CHUNK = 1_000_000


def wild_bootstrap(
    moments: ArrayLike, products: ArrayLike, contrast: ArrayLike, *, draws: int, rng: np.random.Generator
) -> Redrawn:
    """Return a contrast of least-squares coefficients with its restricted wild cluster bootstrap.

    All 2^G signs are enumerated when that takes no more than `draws`; a sign of all clusters turned round gives the same
    two-sided statistic, so that half of them are kept.

    Args:
        moments: X'X of each cluster, G × p × p.
        products: X'y of each cluster, G × p.
        contrast: weights of the coefficients, p.
        draws: how many sets of signs to draw.
        rng: where they come from.
    """
    A, b, c = (np.asarray(array, dtype=float) for array in (moments, products, contrast))
    bread = np.linalg.inv(A.sum(axis=0))
    beta, weights = bread @ b.sum(axis=0), bread @ c
    estimate = float(c @ beta)
    variance = float((((b - A @ beta) @ weights) ** 2).sum())
    # the coefficients under a null value h are `free + h · shift`: those nearest to beta whose contrast is h
    shift = weights / float(c @ weights)
    free = beta - shift * estimate
    leverage = A @ weights
    signs, complete = _signs(len(A), draws, rng)
    scored = (b - A @ free, -(A @ shift))
    rows = max(1, _CHUNK // len(A))
    pieces = [_lines(signs[i : i + rows], scored, weights, bread @ leverage.T) for i in range(0, len(signs), rows)]
    line, square = (np.concatenate([piece[i] for piece in pieces]) for i in (0, 1))
    return Redrawn(estimate, variance, line, square, complete)


def moments_of(X: ArrayLike, y: ArrayLike, clusters: ArrayLike) -> tuple[Array, Array]:
    """Return X'X and X'y of each cluster from one row a deal: all that the bootstrap needs of them."""
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    order = np.argsort(index, kind="stable")
    starts = np.flatnonzero(np.diff(index[order], prepend=-1))
    rows = X[order]
    moments = np.add.reduceat(rows[:, :, None] * rows[:, None, :], starts)
    return moments, np.add.reduceat(rows * y[order, None], starts)


def moments_of_arms(total: ArrayLike, size: ArrayLike, arm: ArrayLike) -> tuple[Array, Array]:
    """Return X'X and X'y of each cluster, with a column of X for each arm 0…k-1, from one row a cluster."""
    total, size = np.asarray(total, dtype=float), np.asarray(size, dtype=float)
    arms = np.asarray(arm, dtype=np.int64)
    belongs = np.eye(arms.max() + 1)[arms]
    return belongs[:, :, None] * np.eye(arms.max() + 1) * size[:, None, None], belongs * total[:, None]


def _signs(clusters: int, draws: int, rng: np.random.Generator) -> tuple[Array, bool]:
    """Return sets of signs, one a row; the first is all +1, which gives the data as they are."""
    if clusters <= np.log2(draws):
        return np.array([(1.0, *rest) for rest in product((1.0, -1.0), repeat=clusters - 1)]), True
    drawn = 1.0 - 2.0 * rng.integers(2, size=(draws, clusters))
    return np.vstack([np.ones(clusters), drawn]), False


def _lines(signs: Array, scored: tuple[Array, Array], weights: Array, leverage: Array) -> tuple[Array, Array]:
    """Return each draw's contrast (offset, slope in the null value) and its CR0 variance (offset, slope, curvature)."""
    totals = [signs @ part for part in scored]
    first, second = (signs * (part @ weights) - total @ leverage for part, total in zip(scored, totals, strict=True))
    square = [(first**2).sum(axis=1), 2 * (first * second).sum(axis=1), (second**2).sum(axis=1)]
    return np.column_stack([total @ weights for total in totals]), np.column_stack(square)
