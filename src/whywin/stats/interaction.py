"""Whether one group changed between two times unlike the others did."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, t

Floats = NDArray[np.float64]
SWEEPS: Final = 50  # of iterative proportional fitting at most; two by two by some levels take a few
CLOSE: Final = 1e-6  # deals
SPARSE: Final = 5.0  # levels with fewer expected deals anywhere are put together (Cochran's rule)


def interaction(table: Floats) -> tuple[float, float, int]:
    """Return whether a group's composition changed unlike the others': chance, share of it that moved, and the level that moved most.

    The table is 2 (others, group) × 2 (before, after) × levels. Without a three-way interaction the odds of a level change in the
    group as in the others; Pearson's chi-square measures the distance to that, with levels less one degrees of freedom. The share
    that moved is half the sum of the absolute differences of the group's counts after, over their number.
    Source: Agresti (2013), Categorical Data Analysis, 3rd edition, sections 9.2, 9.3 and 9.7 (iterative proportional fitting).
    """
    kept = np.flatnonzero(table.sum(axis=(0, 1)) > 0)
    given = table[..., kept]
    expected = without_interaction(given).min(axis=(0, 1))
    enough = expected >= SPARSE
    pooled = np.concatenate([given[..., enough], given[..., ~enough].sum(axis=-1, keepdims=True)], axis=-1)
    names = np.append(kept[enough], kept[~enough][expected[~enough].argmax()] if not enough.all() else -1)
    there = np.append(np.ones(enough.sum(), dtype=bool), without_interaction(pooled)[..., -1].min() >= 1)
    pooled, names = pooled[..., there], names[there]
    if len(names) < 2:  # one level cannot change
        return 1.0, 0.0, 0
    fitted = without_interaction(pooled)
    distance = float(((pooled - fitted) ** 2 / fitted).sum())
    off = np.abs(pooled - fitted)[1, 1]
    return float(chi2.sf(distance, len(names) - 1)), float(off.sum() / 2 / pooled[1, 1].sum()), int(names[off.argmax()])


def without_interaction(table: Floats) -> Floats:
    """Return the expected counts of a three-way table without a three-way interaction, by iterative proportional fitting."""
    fitted = np.ones_like(table)
    for _ in range(SWEEPS):
        before = fitted
        for axis in range(3):
            sums = fitted.sum(axis=axis, keepdims=True)
            ratio = np.divide(table.sum(axis=axis, keepdims=True), sums, out=np.zeros_like(sums), where=sums > 0)
            fitted = fitted * ratio
        if np.abs(fitted - before).max(initial=0.0) < CLOSE:
            break
    return fitted


def shift(count: Floats, mean: Floats, variance: Floats) -> tuple[float, float]:
    """Return whether a group's mean moved unlike the others': Welch's p-value, and how far it moved.

    Each argument is 2 (others, group) × 2 (before, after); variances are those of single values, with n - 1. Fewer than five values
    anywhere say nothing.
    """
    if count.min() < 5:
        return 1.0, 0.0
    far = float((mean[1, 1] - mean[1, 0]) - (mean[0, 1] - mean[0, 0]))
    parts = variance / count
    if not parts.sum() > 0:
        return float(far == 0), far
    freedom = parts.sum() ** 2 / (parts**2 / (count - 1)).sum()
    return float(2 * t.sf(abs(far) / np.sqrt(parts.sum()), freedom)), far
