"""What refits of an estimator say of it: whether they are zero on average, and whether they scatter as its interval says.

Sources: Politis, Romano and Wolf (1999), Subsampling, Springer; Shao and Tu (1995), The jackknife and bootstrap, Springer, chapter 5
(half-samples); Efron and Tibshirani (1993), An introduction to the bootstrap, Chapman and Hall.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm
from scipy.stats import t as student

Floats = NDArray[np.float64]


def chance_of_zero(found: Floats, tolerated: float = 0.0) -> tuple[float, float]:
    """Return the mean of refits, and the two-sided chance of one so far from zero were the true mean within what is tolerated.

    Args:
        found: one number a refit, independent of one another.
        tolerated: the largest true mean that is no fault, in standard deviations of a refit.
    """
    mean, spread = float(found.mean()), float(found.std(ddof=1))
    if spread == 0:
        return mean, float(mean == 0)
    beyond = (abs(mean) / spread - tolerated) * math.sqrt(len(found))
    return mean, min(1.0, 2 * float(student.sf(beyond, len(found) - 1)))


def chance_of_spread(deviations: Floats, error: float) -> tuple[float, float]:
    """Return how many times as far refits scatter as a standard error says, and the chance of so much or more if it is right.

    Args:
        deviations: independent draws with mean zero whose standard deviation should be `error`.
        error: the standard error that is judged.
    """
    if error <= 0:
        still = bool(np.allclose(deviations, 0.0))
        return 1.0 if still else math.inf, float(still)
    squares = float((deviations**2).sum()) / error**2
    return math.sqrt(squares / len(deviations)), float(chi2.sf(squares, len(deviations)))


def chance_of_shift(shift: float, error: float) -> float:
    """Return the two-sided chance of a shift at least so large if it is no more than the noise of a standard error."""
    return 2 * float(norm.sf(abs(shift) / error)) if error > 0 else float(shift == 0)
