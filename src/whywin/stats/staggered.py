"""Difference in differences where groups adopt at different times: the effect on each cohort in each period, and their means.

Sources: Callaway and Sant'Anna (2021), Difference-in-differences with multiple time periods, Journal of Econometrics 225, 200-230;
Sant'Anna and Zhao (2020), Doubly robust difference-in-differences estimators, Journal of Econometrics 219, 101-122 (repeated cross
sections); Welch (1947), The generalization of Student's problem when several different population variances are involved, Biometrika 34,
28-35 (degrees of freedom); Kline and Santos (2012), A score based approach to wild bootstrap inference, Journal of Econometric Methods 1.
Observations are repeated cross-sections: a deal is there once; with a panel the same numbers come out where each unit is there in every
period. Units (teams, counties) are independent of one another, their observations are not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import norm
from scipy.stats import t as student

from whywin.stats.logistic import fitted

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Form = Literal["doubly_robust", "outcome_regression"]
NEVER: Final = np.iinfo(np.int64).max  # the cohort of units that never adopt
SMALLEST: Final = 1e-6  # ridge of the propensity, so that it exists where covariates separate a cohort from its controls


@dataclass(frozen=True, eq=False)
class Adoption:
    """Observations of units that adopt at different times.

    Attributes:
        outcome: n.
        period: whole numbers that rise with time, n.
        unit: codes 0…m-1 of the units, n.
        cohort: the period in which each unit adopts, m; `NEVER` where it does not.
        covariates: n × p without an intercept, or None.
        fewest: units that a cohort must have for its effect to be told: the spread between units cannot be told from one.
    """

    outcome: Array
    period: Integers
    unit: Integers
    cohort: Integers
    covariates: Array | None = None
    fewest: int = 2

    @property
    def cohorts(self) -> tuple[int, ...]:
        """The cohorts whose effect can be told: of enough units, seen before they adopt."""
        values, counts = np.unique(self.cohort, return_counts=True)
        first = int(self.period.min())
        return tuple(
            int(value) for value, count in zip(values, counts, strict=True) if count >= self.fewest and first < value < NEVER
        )


@dataclass(frozen=True, eq=False)
class GroupTime:
    """The effect on one cohort in one period, or before it adopts the change that parallel trends rule out.

    Attributes:
        cohort: the period in which it adopts.
        period: the period that is looked at.
        value: what its outcome changed by, beyond that of the controls.
        influence: what each unit moves it by, m numbers that add up to about zero.
        observations: how many of the cohort there are in the period.
    """

    cohort: int
    period: int
    value: float
    influence: Array
    observations: int

    @property
    def since(self) -> int:
        """Periods since adoption: 0 in the one of adoption, negative before."""
        return self.period - self.cohort


@dataclass(frozen=True, eq=False)
class Mean:
    """A weighted mean of effects.

    Attributes:
        value: the mean.
        influence: what each unit moves it by, scaled so that their squares add up to its variance.
        degrees: Welch's degrees of freedom, by cohorts.
        observations: how many treated observations it rests on.
    """

    value: float
    influence: Array
    degrees: float
    observations: int

    @property
    def error(self) -> float:
        """Its standard error, clustered by unit."""
        return float(np.sqrt((self.influence**2).sum()))

    def interval(self, level: float) -> tuple[float, float]:
        """Return Student's interval at a level between 0 and 1."""
        half = float(student.ppf(0.5 + level / 2, self.degrees)) * self.error
        return self.value - half, self.value + half


def group_times(
    given: Adoption,
    form: Form = "doubly_robust",
    controls: Literal["never", "not_yet"] = "never",
    before: Literal["last", "all"] = "last",
) -> tuple[GroupTime, ...]:
    """Return the effect on each cohort in each period that has observations and controls.

    Args:
        given: the observations.
        form: how covariates are adjusted for; without any it makes no difference.
        controls: units that never adopt, or all that have not adopted by the period.
        before: what a period after adoption is compared with: the last before it, or all before it, weighed by their observations, which is
            more precise where trends are parallel throughout. A period before adoption is compared with the one before it.
    """
    found = []
    first, last = int(given.period.min()), int(given.period.max())
    of_unit = given.cohort[given.unit]
    for cohort in given.cohorts:
        inside = of_unit == cohort
        for period in range(first + 1, last + 1):
            earlier = [period - 1] if period < cohort else ([cohort - 1] if before == "last" else list(range(first, cohort)))
            latest = max(period, cohort) if controls == "not_yet" else NEVER - 1
            outside = of_unit > latest
            one = _against(given, inside, outside, cohort, period, earlier, form)
            if one is not None:
                found.append(one)
    return tuple(found)


def _against(
    given: Adoption,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
    cohort: int,
    period: int,
    earlier: Sequence[int],
    form: Form,
) -> GroupTime | None:
    """Compare a period with earlier ones, weighed by the cohort's observations in them; None where somebody is missing."""
    units = len(given.cohort)
    then = [_gap(given, inside, outside, period, one, form) for one in earlier]
    there = [
        (int((inside & (given.period == one)).sum()), gap) for one, gap in zip(earlier, then, strict=True) if gap is not None
    ]
    if not there:
        return None
    total = sum(count for count, _ in there)
    value = sum(count * gap[0] for count, gap in there) / total
    influence = sum((count * gap[1] for count, gap in there), np.zeros(len(given.outcome))) / total
    return GroupTime(
        cohort,
        period,
        float(value),
        np.bincount(given.unit, influence, minlength=units),
        int((inside & (given.period == period)).sum()),
    )


def _gap(
    given: Adoption, inside: NDArray[np.bool_], outside: NDArray[np.bool_], period: int, earlier: int, form: Form
) -> tuple[float, Array] | None:
    """Return the change of the cohort beyond that of the controls between two periods, and each observation's influence on it."""
    times = [given.period == one for one in (period, earlier)]
    if min((group & time).sum() for group in (inside, outside) for time in times) < 1:
        return None
    value, influence = 0.0, np.zeros(len(given.outcome))
    if given.covariates is None:
        for sign, time in zip((1, -1), times, strict=True):
            for side, group in ((1, inside & time), (-1, outside & time)):
                mean = float(given.outcome[group].mean())
                value += sign * side * mean
                influence[group] += sign * side * (given.outcome[group] - mean) / group.sum()
        return value, influence
    rows = (inside | outside) & (times[0] | times[1])
    X = np.column_stack([np.ones(rows.sum()), given.covariates[rows]])
    effect, moved = _adjusted(X, given.outcome[rows], inside[rows], times[0][rows], form)
    influence[rows] = moved
    return effect, influence


def _adjusted(X: Array, y: Array, inside: NDArray[np.bool_], later: NDArray[np.bool_], form: Form) -> tuple[float, Array]:
    """Return the change beyond the controls' given covariates, and the influence of each row, the nuisances' included."""
    weight, slope = np.ones(len(y)), np.zeros((X.shape[1], len(y)))
    if form == "doubly_robust":
        penalty = np.r_[0.0, np.full(X.shape[1] - 1, SMALLEST)]
        linear = X @ fitted(X, inside.astype(float), penalty).coefficients
        chance, weight = expit(linear), np.exp(np.clip(linear, -30, 30))
        slope = np.linalg.pinv((X * (chance * (1 - chance))[:, None]).T @ X, hermitian=True) @ (X * (inside - chance)[:, None]).T
    value, influence = 0.0, np.zeros(len(y))
    for sign, time in ((1, later), (-1, ~later)):
        treated, control = inside & time, ~inside & time
        bread = np.linalg.pinv(X[control].T @ X[control], hermitian=True)
        left = y - X @ (bread @ (X[control].T @ y[control]))
        share = np.where(control, weight, 0.0) / weight[control].sum()
        if form == "outcome_regression":
            share = np.zeros(len(y))
        mean, other = float(left[treated].mean()), float(share @ left)
        value += sign * (mean - other)
        moved = np.zeros(len(y))
        moved[treated] = (left[treated] - mean) / treated.sum()
        moved -= share * (left - other)
        pulled = X.T @ share - X[treated].mean(axis=0)
        moved[control] += (X[control] * left[control][:, None]) @ bread @ pulled
        moved -= (X.T @ (share * (left - other))) @ slope
        influence += sign * moved
    return value, influence


def mean_of(given: Adoption, cells: Iterable[GroupTime]) -> Mean:
    """Return the mean of effects weighed by the observations that they are about, which are taken as given.

    A unit's influence is scaled by 1 / √(1 − its share of its cohort): that is what fitting the cohort's own means took out of it.
    """
    cells = tuple(cells)
    weight = np.array([cell.observations for cell in cells], dtype=float)
    weight /= weight.sum()
    influence = np.einsum("c,cm->m", weight, np.array([cell.influence for cell in cells]))
    share, group = _shares(given)
    influence = influence / np.sqrt(1 - share)
    parts = np.bincount(group, influence**2)
    members = np.bincount(group)
    squares = float((parts**2 / np.maximum(members - 1, 1)).sum())
    degrees = parts.sum() ** 2 / squares if squares > 0 else float(max(len(share) - 1, 1))
    value = float(weight @ [cell.value for cell in cells])
    return Mean(value, influence, max(float(degrees), 1.0), sum(cell.observations for cell in cells))


def _shares(given: Adoption) -> tuple[Array, Integers]:
    """Return each unit's share of the observations of its kind, and the kind: its cohort, or all units that are in none that is told."""
    size = np.bincount(given.unit, minlength=len(given.cohort)).astype(float)
    kind = np.where(np.isin(given.cohort, given.cohorts), given.cohort, NEVER)
    group = np.unique(kind, return_inverse=True)[1]
    share = size / np.bincount(group, size)[group]
    return np.minimum(share, 0.9), group


def band(means: Sequence[Mean], level: float, rng: np.random.Generator, draws: int = 1999) -> tuple[float, ...]:
    """Return by how many standard errors each mean is widened so that all intervals hold at once: the sup-t band by multipliers.

    The multiplier of the normal scale is carried over to Student's distribution with each mean's own degrees of freedom.
    """
    largest = _largest(means, rng, draws)
    normal = max(float(np.quantile(largest, level)), float(norm.ppf(0.5 + level / 2)))
    return tuple(float(student.isf(norm.sf(normal), one.degrees)) for one in means)


def chance_of_none(means: Sequence[Mean], rng: np.random.Generator, draws: int = 1999) -> float:
    """Return the chance that means as far from zero as the furthest of these come about where all are zero."""
    sizes = [abs(one.value) / one.error if one.error > 0 else (np.inf if one.value else 0.0) for one in means]
    normal = max(float(norm.isf(student.sf(size, one.degrees))) for size, one in zip(sizes, means, strict=True))
    return float((1 + (_largest(means, rng, draws) >= normal).sum()) / (draws + 1))


def _largest(means: Sequence[Mean], rng: np.random.Generator, draws: int) -> Array:
    """Return the largest of the means in standard errors, with each unit's influence turned by a random sign."""
    scaled = np.array([one.influence / max(one.error, 1e-300) for one in means])
    signs = rng.choice(np.array([-1.0, 1.0]), size=(draws, scaled.shape[1]))
    return np.asarray(np.abs(signs @ scaled.T).max(axis=1))


def adoption(
    outcome: ArrayLike, period: ArrayLike, unit: ArrayLike, cohort: ArrayLike, covariates: Array | None = None
) -> Adoption:
    """Return observations with units and cohorts given for each observation; covariates are scaled."""
    _, first, index = np.unique(np.asarray(unit), return_index=True, return_inverse=True)
    scaled = None
    if covariates is not None and covariates.shape[1]:
        spread = covariates.std(axis=0)
        scaled = (covariates - covariates.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    of_unit = np.asarray(cohort, dtype=np.int64)[first]
    return Adoption(np.asarray(outcome, dtype=float), np.asarray(period, dtype=np.int64), index.astype(np.int64), of_unit, scaled)
