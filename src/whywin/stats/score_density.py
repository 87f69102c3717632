"""The jump of a score's density at a threshold.

Source: McCrary (2008), Manipulation of the running variable in the regression discontinuity design: a density test, Journal of
Econometrics 142, 698-714 (the bins); Calonico, Cattaneo and Titiunik (2014), Econometrica 82, 2295-2326 (the inference on their heights).
"""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whywin.stats.discontinuity import jump

SMOOTHED: Final = 11  # bins that a count's expectation is told from


def density_jump(score: ArrayLike) -> tuple[float, float, float]:
    """Return the number of observations a unit of the score just below zero and just above it, and the standard error of the jump.

    Args:
        score: scores less the threshold, n. A score of few different values is counted value by value, several to a bin where they are dense.
    """
    x = np.asarray(score, dtype=float)
    width = 2 * float(x.std(ddof=1)) / np.sqrt(len(x))
    values = np.unique(x)
    if (
        len(values) < len(x) / 2
    ):  # rounded scores: a bin must hold whole steps, or some bins would hold one value more than others
        step = float(np.round(np.diff(values).min(), 9))
        width = max(round(width / step), 1) * step
    place = np.floor(x / width + 1e-9).astype(np.int64)
    first = int(place.min())
    counts = np.bincount(place - first)
    centre = (np.arange(first, first + len(counts)) + 0.5) * width
    found = jump(centre, counts / width, 0.0, noise=_chance_noise(counts, -first) / width)
    below = max(found.mean_below, 0.0)
    return below, below + found.corrected, found.robust


def _chance_noise(counts: NDArray[np.int64], split: int) -> NDArray[np.float64]:
    """Return the standard deviation of each count, which is Poisson's: the root of the mean of the counts about it on its side."""
    means = [
        np.convolve(side, np.ones(SMOOTHED), "same") / np.convolve(np.ones(len(side)), np.ones(SMOOTHED), "same")
        for side in (counts[:split], counts[split:])
        if len(side)
    ]
    return np.sqrt(np.maximum(np.concatenate(means), 1 / SMOOTHED))
