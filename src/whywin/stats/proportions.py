"""Intervals for one proportion."""

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
