"""One rate under a beta distribution: what is believed of a segment that is looked at by itself, and of two that are compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincc, betaincinv, digamma, expit, log_expit, polygamma

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Beta:
    """A beta distribution of one rate: what is believed of a segment that is looked at by itself."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """The mean rate."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def sd(self) -> float:
        """Its standard deviation."""
        return float(np.sqrt(self.mean * (1 - self.mean) / (self.alpha + self.beta + 1)))

    def quantiles(self, levels: ArrayLike) -> Floats:
        """Return quantiles of the rate."""
        return np.asarray(betaincinv(self.alpha, self.beta, np.asarray(levels, dtype=float)))

    def above(self, rate: float) -> float:
        """Return the probability that the rate lies above another."""
        return float(betaincc(self.alpha, self.beta, rate))

    def updated(self, trials: float, successes: float) -> "Beta":
        """Return the posterior after so many trials."""
        return Beta(self.alpha + successes, self.beta + trials - successes)


@dataclass(frozen=True)
class Contrast:
    """The difference of two independent rates: its mean, its standard deviation, and the probability that it is above nought."""

    mean: float
    sd: float
    above: float


def contrast(first: Beta, second: Beta) -> Contrast:
    """Return the second rate minus the first; the probability by the trapezoidal rule in logits, exact to 1e-9."""
    centre = digamma(first.alpha) - digamma(first.beta)
    width = np.sqrt(polygamma(1, first.alpha) + polygamma(1, first.beta))
    at = centre + width * np.sinh(np.linspace(-5, 5, 2001))
    log_density = first.alpha * log_expit(at) + first.beta * log_expit(-at) + np.log(np.hypot(width, at - centre))
    weight = np.exp(log_density - log_density.max())
    above = float(weight @ betaincc(second.alpha, second.beta, expit(at)) / weight.sum())
    return Contrast(second.mean - first.mean, float(np.hypot(first.sd, second.sd)), above)
