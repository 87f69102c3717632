"""The chance of being treated given what was known before: logistic regression by Newton's method."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]

ITERATIONS: Final = 20  # a regular likelihood is at its top in under fifteen; one that climbs for ever gains a logit a step
HALVINGS: Final = 30  # of a step that goes over the top
RIDGE: Final = 1.0  # on standardised columns, when the unpenalised likelihood has no top
BLOCK: Final = (
    16_384  # rows standardised and weighted at a time, so that they stay in the cache and need no second copy of the covariates
)
MANY: Final = 100_000  # rows from which on a sixteenth of them is climbed first
ENOUGH: Final = 1e-8  # in logits; Newton's steps square their errors, so that what is left after so short a one is rounding


@dataclass(frozen=True, eq=False)
class Standardised:
    """Covariates with mean 0 and standard deviation 1 behind a column of ones, made a few rows at a time.

    Attributes:
        covariates: as they came, one row a unit.
        centre: mean of each.
        factor: what each is multiplied by once centred: 1 / its standard deviation, 0 where it is constant.
    """

    covariates: Floats
    centre: Floats
    factor: Floats

    @property
    def width(self) -> int:
        """Number of columns, that of ones included."""
        return len(self.centre) + 1

    @cached_property
    def columns(self) -> Floats:
        """All of them, n × (1 + p), the column of ones first."""
        whole = np.ones((len(self.covariates), self.width))
        for rows in blocks(len(whole)):
            whole[rows, 1:] = self.block(rows)
        return whole

    def block(self, rows: slice) -> Floats:
        """Return some rows without the column of ones."""
        part = self.covariates[rows] - self.centre
        part *= self.factor
        return part

    def times(self, coefficients: Floats) -> Floats:
        """Return the linear predictor of each unit."""
        linear = np.full(len(self.covariates), coefficients[0])
        for rows in blocks(len(linear)):
            linear[rows] += self.block(rows) @ coefficients[1:]
        return linear

    def pulled(self, amounts: Floats) -> Floats:
        """Return the sums over units of an amount times each column."""
        total = np.zeros(self.width)
        total[0] = amounts.sum()
        for rows in blocks(len(amounts)):
            total[1:] += amounts[rows] @ self.block(rows)
        return total


@dataclass(frozen=True, eq=False)
class Propensity:
    """A fitted propensity model.

    Attributes:
        standard: the standardised covariates that it was fitted to.
        coefficients: one a column of `columns`.
        linear: the linear predictor of each unit, in logits.
        chance: the propensity of each unit, 0 to 1.
        covariance: how a change of the score moves the coefficients: the inverse of the Fisher information, the ridge included; where
            there is none, the covariance matrix of the coefficients.
        ridge: the penalty that was used: what was asked for, or what was needed because treated and untreated are separated.
        separated: whether a ridge was needed that nobody asked for.
    """

    standard: Standardised
    coefficients: Floats
    linear: Floats
    chance: Floats
    covariance: Floats
    ridge: float
    separated: bool = False

    @property
    def columns(self) -> Floats:
        """The standardised covariates with a leading column of ones, one row a unit."""
        return self.standard.columns

    @property
    def spread(self) -> Floats:
        """The covariance matrix of the coefficients, of a penalised fit too (about its own centre)."""
        penalty = np.r_[0.0, np.full(len(self.coefficients) - 1, self.ridge)]
        return np.asarray(self.covariance - (self.covariance * penalty) @ self.covariance)


def propensity(
    covariates: Floats | Standardised, treated: NDArray[np.bool_], ridge: float = 0.0, start: Floats | None = None
) -> Propensity:
    """Return the logistic regression of treatment on covariates (one row a unit), unpenalised where its likelihood has a top.

    Where a covariate separates treated from untreated units, the likelihood climbs for ever; the fit is then repeated with a
    ridge of 1, and `separated` says so. Columns that follow from the others change nothing: of all the coefficients that give the
    best fit, the shortest are taken.

    Args:
        covariates: as numbers, or standardised already, which spares many fits to the same units the work.
        treated: which units were treated.
        ridge: half of it times the squared coefficients of the standardised columns (not of the intercept) is taken off the
            log-likelihood.
        start: coefficients to begin from.
    """
    standard = covariates if isinstance(covariates, Standardised) else standardisation(covariates)
    used, found = ridge, _climb(standard, treated, ridge, start)
    if found is None and not ridge:
        used, found = RIDGE, _climb(standard, treated, RIDGE, None)
    coefficients, information = found if found is not None else (np.zeros(standard.width), np.eye(standard.width))
    linear = standard.times(coefficients)
    inverse = np.linalg.pinv(information, hermitian=True)
    return Propensity(standard, coefficients, linear, expit(linear), inverse, used, used != ridge)


def standardisation(covariates: Floats) -> Standardised:
    """Return what puts a column of ones before covariates with mean 0 and standard deviation 1 (0 where one is constant)."""
    centre = covariates.mean(axis=0)
    squares = np.zeros(covariates.shape[1])
    for rows in blocks(len(covariates)):
        squares += ((covariates[rows] - centre) ** 2).sum(axis=0)
    spread = np.sqrt(squares / max(len(covariates), 1))
    constant = spread <= 1e-12 * np.maximum(np.abs(centre), 1e-300)
    return Standardised(covariates, centre, np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread)))


def standardised(covariates: Floats) -> Floats:
    """Return a column of ones, then each covariate with mean 0 and standard deviation 1 (0 throughout where it is constant)."""
    return standardisation(covariates).columns


def _climb(
    standard: Standardised, treated: NDArray[np.bool_], ridge: float, start: Floats | None
) -> tuple[Floats, Floats] | None:
    """Return the coefficients at the top of the likelihood and the information there, or None when it has no top."""
    penalty = np.full(standard.width, ridge)
    penalty[0] = 0.0
    if start is None:
        start = _from_a_part(standard, treated, ridge)
    coefficients = start.copy()
    small = 1e-13 * len(treated)

    def slopes(at: Floats) -> tuple[Floats, Floats]:
        gradient, information = _slopes(standard, treated, at)
        return gradient - penalty * at, information + np.diag(penalty)

    gradient, information = slopes(coefficients)
    for _ in range(ITERATIONS):
        step = np.linalg.pinv(information, rcond=1e-13, hermitian=True) @ gradient
        size = float(np.abs(step).max())
        step /= max(1.0, size / 5)
        if np.abs(gradient).max() <= small or size <= ENOUGH:
            return coefficients + step, information
        rise = float(gradient @ step)
        gradient, information = slopes(coefficients + step)
        for _ in range(HALVINGS):  # a step so far over the top that it is as steep on the other side may lead nowhere, for ever
            if gradient @ step >= -rise:
                break
            step, rise = step / 2, rise / 2
            gradient, information = slopes(coefficients + step)
        coefficients = coefficients + step
    return None


def _from_a_part(standard: Standardised, treated: NDArray[np.bool_], ridge: float) -> Floats:
    """Return where to begin: the share of the treated; of many units, the top of the likelihood of every sixteenth."""
    coefficients = np.zeros(standard.width)
    share = treated.mean()
    coefficients[0] = np.log(share / (1 - share))
    part = treated[::16]
    if len(treated) < MANY or not 0 < part.mean() < 1:
        return coefficients
    found = _climb(Standardised(standard.covariates[::16], standard.centre, standard.factor), part, ridge, coefficients)
    return coefficients if found is None else found[0]


def _slopes(standard: Standardised, treated: NDArray[np.bool_], coefficients: Floats) -> tuple[Floats, Floats]:
    gradient, information = np.zeros(standard.width), np.zeros((standard.width, standard.width))
    for rows in blocks(len(treated)):
        part = standard.block(rows)
        chance = expit(part @ coefficients[1:] + coefficients[0])
        rest, doubt = treated[rows] - chance, chance * (1 - chance)
        gradient += np.r_[rest.sum(), rest @ part]
        information[0, 0] += doubt.sum()
        information[0, 1:] += doubt @ part
        information[1:, 1:] += part.T @ (part * doubt[:, None])
    information[1:, 0] = information[0, 1:]
    return gradient, information


def blocks(count: int) -> Iterator[slice]:
    """Give slices that together cover `count` rows."""
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
