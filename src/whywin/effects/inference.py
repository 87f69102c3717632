"""From a variance to an interval: normal, or Student's where little tells how large the variance is."""

import math
from typing import Final

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from whywin.effects.comparison import Comparison
from whywin.effects.question import Effect

MANY: Final = 30.0  # degrees of freedom from which on the normal distribution is as good


def interval(
    question: Effect, comparison: Comparison, value: float, variance: float, freedom: float = math.inf
) -> tuple[float, float]:
    """Return both ends of the question's interval.

    It is Student's with clusters - 1 degrees of freedom where deals share a cluster, or with the `freedom` of the variance where that is
    less than 30 and fewer; otherwise normal.
    """
    place, clusters = 0.5 + question.level / 2, comparison.clusters
    degrees = math.inf if clusters is None else len(np.unique(clusters)) - 1.0
    if freedom < MANY:
        degrees = min(degrees, max(freedom, 1.0))
    quantile = norm.ppf(place) if math.isinf(degrees) else student.ppf(place, degrees)
    reach = float(quantile) * math.sqrt(variance)
    return value - reach, value + reach
