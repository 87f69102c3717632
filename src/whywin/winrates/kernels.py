"""The loops of the Laplace approximation, compiled by Numba once a machine; they release the interpreter while they run.

Import this module inside functions only: Numba takes half a second. The design is never written out: a cell has one effect of each
term, and an effect is a few coordinates. Every function takes it as ``position`` (cells × terms: which effect; effect 0 is the
intercept's) and ``value``, ``column``, ``start`` (effects × coordinates, compressed rows); ``dense`` is the same matrix written out
where most of it is not zero, and empty otherwise.
"""
# mypy: disable-error-code="untyped-decorator"

from typing import Any, Final

import numpy as np
from numba import njit

STEPS: Final = 60  # Newton steps at most; four to eight are usual
HALVINGS: Final = 30

compiled = njit(cache=True, nogil=True)


@compiled
def log_odds(x: Any, position: Any, centre: float, value: Any, column: Any, start: Any) -> Any:
    """Return the log odds of every cell."""
    effects = np.zeros(start.shape[0] - 1)
    for r in range(effects.shape[0]):
        for p in range(start[r], start[r + 1]):
            effects[r] += value[p] * x[column[p]]
    odds = np.full(position.shape[0], centre + effects[0])
    for c in range(position.shape[0]):
        for k in range(position.shape[1]):
            odds[c] += effects[position[c, k]]
    return odds


@compiled
def log_likelihood(odds: Any, deals: Any, won: Any, gaussian: bool) -> float:
    """Return the binomial log likelihood, or that of normal values with precisions `deals` and precision times value `won`.

    Constants are left out.
    """
    total = 0.0
    for c in range(odds.shape[0]):
        if gaussian:
            total += won[c] * odds[c] - 0.5 * deals[c] * odds[c] ** 2
        else:
            total += won[c] * odds[c] - deals[c] * (max(odds[c], 0.0) + np.log1p(np.exp(-abs(odds[c]))))
    return total


@compiled
def derivatives(odds: Any, deals: Any, won: Any, gaussian: bool) -> Any:
    """Return the log likelihood's slope, its curvature downwards and the curvature's slope, by cell."""
    if gaussian:
        return won - deals * odds, deals.copy(), np.zeros(odds.shape[0])
    rate = 1.0 / (1.0 + np.exp(-odds))
    bend = deals * rate * (1.0 - rate)
    return won - deals * rate, bend, bend * (1.0 - 2.0 * rate)


@compiled
def slopes(weight: Any, position: Any, value: Any, column: Any, start: Any, size: int) -> Any:
    """Return by coordinate the sum of cells' weights: the transposed design times a vector."""
    by_effect = np.zeros(start.shape[0] - 1)
    for c in range(position.shape[0]):
        by_effect[0] += weight[c]
        for k in range(position.shape[1]):
            by_effect[position[c, k]] += weight[c]
    total = np.zeros(size)
    for r in range(by_effect.shape[0]):
        for p in range(start[r], start[r + 1]):
            total[column[p]] += value[p] * by_effect[r]
    return total


@compiled
def by_effects(weight: Any, position: Any, count: int) -> Any:
    """Return the weighted cross-product of the effects' indicators: effects × effects."""
    by_effect = np.zeros((count, count))
    for c in range(position.shape[0]):
        w = weight[c]
        by_effect[0, 0] += w
        for k in range(position.shape[1]):
            one = position[c, k]
            by_effect[0, one] += w
            for j in range(k, position.shape[1]):
                by_effect[one, position[c, j]] += w
    for i in range(count):
        for j in range(i):
            by_effect[i, j] = by_effect[j, i]
    return by_effect


@compiled
def curvature(weight: Any, position: Any, value: Any, column: Any, start: Any, dense: Any, size: int) -> Any:
    """Return the design's weighted cross-product by coordinate: counted by effect first, where a cell has one entry a term."""
    count = start.shape[0] - 1
    by_effect = by_effects(weight, position, count)
    if dense.shape[0] > 0:
        return dense.T @ (by_effect @ dense)
    half = np.zeros((count, size))
    for i in range(count):
        for r in range(count):
            entry = by_effect[i, r]
            if entry != 0.0:
                for p in range(start[r], start[r + 1]):
                    half[i, column[p]] += entry * value[p]
    whole = np.zeros((size, size))
    for r in range(count):
        for p in range(start[r], start[r + 1]):
            whole[column[p]] += value[p] * half[r]
    return whole


@compiled
def effects_covariance(covariance: Any, value: Any, column: Any, start: Any, dense: Any) -> Any:
    """Return the covariance of the effects from that of the coordinates."""
    if dense.shape[0] > 0:
        return dense @ covariance @ dense.T
    count, size = start.shape[0] - 1, covariance.shape[0]
    half = np.zeros((count, size))
    for r in range(count):
        for p in range(start[r], start[r + 1]):
            half[r] += value[p] * covariance[column[p]]
    by_effect = np.zeros((count, count))
    for i in range(count):
        for r in range(count):
            for p in range(start[r], start[r + 1]):
                by_effect[i, r] += half[i, column[p]] * value[p]
    return by_effect


@compiled
def leverages(covariance: Any, position: Any, value: Any, column: Any, start: Any, dense: Any) -> Any:
    """Return the variance of each cell's log odds under a covariance of the coordinates."""
    by_effect = effects_covariance(covariance, value, column, start, dense)
    found = np.full(position.shape[0], by_effect[0, 0])
    for c in range(position.shape[0]):
        for k in range(position.shape[1]):
            one = position[c, k]
            found[c] += by_effect[one, one] + 2 * by_effect[0, one]
            for j in range(k + 1, position.shape[1]):
                found[c] += 2 * by_effect[one, position[c, j]]
    return found


@compiled
def solve_upper(factor: Any, right: Any) -> Any:
    """Return the solution of the transposed factor's system."""
    y = right.copy()
    for i in range(right.shape[0] - 1, -1, -1):
        y[i] /= factor[i, i]
        y[:i] -= factor[i, :i] * y[i]
    return y


@compiled
def solve(factor: Any, right: Any) -> Any:
    """Return the solution of a system whose matrix has this lower Cholesky factor."""
    size = right.shape[0]
    y = right.copy()
    for i in range(size):
        y[i] = (y[i] - np.dot(factor[i, :i], y[:i])) / factor[i, i]
    return solve_upper(factor, y)


@compiled
def mode(
    x: Any, variance: Any, tolerance: float,
    position: Any, deals: Any, won: Any, centre: float, value: Any, column: Any, start: Any, dense: Any, gaussian: bool,
) -> Any:  # fmt: skip
    """Return the mode, the Cholesky factor of the curvature beside it, the log marginal likelihood, and whether it was found."""
    odds = log_odds(x, position, centre, value, column, start)
    here = log_likelihood(odds, deals, won, gaussian) - 0.5 * np.sum(x * x / variance)
    factor = np.eye(x.shape[0])
    found = False
    for _ in range(STEPS):
        residual, bend, _ = derivatives(odds, deals, won, gaussian)
        slope = slopes(residual, position, value, column, start, x.shape[0]) - x / variance
        precision = curvature(bend, position, value, column, start, dense, x.shape[0])
        for j in range(x.shape[0]):
            precision[j, j] += 1.0 / variance[j]
        factor = np.linalg.cholesky(precision)
        step = solve(factor, slope)
        gain, length = np.sum(step * slope), 1.0
        for _ in range(HALVINGS):
            x_new = x + length * step
            odds = log_odds(x_new, position, centre, value, column, start)
            there = log_likelihood(odds, deals, won, gaussian) - 0.5 * np.sum(x_new * x_new / variance)
            if there >= here - 1e-9 * abs(here):
                break
            length *= 0.5
        x, here = x_new, there
        if gain < tolerance:
            found = True
            break
    marginal = here - 0.5 * np.sum(np.log(variance)) - np.sum(np.log(np.diag(factor)))
    return x, factor, marginal, found


@compiled
def gradient(
    x: Any, factor: Any, variance: Any, changes: Any,
    position: Any, deals: Any, won: Any, centre: float, value: Any, column: Any, start: Any, dense: Any, gaussian: bool,
) -> Any:  # fmt: skip
    """Return the log marginal likelihood's gradient by hyperparameter, the mode's, and how far the mean lies off the mode.

    `changes` holds the variances' derivatives: coordinates × hyperparameters, as the mode's gradient is.
    """
    size = x.shape[0]
    inverse = np.linalg.inv(factor)
    covariance = inverse.T @ inverse
    odds = log_odds(x, position, centre, value, column, start)
    third = derivatives(odds, deals, won, gaussian)[2]
    weight = third * leverages(covariance, position, value, column, start, dense)
    pull = covariance @ slopes(weight, position, value, column, start, size)
    each = 0.5 * (x * x - variance + np.diag(covariance) - pull * x) / variance**2
    moved = covariance @ (changes * (x / variance**2).reshape(-1, 1))
    return changes.T @ each, moved, -0.5 * pull


@compiled
def shift(
    x: Any, factor: Any,
    position: Any, deals: Any, won: Any, centre: float, value: Any, column: Any, start: Any, dense: Any, gaussian: bool,
) -> Any:  # fmt: skip
    """Return how far the posterior mean lies off the mode, to first order in the likelihood's third derivative."""
    inverse = np.linalg.inv(factor)
    covariance = inverse.T @ inverse
    odds = log_odds(x, position, centre, value, column, start)
    third = derivatives(odds, deals, won, gaussian)[2]
    weight = third * leverages(covariance, position, value, column, start, dense)
    return -0.5 * (covariance @ slopes(weight, position, value, column, start, x.shape[0]))


@compiled
def ratios(
    x: Any, factor: Any, variance: Any, normal: Any, off: Any,
    position: Any, deals: Any, won: Any, centre: float, value: Any, column: Any, start: Any, _dense: Any, gaussian: bool,
) -> Any:  # fmt: skip
    """Return draws of the Gaussian (one a row of `normal`) and their log ratio of the exact joint density to the Gaussian's.

    Constants that are the same at all hyperparameters are left out.
    """
    draws = np.zeros(normal.shape)
    ratio = np.zeros(normal.shape[0])
    still = np.sum(np.log(np.diag(factor))) + 0.5 * np.sum(np.log(variance))
    for s in range(normal.shape[0]):
        draws[s] = x + off + solve_upper(factor, normal[s])
        odds = log_odds(draws[s], position, centre, value, column, start)
        ratio[s] = (
            log_likelihood(odds, deals, won, gaussian)
            - 0.5 * np.sum(draws[s] ** 2 / variance)
            + 0.5 * np.sum(normal[s] ** 2)
            - still
        )
    return draws, ratio


@compiled
def win_rates(intercept: Any, effects: Any, position: Any) -> Any:
    """Return win rates, draws × cells, from draws of the intercept and of the effects; effects at -1 are left out."""
    found = np.empty((intercept.shape[0], position.shape[0]))
    for s in range(intercept.shape[0]):
        own = effects[s]
        for c in range(position.shape[0]):
            odds = intercept[s]
            for k in range(position.shape[1]):
                place = position[c, k]
                if place >= 0:
                    odds += own[place]
            found[s, c] = 1.0 / (1.0 + np.exp(-odds))
    return found
