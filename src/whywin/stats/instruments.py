"""Instrumental variables: two-stage least squares and its kin, and inference that weak instruments do not spoil.

Sources: Angrist, Imbens and Rubin (1996), Identification of causal effects using instrumental variables, JASA 91, 444-455; Anderson and
Rubin (1949), Estimation of the parameters of a single equation, Annals of Mathematical Statistics 20, 46-63; Montiel Olea and Pflueger
(2013), A robust test for weak instruments, JBES 31, 358-369; Hansen (1982), Large sample properties of generalized method of moments
estimators, Econometrica 50, 1029-1054; Sargan (1958), Econometrica 26, 393-415.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, f, ncx2

Array = NDArray[np.float64]
Spread = Literal["separate", "pooled"]
Interval = tuple[float, float]
PLACES: Final = 4001  # places on the line of all effects at which a test is tried, before its ends are sought between them


@dataclass(frozen=True, eq=False)
class Moments:
    """Outcome, treatment and instruments without what is adjusted for, each n rows, and how their noise is to be counted.

    Attributes:
        outcome: n.
        treatment: n.
        instruments: n × k, orthonormal.
        mixing: k × k; the instruments as they were given, but for what was taken out, are `instruments` times it.
        clusters: codes 0…g-1 of groups that are not independent, or None.
        adjusted: how many columns were taken out, the intercept among them.
        spread: whether noise may differ between observations ("separate") or is alike ("pooled"); clusters are always separate.
    """

    outcome: Array
    treatment: Array
    instruments: Array
    mixing: Array
    clusters: NDArray[np.int64] | None
    adjusted: int
    spread: Spread

    @property
    def degrees(self) -> float:
        """Degrees of freedom of an interval: clusters less one, or observations less what was fitted."""
        if self.clusters is not None:
            return float(len(np.unique(self.clusters)) - 1)
        return float(len(self.outcome) - self.adjusted - self.instruments.shape[1])


@dataclass(frozen=True)
class Fitted:
    """An effect, its standard error and its residuals' test.

    Attributes:
        value: the effect of the treatment.
        error: its standard error.
        excess: Hansen's J, or Sargan's statistic where the spread is pooled, which is large where instruments contradict one another.
        excess_chance: the chance of one so large where they do not; 1 with a single instrument, which nothing can contradict.
    """

    value: float
    error: float
    excess: float
    excess_chance: float


@dataclass(frozen=True)
class FirstStage:
    """How strongly the instruments move the treatment.

    Attributes:
        slopes: what each instrument adds to the treatment, k.
        errors: their standard errors, k.
        effective: the effective F statistic of Montiel Olea and Pflueger; with one instrument its F.
        critical: what it must reach so that the bias is at most a tenth of the worst, at the 5 % level.
    """

    slopes: tuple[float, ...]
    errors: tuple[float, ...]
    effective: float
    critical: float


def moments(
    outcome: ArrayLike,
    treatment: ArrayLike,
    instruments: ArrayLike,
    covariates: ArrayLike | None = None,
    clusters: NDArray[np.int64] | None = None,
    spread: Spread = "separate",
) -> Moments:
    """Return what is left when an intercept and the covariates are taken out.

    Args:
        outcome: n numbers.
        treatment: n numbers.
        instruments: n × k, or n.
        covariates: n × p without an intercept, or None.
        clusters: codes of groups that are not independent.
        spread: see `Moments`.

    Raises:
        ValueError: the covariates say all that the instruments say.
    """
    y, d = np.asarray(outcome, dtype=float), np.asarray(treatment, dtype=float)
    Z = np.asarray(instruments, dtype=float).reshape(len(y), -1)
    X = np.ones((len(y), 1)) if covariates is None else np.column_stack([np.ones(len(y)), np.asarray(covariates, dtype=float)])
    basis = _basis(X / np.maximum(np.sqrt((X**2).mean(axis=0)), 1e-300))
    scale = np.maximum(np.abs(Z).max(axis=0), 1e-300)
    left = Z / scale - basis @ (basis.T @ (Z / scale))
    span, mixing = np.linalg.qr(left)
    if (np.abs(np.diag(mixing)) <= 1e-8 * np.sqrt(len(y))).any():
        raise ValueError("the instruments are constant, repeat one another, or are said by the covariates")
    codes = None if clusters is None else np.unique(clusters, return_inverse=True)[1]
    y, d = (values - basis @ (basis.T @ values) for values in (y, d))
    return Moments(y, d, span, mixing * scale, codes, basis.shape[1], spread)


def k_class(given: Moments, estimator: Literal["two_stage", "limited_information"] = "two_stage") -> Fitted:
    """Return the effect by two-stage least squares, or by limited-information maximum likelihood, which weak instruments bias less."""
    y, d, Z = given.outcome, given.treatment, given.instruments
    k = 1.0 if estimator == "two_stage" else _least_ratio(given)
    fitted = Z @ (Z.T @ d)
    bread = float((1 - k) * (d @ d) + k * (fitted @ d))
    value = float((1 - k) * (d @ y) + k * (fitted @ y)) / bread
    noise = y - value * d
    alike = given.spread == "pooled" and given.clusters is None
    variance = (
        float(noise @ noise) / len(y) / abs(bread) if alike else float(_sandwich(given, fitted[:, None], noise)[0, 0]) / bread**2
    )
    error = float(np.sqrt(variance))
    moment = Z.T @ noise
    excess = float(moment @ np.linalg.pinv(_sandwich(given, Z, noise), hermitian=True) @ moment)
    freedom = Z.shape[1] - 1
    return Fitted(value, error, excess if freedom else 0.0, float(chi2.sf(excess, freedom)) if freedom else 1.0)


def first_stage(given: Moments, worst: float = 0.1) -> FirstStage:
    """Return how strongly the instruments move the treatment; `worst` is the share of the worst bias that is tolerated."""
    Z, d = given.instruments, given.treatment
    moment = Z.T @ d
    noise = d - Z @ moment
    variance = _sandwich(given, Z, noise, taken=given.adjusted + Z.shape[1])
    trace = float(np.trace(variance))
    largest = float(np.linalg.eigvalsh(variance)[-1])
    tolerated = 1 / worst
    freedom = trace**2 * (1 + 2 * tolerated) / (float((variance**2).sum()) + 2 * tolerated * trace * largest)
    critical = float(ncx2.ppf(0.95, freedom, tolerated * freedom) / freedom)
    back = np.linalg.inv(given.mixing)
    errors = np.sqrt(np.diag(back @ variance @ back.T))
    return FirstStage(tuple((back @ moment).tolist()), tuple(errors.tolist()), float(moment @ moment / trace), critical)


def anderson_rubin(given: Moments, effect: float) -> tuple[float, float]:
    """Return Anderson's and Rubin's F statistic of an effect, and the chance of one so large if it is the true one."""
    count = given.instruments.shape[1]
    statistic = float(_Distance(given).at(np.array([effect]), np.ones(1))[0]) / count
    return statistic, float(f.sf(statistic, count, given.degrees))


def not_refuted(given: Moments, level: float) -> tuple[Interval, ...]:
    """Return every effect that Anderson's and Rubin's test does not refute, as intervals in order; their ends may be infinite.

    One interval where the instruments are strong; the whole line, or all but an interval, where they are so weak that the data cannot
    bound the effect; none where no effect fits what the instruments say together.
    """
    count = given.instruments.shape[1]
    limit = float(count * f.ppf(level, count, given.degrees))
    unit = float(np.sqrt((given.outcome**2).sum() / (given.treatment**2).sum())) or 1.0

    distance = _Distance(given)

    def beyond(angles: Array) -> Array:
        return distance.at(unit * np.sin(angles), np.cos(angles)) - limit

    return _intervals(beyond, unit)


def _intervals(beyond: Callable[[Array], Array], unit: float) -> tuple[Interval, ...]:
    """Return where a function of an angle is not positive, in effects: the line of all effects is a half circle, its ends one point."""
    edge = np.pi / 2
    angles = np.linspace(-edge, edge, PLACES)
    found = beyond(angles)
    inside = found <= 0
    inside[0] = inside[-1]
    ends = [-np.inf] if inside[0] else []
    for place in range(1, PLACES):
        if inside[place] != inside[place - 1]:
            first, second = angles[place - 1], angles[place]
            crossed = found[place - 1] * found[place] < 0
            root = brentq(lambda angle: float(beyond(np.array([angle]))[0]), first, second, xtol=1e-15) if crossed else first
            ends.append(unit * float(np.tan(root)))
    ends += [np.inf] if inside[-1] else []
    return tuple(zip(ends[::2], ends[1::2], strict=True))


class _Distance:
    """How far the instruments are from being unrelated to what an effect leaves of the outcome, in squared standard errors."""

    def __init__(self, given: Moments) -> None:
        """Add up once what a test of any effect is made of: moments are linear, and variances quadratic, in the effect."""
        Z, taken = given.instruments, given.adjusted + given.instruments.shape[1]
        sides = (given.outcome, given.treatment)
        self._moments = [Z.T @ side for side in sides]
        noise = [side - Z @ moment for side, moment in zip(sides, self._moments, strict=True)]
        self._first, self._last = (_sandwich(given, Z, part, taken) for part in noise)
        both = _sandwich(given, Z, noise[0] + noise[1], taken)
        self._mixed = both - self._first - self._last

    def at(self, sine: Array, cosine: Array) -> Array:
        """Return the distance of each effect sine / cosine, which is endless where the cosine is zero."""
        moment = np.outer(cosine, self._moments[0]) - np.outer(sine, self._moments[1])
        first, mixed, last = cosine**2, sine * cosine, sine**2
        variance = first[:, None, None] * self._first - mixed[:, None, None] * self._mixed + last[:, None, None] * self._last
        return np.asarray(np.einsum("ai,aij,aj->a", moment, np.linalg.pinv(variance, hermitian=True), moment))


def _sandwich(given: Moments, rows: Array, noise: Array, taken: int | None = None) -> Array:
    """Return the variance of rows' · noise; what was fitted counts where `taken` says how much, as in regressions of their own."""
    n = len(noise)
    left = n - (taken or 0)
    if given.clusters is not None:
        groups = int(given.clusters.max()) + 1
        sums = np.column_stack([np.bincount(given.clusters, column, minlength=groups) for column in (rows * noise[:, None]).T])
        return np.asarray(sums.T @ sums * groups / (groups - 1) * (n - 1) / (n - (taken or 1)))
    if given.spread == "pooled":
        return np.asarray(rows.T @ rows * float(noise @ noise) / left)
    scores = rows * noise[:, None]
    return np.asarray(scores.T @ scores * n / left)


def _least_ratio(given: Moments) -> float:
    """Return the least ratio of sums of squares without and with the instruments: limited information's k."""
    both = np.column_stack([given.outcome, given.treatment])
    after = both - given.instruments @ (given.instruments.T @ both)
    return float(np.linalg.eigvals(np.linalg.solve(after.T @ after, both.T @ both)).real.min())


def _basis(X: Array) -> Array:
    """Return an orthonormal basis of the columns, those left out that others say already."""
    u, s, _ = np.linalg.svd(X, full_matrices=False)
    return np.asarray(u[:, s > 1e-10 * s[0]])
