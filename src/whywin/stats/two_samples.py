"""Two independent samples from their counts, sums and sums of squares: differences of means, absolute and relative.

Source of the degrees of freedom: Welch (1947), The generalization of Student's problem when several different population
variances are involved, Biometrika 34, 28-35. The relative difference has the delta method's standard error, so that its
interval is symmetric; one on the log scale, or Fieller's, is not.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of squares of a sample; for a won deal all three are 1."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean."""
        return self.total / self.n

    @property
    def variance(self) -> float:
        """The variance with n - 1."""
        return (self.squares - self.total**2 / self.n) / (self.n - 1)

    @classmethod
    def of_rate(cls, won: int, n: int) -> "Moments":
        """Return a sample of won and lost deals; its variance is that of p (1 - p)."""
        return cls(n, won, won * won / n + (n - 1) * won / n * (1 - won / n))


@dataclass(frozen=True)
class Difference:
    """A difference of two means with its standard error and Welch's degrees of freedom."""

    value: float
    standard_error: float
    degrees: float

    @property
    def p_value(self) -> float:
        """The two-sided p-value of no difference."""
        return float(2 * student.sf(abs(self.value) / self.standard_error, self.degrees))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the two-sided interval at a level between 0 and 1."""
        half = float(student.ppf(0.5 + level / 2, self.degrees)) * self.standard_error
        return self.value - half, self.value + half


def difference(control: Moments, treated: Moments) -> Difference:
    """Return treated less control."""
    parts = treated.variance / treated.n, control.variance / control.n
    return Difference(treated.mean - control.mean, float(np.sqrt(sum(parts))), _degrees(control, treated))


def relative_difference(control: Moments, treated: Moments) -> Difference:
    """Return treated less control as a share of control, which must not be zero."""
    ratio = treated.mean / control.mean
    variance = (treated.variance / treated.n + ratio**2 * control.variance / control.n) / control.mean**2
    return Difference(ratio - 1, float(np.sqrt(variance)), _degrees(control, treated))


def _degrees(control: Moments, treated: Moments) -> float:
    parts = treated.variance / treated.n, control.variance / control.n
    return float(sum(parts) ** 2 / (parts[0] ** 2 / (treated.n - 1) + parts[1] ** 2 / (control.n - 1)))
