"""From a variance to an interval: normal, or Student's where the question names a cluster."""

import math

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from whywin.effects.comparison import Comparison
from whywin.effects.question import Effect


def interval(question: Effect, comparison: Comparison, value: float, variance: float) -> tuple[float, float]:
    """Return both ends of the question's interval, with clusters - 1 degrees of freedom where deals share a cluster."""
    place, clusters = 0.5 + question.level / 2, comparison.clusters
    quantile = norm.ppf(place) if clusters is None else student.ppf(place, len(np.unique(clusters)) - 1)
    reach = float(quantile) * math.sqrt(variance)
    return value - reach, value + reach
