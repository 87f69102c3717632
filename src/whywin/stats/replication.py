"""Where the estimate of a repetition will lie."""

import math
from dataclasses import dataclass

from scipy.stats import norm


@dataclass(frozen=True)
class Repetition:
    """The predictive interval of a further estimate of the same number, in the unit of the first."""

    low: float
    high: float


def repetition(value: float, low: float, high: float, level: float, ratio: float, wanted: float) -> Repetition:
    """Return where an estimate from new, independent data will lie, if what is estimated stays as it is.

    Both estimates have their noise: the variance of the difference is that of the first times 1 + 1 / ratio. The standard error is
    taken from the interval, each side on its own.

    Args:
        value: the first estimate.
        low: lower end of its interval.
        high: its upper end.
        level: coverage of that interval, 0 to 1.
        ratio: how many new deals there will be for each of the first estimate's.
        wanted: coverage of the predictive interval, 0 to 1.

    Raises:
        ValueError: the ends are out of order, or a level or the ratio is out of bounds.

    Source: Cumming and Maillardet (2006), Confidence intervals and replication: where will the next mean fall?, Psychological
    Methods 11, 217-227.
    """
    if not (low <= value <= high and 0 < level < 1 and 0 < wanted < 1 and ratio > 0):
        msg = f"low <= value <= high, levels within 0 and 1 and a positive ratio are needed; got {low}, {value}, {high}, {level}, {wanted}, {ratio}"
        raise ValueError(msg)
    stretch = math.sqrt(1 + 1 / ratio) * float(norm.ppf(0.5 + wanted / 2) / norm.ppf(0.5 + level / 2))
    return Repetition(value - stretch * (value - low), value + stretch * (high - value))
