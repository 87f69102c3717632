"""Ratios of two sums over independent units by the delta method: the difference of two samples, adjusted for a covariate if asked.

A mean is a ratio whose denominators are all 1. These are the large-sample numbers that experiment libraries give; with few units
of unequal size their errors are too small, and `cluster.arm_contrast` is right.
Sources: Deng, Knoblich and Lu (2018), Applying the delta method in metric analytics, KDD; Deng, Xu, Kohavi and Walker (2013),
Improving the sensitivity of online controlled experiments by utilizing pre-experiment data, WSDM, for the adjustment (CUPED).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """A difference of two ratios, with its interval's half width on the scale where it is symmetric.

    Attributes:
        control: the ratio of the control sample, adjusted if asked.
        treated: that of the treated sample.
        standard_error: of the difference.
        degrees: Welch's, of the difference.
        log_error: standard error of the log of treated over control; not a number where a ratio is not positive.
        log_degrees: Welch's, of that.
    """

    control: float
    treated: float
    standard_error: float
    degrees: float
    log_error: float
    log_degrees: float

    @property
    def value(self) -> float:
        """Treated less control."""
        return self.treated - self.control

    @property
    def relative(self) -> float:
        """The difference as a share of control."""
        return self.treated / self.control - 1

    @property
    def p_value(self) -> float:
        """The two-sided p-value of no difference."""
        return float(2 * student.sf(abs(self.value) / self.standard_error, self.degrees))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval of the difference at a level between 0 and 1."""
        half = float(student.ppf(0.5 + level / 2, self.degrees)) * self.standard_error
        return self.value - half, self.value + half

    def relative_interval(self, level: float) -> tuple[float, float]:
        """Return the interval of the relative difference, symmetric on the log scale."""
        half = float(student.ppf(0.5 + level / 2, self.log_degrees)) * self.log_error
        middle = np.log(self.treated / self.control)
        return float(np.expm1(middle - half)), float(np.expm1(middle + half))


def ratio_gap(
    numerator: ArrayLike,
    denominator: ArrayLike,
    treated: ArrayLike,
    *,
    numerator_before: ArrayLike | None = None,
    denominator_before: ArrayLike | None = None,
) -> Gap:
    """Return treated less control of sum(numerator) / sum(denominator), one row a unit.

    Args:
        numerator: of each unit.
        denominator: of each unit; ones for a mean.
        treated: whether each unit is in the treated sample.
        numerator_before: the covariate's numerator; no adjustment when not given.
        denominator_before: the covariate's denominator; ones when not given.
    """
    top, bottom, arm = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float), np.asarray(treated, dtype=bool)
    means, variances, counts = [], [], []
    slope, before, under, overall = 0.0, np.zeros(0), np.zeros(0), 0.0
    if numerator_before is not None:
        before = np.asarray(numerator_before, dtype=float)
        under = np.ones_like(before) if denominator_before is None else np.asarray(denominator_before, dtype=float)
        slope = cuped(linearised(top, bottom), linearised(before, under)).slope
        overall = before.sum() / under.sum()
    for group in (~arm, arm):
        mean, parts = top[group].sum() / bottom[group].sum(), linearised(top[group], bottom[group])
        if numerator_before is not None:
            mean -= slope * (before[group].sum() / under[group].sum() - overall)
            parts = parts - slope * linearised(before[group], under[group])
        means.append(float(mean))
        variances.append(float(parts.var(ddof=1)) / int(group.sum()))
        counts.append(int(group.sum()))
    logs = [variance / mean**2 if mean > 0 else np.nan for variance, mean in zip(variances, means, strict=True)]
    error, log_error = float(np.sqrt(sum(variances))), float(np.sqrt(sum(logs)))
    return Gap(means[0], means[1], error, _welch(variances, counts), log_error, _welch(logs, counts))


@dataclass(frozen=True)
class Cuped:
    """What a covariate takes off a variance: its slope, its correlation, and the share of the variance that is left."""

    slope: float
    correlation: float
    variance_left: float


def cuped(outcome: ArrayLike, before: ArrayLike) -> Cuped:
    """Return the slope that takes most variance off an outcome, and what it leaves: 1 - correlation²; nothing is taken by a constant."""
    y, x = np.asarray(outcome, dtype=float), np.asarray(before, dtype=float)
    (yy, yx), (_, xx) = np.cov(y, x)
    if xx <= 0 or yy <= 0:
        return Cuped(0.0, 0.0, 1.0)
    return Cuped(float(yx / xx), float(yx / np.sqrt(yy * xx)), float(1 - yx**2 / (yy * xx)))


def linearised(numerator: Array, denominator: Array) -> Array:
    """Return what each unit adds to a ratio: its numerator less the ratio times its denominator, over the mean denominator."""
    return np.asarray((numerator - numerator.sum() / denominator.sum() * denominator) / denominator.mean())


def winsorised(values: ArrayLike, quantile: float) -> tuple[Array, float]:
    """Return values with those above a quantile of theirs set to it, and that cap (NumPy's linear quantile)."""
    x = np.asarray(values, dtype=float)
    cap = float(np.quantile(x, quantile))
    return np.minimum(x, cap), cap


def _welch(variances: list[float], counts: list[int]) -> float:
    return float(sum(variances) ** 2 / sum(one**2 / (count - 1) for one, count in zip(variances, counts, strict=True)))
