"""Orthonormal bases of vectors that sum to zero, and how far the rates of groups differ beyond chance."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, kron


def zero_sum_basis(levels: int) -> csr_array:
    """Return a sparse `levels` × (`levels` - 1) matrix whose columns are an orthonormal basis of the vectors that sum to zero.

    Each column sets one half of a group of levels against its other half, down to single levels (unbalanced Haar wavelets), so
    that a row has about log2(levels) entries. Standard normal coordinates in any such basis are deviations of independent standard
    normal numbers from their mean.

    Source: Girardi and Sweldens (1997), A new class of unbalanced Haar wavelets, J. Fourier Analysis and Applications 3, 457-474.
    """
    values, rows, columns, count = [], [], [], 0
    groups = [(0, levels)]
    while groups:
        start, stop = groups.pop()
        if stop - start < 2:
            continue
        middle = (start + stop) // 2
        left, right = middle - start, stop - middle
        length = np.sqrt(1 / left + 1 / right)
        values += [1 / (left * length)] * left + [-1 / (right * length)] * right
        rows += list(range(start, stop))
        columns += [count] * (left + right)
        count += 1
        groups += [(middle, stop), (start, middle)]
    return csr_array((values, (rows, columns)), shape=(levels, max(levels - 1, 0)), dtype=float)


def crossed_basis(first: int, second: int) -> csr_array:
    """Return the basis of tables of `first` × `second` (row by row) all of whose rows and columns sum to zero."""
    return csr_array(kron(zero_sum_basis(first), zero_sum_basis(second), format="csr"))


def between_variance(estimates: ArrayLike, variances: ArrayLike, *, fitted: int = 1, caution: float = 0.0) -> float:
    """Return the variance between groups beyond the sampling variance of their estimates, by moments; never negative.

    Args:
        estimates: one a group; residuals, where more than a common mean was fitted to them.
        variances: their sampling variances.
        fitted: how many means were fitted to the estimates.
        caution: standard errors to take off the excess first, so that only a variance that is surely there is returned.

    Source: DerSimonian and Laird (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7, 177-188.
    """
    y: NDArray[np.float64] = np.asarray(estimates, dtype=float)
    w = 1 / np.asarray(variances, dtype=float)
    freedom = len(y) - fitted
    if freedom < 1:
        return 0.0
    excess = float(w @ (y - (w @ y) / w.sum()) ** 2) - freedom - caution * np.sqrt(2 * freedom)
    scale = float(w.sum() - (w @ w) / w.sum()) * freedom / (len(y) - 1)
    return max(float(excess / scale), 0.0)
