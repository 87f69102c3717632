"""Groups whose rates come from one beta distribution: its likelihood and the likelihood's maximum.

A group with y of n successes has a rate from Beta(alpha, beta); its mean is alpha / (alpha + beta) and its precision alpha + beta.
An infinite precision means that all groups have the same rate.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammaln, log_expit, logit

Floats = NDArray[np.float64]
LARGE: Final = 20.0  # beyond this Stirling's series with four terms is exact to 1e-15
INFINITE: Final = 1e24  # a precision at which groups are alike to the last bit
LEAST: Final = 1e-6  # a precision at which every group ends wholly one way or the other
ROUGH, AROUND = 66, 21  # nodes of a search: over the precision, over the mean
REACH: Final = 3.6  # arsinh of the standard deviations that the mean's nodes go out to (18)


@dataclass(frozen=True, eq=False)
class Counts:
    """Successes and trials of groups, alike ones counted once; the binomial coefficients are in `constant`."""

    trials: tuple[Floats, Floats]
    won: tuple[Floats, Floats]
    lost: tuple[Floats, Floats]
    sums: tuple[float, float]
    constant: float
    mixed: bool

    @property
    def total(self) -> float:
        """All trials."""
        return sum(self.sums)


def counts_of(trials: ArrayLike, successes: ArrayLike) -> Counts:
    """Return groups' counts, ready for the likelihood; groups without trials say nothing."""
    n, y = np.asarray(trials, dtype=float), np.asarray(successes, dtype=float)
    constant = float(np.sum(gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)))
    mixed = bool(np.any((y > 0) & (y < n)))
    return Counts(_distinct(n), _distinct(y), _distinct(n - y), (float(y.sum()), float((n - y).sum())), constant, mixed)


def log_likelihood(counts: Counts, mean: ArrayLike, precision: ArrayLike) -> Floats:
    """Return the log likelihood of all groups, elementwise over means and precisions (infinite ones too)."""
    mu, s = np.broadcast_arrays(np.asarray(mean, dtype=float), np.minimum(np.asarray(precision, dtype=float), INFINITE))
    return _log_likelihood(counts, logit(mu), s) + counts.constant


@dataclass(frozen=True)
class Fitted:
    """The beta distribution of highest likelihood; `precision` is infinite where groups vary no more than chance does."""

    mean: float
    precision: float
    log_likelihood: float

    @property
    def alpha(self) -> float:
        """The first parameter."""
        return self.mean * self.precision

    @property
    def beta(self) -> float:
        """The second parameter."""
        return (1 - self.mean) * self.precision

    @property
    def between_sd(self) -> float:
        """Standard deviation between groups' rates."""
        return float(np.sqrt(self.mean * (1 - self.mean) / (self.precision + 1)))


def maximum_likelihood(trials: ArrayLike, successes: ArrayLike) -> Fitted:
    """Return the most likely beta distribution; ValueError where all trials ended alike.

    Source: Griffiths (1973), Maximum likelihood estimation for the beta-binomial distribution, Biometrics 29, 637-648.
    """
    counts = counts_of(trials, successes)
    if min(counts.sums) <= 0:
        msg = "the groups' mean has no maximum likelihood where all trials ended alike"
        raise ValueError(msg)
    overall = counts.sums[0] / counts.total
    alike = Fitted(overall, np.inf, float(log_likelihood(counts, overall, np.inf)))
    spreads = np.geomspace(0.5 / np.sqrt(counts.total), 20.0, ROUGH)
    centre, _, profile = given_spread(counts, spreads)
    best = int(np.argmax(profile))

    def loss(at: Floats) -> float:
        return -float(_log_likelihood(counts, at[0], np.exp(-2 * at[1])))

    steps = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000, "maxfev": 2000}
    simplex = np.array([[centre[best], np.log(spreads[best])]]) + np.array([[0, 0], [0.05, 0], [0, 0.1]])
    found = minimize(loss, simplex[0], method="Nelder-Mead", options={**steps, "initial_simplex": simplex})
    highest = counts.constant - float(found.fun)
    # A rise of the likelihood below its rounding is none.
    if highest <= alike.log_likelihood + 1e-9 * abs(alike.log_likelihood) + 1e-9:
        return alike
    return Fitted(float(expit(found.x[0])), max(float(np.exp(-2 * found.x[1])), LEAST), highest)


def given_spread(counts: Counts, spread: Floats) -> tuple[Floats, Floats, Floats]:
    """Return for each w = 1 / sqrt(precision) the mean and standard deviation of the log odds of the population's mean, and the log density of w."""
    precision = 1 / np.maximum(spread, INFINITE**-0.5) ** 2
    n, repeats = counts.trials
    worth = (repeats * n * (precision[:, None] + 1) / (n + precision[:, None])).sum(axis=1)  # trials, each group's discounted
    overall = (counts.sums[0] + 0.5) / (counts.total + 1)
    centre, width = np.full(len(spread), logit(overall)), 1 / np.sqrt(overall * (1 - overall) * worth + 0.25)
    t = np.linspace(-REACH, REACH, AROUND)
    for _ in range(2):
        u = centre[:, None] + width[:, None] * np.sinh(t)
        density = log_density(counts, u, spread[:, None])
        top = density.max(axis=1)
        weight = np.exp(density - top[:, None]) * np.cosh(t)
        mass = weight.sum(axis=1)
        total = top + np.log(mass * width)
        centre = (weight * u).sum(axis=1) / mass
        width = np.maximum(np.sqrt((weight * (u - centre[:, None]) ** 2).sum(axis=1) / mass), 1e-3 * width)
    return centre, width, total


def log_density(counts: Counts, u: Floats, spread: Floats) -> Floats:
    """Return the log posterior density, under the prior that is flat in the mean and in w, of log odds of the mean and w."""
    precision = np.broadcast_to(1 / np.maximum(spread, INFINITE**-0.5) ** 2, u.shape)
    return np.asarray(_log_likelihood(counts, u, precision) + log_expit(u) + log_expit(-u))


def _log_likelihood(counts: Counts, u: ArrayLike, precision: ArrayLike) -> Floats:
    """Return the log likelihood without the binomial coefficients at log odds of the mean and precisions of the same shape."""
    odds, s = np.asarray(u, dtype=float), np.asarray(precision, dtype=float)
    total = np.asarray(counts.sums[0] * log_expit(odds) + counts.sums[1] * log_expit(-odds))
    for (values, repeats), x in ((counts.won, s * expit(odds)), (counts.lost, s * expit(-odds))):
        for value, repeat in zip(values, repeats, strict=True):
            total = total + repeat * _log_rise(x, value)
    column = s[..., :1] if s.ndim and np.all(s == s[..., :1]) else s
    for value, repeat in zip(*counts.trials, strict=True):
        total = total - repeat * _log_rise(column, value)
    return total


def _log_rise(x: Floats, steps: float) -> Floats:
    """Return the log of x (x + 1) … (x + steps - 1) / x ** steps, without cancellation where x is large."""
    x = np.maximum(x, 1e-290)
    end = x + steps
    rise = (end - 0.5) * np.log1p(steps / x) - steps + _stirling(end) - _stirling(x)
    few = x < LARGE
    if np.any(few):
        small = x[few] if x.ndim else x
        direct = gammaln(small + steps) - gammaln(small) - steps * np.log(small)
        rise = np.asarray(rise)
        rise[few] = direct
    return np.asarray(rise)


def _stirling(x: Floats) -> Floats:
    square = 1 / (x * x)
    return (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x


def _distinct(values: Floats) -> tuple[Floats, Floats]:
    found, repeats = np.unique(values[values > 0], return_counts=True)
    return found, repeats.astype(float)
