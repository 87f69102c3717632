"""How good predictive intervals were, once what they predicted is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta


def interval_score(low: ArrayLike, high: ArrayLike, level: ArrayLike, value: ArrayLike) -> NDArray[np.float64]:
    """Return the interval score of each interval, in the unit of the values: its width, and for a miss 2/(1 - level) times how far.

    The smaller the better; the truth's own quantiles have the smallest expectation.
    Source: Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, JASA 102, 359-378, section 6.2.
    """
    low, high, level, value = (np.asarray(one, dtype=np.float64) for one in (low, high, level, value))
    missed = np.maximum(low - value, 0) + np.maximum(value - high, 0)
    return np.asarray(high - low + 2 / (1 - level) * missed)


@dataclass(frozen=True)
class Share:
    """A share with its exact interval (Clopper and Pearson 1934), 0 to 1."""

    value: float
    low: float
    high: float


def share_of(held: int, count: int, level: float = 0.95) -> Share:
    """Return what share of `count` intervals held, and how sure that is; `ValueError` without any."""
    if not 0 <= held <= count or count < 1:
        msg = f"held must be between 0 and count, and count at least 1; got {held} of {count}"
        raise ValueError(msg)
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, held, count - held + 1)) if held else 0.0
    high = float(beta.ppf(1 - tail, held + 1, count - held)) if held < count else 1.0
    return Share(held / count, low, high)
