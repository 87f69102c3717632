"""At which age units are treated, given what was known before: Cox's proportional hazards, with a baseline of its own in each stratum.

Sources: Cox (1972), Regression models and life-tables, JRSS B 34, 187-220; Efron (1977), The efficiency of Cox's likelihood function
for censored data, JASA 72, 557-565 (events at the same age); Breslow (1974), Covariance analysis of censored survival data,
Biometrics 30, 89-99 (the baseline).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whywin.stats.propensity import standardised

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ITERATIONS: Final = 30
HALVINGS: Final = 20
RIDGE: Final = 1.0  # on standardised columns, when the partial likelihood has no top


@dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline of one stratum.

    Attributes:
        rows: the stratum's units.
        ages: the ages at which events happen, ascending.
        cumulative: the cumulative hazard just after each of them, for a unit whose `linear` is 0.
    """

    rows: NDArray[np.intp]
    ages: Floats
    cumulative: Floats

    def until(self, age: Floats) -> Floats:
        """Return the cumulative hazard up to and with an age."""
        return np.concatenate([[0.0], self.cumulative])[np.searchsorted(self.ages, age, side="right")]


@dataclass(frozen=True, eq=False)
class ProportionalHazards:
    """A fitted model of the hazard.

    Attributes:
        coefficients: one a standardised covariate.
        linear: the log of each unit's hazard relative to that of a unit of average covariates.
        baselines: one a stratum, in the order of the strata's codes.
        ridge: the penalty that was needed because the covariates order the events perfectly; 0 when there was none.
    """

    coefficients: Floats
    linear: Floats
    baselines: tuple[Baseline, ...]
    ridge: float


@dataclass(frozen=True, eq=False)
class _Risk:
    """Who is at risk at each event of a stratum; units in the order of how many of the event ages they live to see."""

    rows: NDArray[np.intp]
    seen: NDArray[np.intp]  # of each unit: at how many of the ages it is at risk, the first ones
    event: Bools
    ages: Floats
    at: NDArray[np.intp]  # of each event: which of the ages
    share: Floats  # of each event: Efron's part of the units treated at that age which no longer count

    def sums(self, values: Floats, hazard: Floats) -> Floats:
        """Return, for each event, the sum of hazard × values over those at risk."""
        weighted = (values.T * hazard).T
        whole = np.zeros((len(self.ages) + 1, *values.shape[1:]))
        np.add.at(whole, self.seen, weighted)
        after = whole[::-1].cumsum(axis=0)[::-1][1:]
        tied = np.zeros((len(self.ages), *values.shape[1:]))
        np.add.at(tied, self.at, weighted[self.event])
        return np.asarray(after[self.at] - (tied[self.at].T * self.share).T)

    def crossed(self, columns: Floats, hazard: Floats, total: Floats) -> Floats:
        """Return the sum over events of the second moment of the columns among those at risk."""
        steps = np.concatenate([[0.0], np.cumsum(np.bincount(self.at, 1 / total, len(self.ages)))])
        lost = np.bincount(self.at, self.share / total, len(self.ages))
        weight = hazard * steps[self.seen]
        weight[self.event] -= hazard[self.event] * lost[self.at]
        return np.asarray(columns.T @ (columns * weight[:, None]))


def proportional_hazards(covariates: Floats, age: Floats, event: Bools, strata: NDArray[np.int64]) -> ProportionalHazards:
    """Return Cox's regression of the hazard of an event on covariates, ties by Efron.

    A unit that leaves at the very age of another's event is not at risk of it any more: it could not have been treated after it closed.

    Args:
        covariates: one row a unit.
        age: when each unit was treated, or when it was last seen untreated.
        event: which units were treated.
        strata: codes 0…k-1 of groups with baselines of their own.
    """
    columns = standardised(covariates)[:, 1:]
    risks = tuple(_risk(np.flatnonzero(strata == code), age, event) for code in range(int(strata.max()) + 1))
    for ridge in (0.0, RIDGE):
        coefficients = _climb(columns, risks, ridge)
        if coefficients is not None:
            break
    else:
        coefficients = np.zeros(columns.shape[1])
    linear = columns @ coefficients
    baselines = tuple(_baseline(risk, np.exp(linear[risk.rows])) for risk in risks)
    return ProportionalHazards(coefficients, linear, baselines, ridge)


def _risk(rows: NDArray[np.intp], age: Floats, event: Bools) -> _Risk:
    own, happened = age[rows], event[rows]
    ages = np.unique(own[happened])
    at = np.searchsorted(ages, own[happened])
    order = np.argsort(at, kind="stable")
    first = np.searchsorted(at[order], np.arange(len(ages)))
    place = np.empty(len(at))
    place[order] = np.arange(len(at)) - first[at[order]]
    share = place / np.bincount(at, minlength=len(ages))[at] if len(at) else place
    seen = np.searchsorted(ages, own, side="left") + happened
    return _Risk(rows, seen, happened, ages, at, share)


def _climb(columns: Floats, risks: tuple[_Risk, ...], ridge: float) -> Floats | None:
    """Return the coefficients at the top of the partial likelihood, or None when it has no top."""
    coefficients = np.zeros(columns.shape[1])
    small = 1e-9 * max(sum(len(risk.at) for risk in risks), 1)
    gradient, information = _slopes(columns, risks, ridge, coefficients)
    for _ in range(ITERATIONS):
        if np.abs(gradient).max(initial=0.0) <= small:
            return coefficients
        step = np.linalg.pinv(information, rcond=1e-12, hermitian=True) @ gradient
        step /= max(1.0, float(np.abs(step).max()) / 2)
        rise = float(gradient @ step)
        gradient, information = _slopes(columns, risks, ridge, coefficients + step)
        for _ in range(HALVINGS):  # a step so far over the top that it is as steep on the other side may swing for ever
            if gradient @ step >= -rise:
                break
            step, rise = step / 2, rise / 2
            gradient, information = _slopes(columns, risks, ridge, coefficients + step)
        coefficients = coefficients + step
    return None


def _slopes(columns: Floats, risks: tuple[_Risk, ...], ridge: float, at: Floats) -> tuple[Floats, Floats]:
    """Return the gradient of the partial likelihood and its information."""
    gradient, information = -ridge * at, ridge * np.eye(len(at))
    for risk in risks:
        part = columns[risk.rows]
        hazard = np.exp(part @ at)
        total = risk.sums(np.ones(len(part)), hazard)
        mean = risk.sums(part, hazard) / total[:, None]
        gradient = gradient + part[risk.event].sum(axis=0) - mean.sum(axis=0)
        information = information + risk.crossed(part, hazard, total) - mean.T @ mean
    return gradient, information


def _baseline(risk: _Risk, hazard: Floats) -> Baseline:
    steps = np.bincount(risk.at, 1 / risk.sums(np.ones(len(hazard)), hazard), len(risk.ages))
    return Baseline(risk.rows, risk.ages, np.cumsum(steps))
