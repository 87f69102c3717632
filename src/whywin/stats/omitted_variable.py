"""What a variable left out of a regression could do to its coefficient, in terms of what the variable explains.

Sources: Cinelli and Hazlett (2020), Making sense of sensitivity: extending omitted variable bias, JRSS B 82, 39-67.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coefficient:
    """The treatment's coefficient in a linear regression.

    Attributes:
        value: the coefficient, in units of the outcome.
        error: its classical standard error.
        freedom: residual degrees of freedom.
    """

    value: float
    error: float
    freedom: int

    @property
    def t(self) -> float:
        """The coefficient in standard errors."""
        return self.value / self.error if self.error > 0 else math.inf


@dataclass(frozen=True)
class Strength:
    """What an unobserved variable explains: shares of what is left, 0 to 1.

    Attributes:
        of_treatment: partial R² with the treatment, given what is adjusted for.
        of_outcome: partial R² with the outcome, given treatment and what is adjusted for.
    """

    of_treatment: float
    of_outcome: float


def coefficient(outcome: Floats, treated: Floats, covariates: Floats) -> Coefficient:
    """Return the treatment's coefficient in the least-squares regression of the outcome on it and the covariates."""
    design = np.column_stack([np.ones(len(outcome)), covariates])
    basis = _basis(design)
    rest, left = treated - basis @ (basis.T @ treated), outcome - basis @ (basis.T @ outcome)
    moved = float(rest @ rest)
    value = float(rest @ left) / moved if moved > 0 else 0.0
    freedom = len(outcome) - basis.shape[1] - 1
    spread = float(((left - value * rest) ** 2).sum())
    return Coefficient(value, math.sqrt(spread / max(freedom, 1) / moved) if moved > 0 else math.inf, freedom)


def partial_r2(t: float, freedom: float) -> float:
    """Return the share of what is left of the outcome that the treatment explains."""
    return t**2 / (t**2 + freedom)


def robustness_value(t: float, freedom: float, *, share: float = 1.0, level: float | None = None) -> float:
    """Return the partial R² with treatment and with outcome that moves the estimate down by a share, or to where it is noise.

    Args:
        t: the coefficient in standard errors.
        freedom: residual degrees of freedom.
        share: the share of the estimate that is explained away.
        level: two-sided significance level that the rest must miss; None for the estimate itself.
    """
    f = share * abs(t) / math.sqrt(freedom)
    critical = 0.0 if level is None else float(student.ppf(1 - level / 2, freedom - 1)) / math.sqrt(freedom - 1)
    reach = f - critical
    if reach <= 0:
        return 0.0
    value = 0.5 * (math.sqrt(reach**4 + 4 * reach**2) - reach**2)
    if level is not None and f > 1 / critical:  # an extreme the authors treat apart: the residual variance shrinks too
        return (f**2 - critical**2) / (1 + f**2)
    return value


def adjusted(found: Coefficient, hidden: Strength) -> Coefficient:
    """Return the coefficient that adjusting for the hidden variable too would leave at the least, nearest to zero or beyond it."""
    ratio = hidden.of_outcome * hidden.of_treatment / (1 - hidden.of_treatment)
    bias = math.sqrt(ratio) * found.error * math.sqrt(found.freedom)
    error = found.error * math.sqrt(
        (1 - hidden.of_outcome) / (1 - hidden.of_treatment) * found.freedom / max(found.freedom - 1, 1)
    )
    return Coefficient(found.value - math.copysign(bias, found.value), error, found.freedom - 1)


def as_strong_as(
    outcome: Floats, treated: Floats, covariates: Floats, benchmark: NDArray[np.bool_], times: float = 1.0
) -> Strength | None:
    """Return the bound on a hidden variable that explains `times` as much of treatment and outcome as some covariates do.

    Args:
        outcome: the outcome of each unit.
        treated: 1 where it was treated, else 0.
        covariates: what is adjusted for, one row a unit.
        benchmark: which of the covariates are the measure: the columns of one observed variable.
        times: how many times as strong as they are.

    Returns:
        The bound, or None where nothing can be as strong: it would explain more than there is.
    """
    others, measure = covariates[:, ~benchmark], covariates[:, benchmark]
    ones = np.ones((len(outcome), 1))
    of_treatment = _explained(treated, np.column_stack([ones, others]), measure)
    of_outcome = _explained(outcome, np.column_stack([ones, others, treated]), measure)
    if of_treatment >= 1 or of_outcome >= 1:
        return None
    hidden = times * of_treatment / (1 - of_treatment)
    if hidden >= 1 or times * of_treatment >= 1:
        return None
    shared = times * of_treatment**2 / ((1 - times * of_treatment) * (1 - of_treatment))
    if shared >= 1:
        return None
    factor = (math.sqrt(times) + math.sqrt(shared)) / math.sqrt(1 - shared)
    return Strength(hidden, min(factor**2 * of_outcome / (1 - of_outcome), 1.0))


def _explained(target: Floats, given: Floats, more: Floats) -> float:
    """Return the share of what is left of a target, given some columns, that further columns explain."""
    before, after = (_left(target, columns) for columns in (given, np.column_stack([given, more])))
    return max(1 - after / before, 0.0) if before > 0 else 0.0


def _left(target: Floats, columns: Floats) -> float:
    scaled = columns / np.maximum(np.sqrt((columns**2).sum(axis=0)), 1e-300)
    slopes = np.linalg.pinv(scaled.T @ scaled, rcond=1e-11, hermitian=True) @ (scaled.T @ target)
    return float(((target - scaled @ slopes) ** 2).sum())


def _basis(columns: Floats) -> Floats:
    """Return an orthonormal basis of what the columns span, whatever follows from others left out."""
    scaled = columns / np.maximum(np.sqrt((columns**2).sum(axis=0)), 1e-300)
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    return np.asarray(left[:, size > 1e-9 * size.max()])
