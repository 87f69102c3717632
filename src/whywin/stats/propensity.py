"""The chance of being treated given what was known before: logistic regression by Newton's method."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

ITERATIONS: Final = 20  # a regular likelihood is at its top in under fifteen; one that climbs for ever gains a logit a step
RIDGE: Final = 1.0  # on standardised columns, when the unpenalised likelihood has no top
BLOCK: Final = 65_536  # rows weighted at a time, so that a million deals need no second copy of their covariates


@dataclass(frozen=True, eq=False)
class Propensity:
    """A fitted propensity model.

    Attributes:
        columns: the standardised covariates with a leading column of ones, one row a unit.
        coefficients: one a column of `columns`.
        linear: the linear predictor of each unit, in logits.
        chance: the propensity of each unit, 0 to 1.
        covariance: covariance matrix of the coefficients: the inverse of the Fisher information.
        ridge: the penalty that was needed because treated and untreated are separated; 0 when there was none.
    """

    columns: Floats
    coefficients: Floats
    linear: Floats
    chance: Floats
    covariance: Floats
    ridge: float


def propensity(covariates: Floats, treated: NDArray[np.bool_]) -> Propensity:
    """Return the logistic regression of treatment on covariates (one row a unit), unpenalised where its likelihood has a top.

    Where a covariate separates treated from untreated units, the likelihood climbs for ever; the fit is then repeated with a
    ridge of 1 on the standardised columns (not on the intercept), and `ridge` says so. Columns that follow from the others
    change nothing: of all the coefficients that give the best fit, the shortest are taken.
    """
    columns = standardised(covariates)
    for ridge in (0.0, RIDGE):
        penalty = np.full(columns.shape[1], ridge)
        penalty[0] = 0.0
        found = _climb(columns, treated, penalty)
        if found is not None or ridge:
            break
    coefficients, information = found if found is not None else (np.zeros(columns.shape[1]), np.eye(columns.shape[1]))
    linear = columns @ coefficients
    return Propensity(columns, coefficients, linear, expit(linear), np.linalg.pinv(information, hermitian=True), ridge)


def standardised(covariates: Floats) -> Floats:
    """Return a column of ones, then each covariate with mean 0 and standard deviation 1 (0 throughout where it is constant)."""
    columns = np.empty((len(covariates), covariates.shape[1] + 1))
    columns[:, 0] = 1.0
    centre, spread = covariates.mean(axis=0), covariates.std(axis=0)
    constant = spread <= 1e-12 * np.maximum(np.abs(centre), 1e-300)
    np.subtract(covariates, centre, out=columns[:, 1:])
    columns[:, 1:] /= np.where(constant, 1.0, spread)
    columns[:, 1:][:, constant] = 0.0
    return columns


def _climb(columns: Floats, treated: NDArray[np.bool_], penalty: Floats) -> tuple[Floats, Floats] | None:
    """Return the coefficients at the top of the likelihood and the information there, or None when it has no top."""
    coefficients = np.zeros(columns.shape[1])
    share = treated.mean()
    coefficients[0] = np.log(share / (1 - share))
    small = 1e-13 * len(treated)
    for _ in range(ITERATIONS):
        gradient, information = _slopes(columns, treated, coefficients)
        gradient -= penalty * coefficients
        information += np.diag(penalty)
        step = np.linalg.pinv(information, rcond=1e-13, hermitian=True) @ gradient
        coefficients = coefficients + step / max(1.0, float(np.abs(step).max()) / 5)
        if np.abs(gradient).max() <= small:
            return coefficients, information
    return None


def _slopes(columns: Floats, treated: NDArray[np.bool_], coefficients: Floats) -> tuple[Floats, Floats]:
    gradient, information = np.zeros(columns.shape[1]), np.zeros((columns.shape[1], columns.shape[1]))
    for rows in blocks(len(columns)):
        part = columns[rows]
        chance = expit(part @ coefficients)
        gradient += part.T @ (treated[rows] - chance)
        information += part.T @ (part * (chance * (1 - chance))[:, None])
    return gradient, information


def blocks(count: int) -> Iterator[slice]:
    """Give slices that together cover `count` rows."""
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
