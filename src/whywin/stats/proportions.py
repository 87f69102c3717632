"""Intervals for one proportion, and for the difference between two."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri


def wilson(successes: ArrayLike, trials: ArrayLike, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of Wilson's score interval, elementwise; [0, 1] where there are no trials.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22, 209-212.
    """
    won, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    z2 = ndtri(0.5 + level / 2) ** 2
    safe = np.where(n > 0, n, 1.0)
    share = won / safe
    centre = (share + z2 / (2 * safe)) / (1 + z2 / safe)
    half = np.sqrt(z2) / (1 + z2 / safe) * np.sqrt(share * (1 - share) / safe + z2 / (4 * safe**2))
    low = np.where(n > 0, np.clip(centre - half, 0.0, 1.0), 0.0)
    high = np.where(n > 0, np.clip(centre + half, 0.0, 1.0), 1.0)
    return low, high


def newcombe(
    successes: tuple[ArrayLike, ArrayLike], trials: tuple[ArrayLike, ArrayLike], level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of the hybrid score interval for the first proportion minus the second; [-1, 1] where there are no trials.

    Source: Newcombe (1998), Interval estimation for the difference between independent proportions: comparison of eleven methods,
    Statistics in Medicine 17, 873-890, method 10.
    """
    (low1, high1), (low2, high2) = (wilson(won, n, level) for won, n in zip(successes, trials, strict=True))
    first, second = (
        np.asarray(won, dtype=float) / np.where(np.asarray(n) > 0, n, 1) for won, n in zip(successes, trials, strict=True)
    )
    there = (np.asarray(trials[0]) > 0) & (np.asarray(trials[1]) > 0)
    low = first - second - np.hypot(first - low1, high2 - second)
    high = first - second + np.hypot(high1 - first, second - low2)
    return np.where(there, np.clip(low, -1.0, 1.0), -1.0), np.where(there, np.clip(high, -1.0, 1.0), 1.0)
