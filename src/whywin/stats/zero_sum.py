"""Orthonormal bases of vectors that sum to zero, and how far the rates of groups differ beyond chance."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import block_diag, csr_array, kron


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


def walk_basis(levels: int) -> csr_array:
    """Return a `levels` × (`levels` - 1) matrix that turns independent standard normal coordinates into a random walk about its mean.

    The walk's steps are alike and independent, its values sum to zero, and it is scaled so that the geometric mean of their
    variances is one: a standard deviation put in front of it says how far a typical period lies off the average, however many
    periods there are. Columns are the walk's principal components, the slowest first.

    Source: Sørbye and Rue (2014), Scaling intrinsic Gaussian Markov random field priors in spatial modelling, Spatial Statistics 8,
    39-51.
    """
    if levels < 2:
        return csr_array((levels, 0), dtype=float)
    place = np.arange(levels, dtype=float)
    centre = np.eye(levels) - 1 / levels
    covariance = centre @ np.minimum.outer(place, place) @ centre
    value, vector = np.linalg.eigh(covariance * walk_step(levels) ** 2)
    kept = slice(None, 0, -1)  # all but the smallest, which is the constant's and zero
    return csr_array(vector[:, kept] * np.sqrt(value[kept]) * np.sign(vector[-1, kept]))


def walk_step(levels: int) -> float:
    """Return the standard deviation of one step of the walk of `walk_basis`."""
    place = np.arange(levels, dtype=float)
    centre = np.eye(levels) - 1 / levels
    return float(np.exp(-0.5 * np.log(np.diag(centre @ np.minimum.outer(place, place) @ centre)).mean()))


def nested_basis(parents: ArrayLike) -> csr_array:
    """Return the basis of vectors that sum to zero within each parent; `parents` holds the parent's code of each level."""
    codes = np.asarray(parents)
    order = np.argsort(codes, kind="stable")
    blocks = [zero_sum_basis(int(size)) for size in np.bincount(codes)]
    return csr_array(block_diag(blocks, format="csr")[np.argsort(order, kind="stable")])


def crossed(first: csr_array, second: csr_array) -> csr_array:
    """Return the basis of tables, row by row, whose columns follow the first basis and whose rows follow the second."""
    return csr_array(kron(first, second, format="csr"))


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
