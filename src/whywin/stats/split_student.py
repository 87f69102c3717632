"""Student distributions whose scale and tails differ by direction and by side, and their mixtures: what importance samples are drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, stdtrit

Floats = NDArray[np.float64]


def student(value: Floats, freedom: Floats | float) -> Floats:
    """Return the log density of Student's distribution: SciPy's own, without its checks, which cost more than the formula."""
    still = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(freedom * np.pi)
    with np.errstate(over="ignore"):  # far out the density is nought, and its logarithm minus infinity
        return np.asarray(still - 0.5 * (freedom + 1) * np.log1p(value * value / freedom))


@dataclass(frozen=True, eq=False)
class SplitStudent:
    """Independent two-piece Student coordinates along given axes.

    Attributes:
        centre: where the pieces meet, one number a dimension.
        axes: columns are the directions, of length one and at right angles.
        below: scale on the negative side of each direction.
        above: scale on the positive side.
        freedom_below: degrees of freedom of the negative side of each direction: the fewer, the longer its tail.
        freedom_above: degrees of freedom of the positive side.

    Source: Martins, Simpson, Lindgren and Rue (2013), Bayesian computing with INLA: new features, Computational Statistics and Data
    Analysis 67, 68-83, section 2 (with normal pieces in place of Student's).
    """

    centre: Floats
    axes: Floats
    below: Floats
    above: Floats
    freedom_below: Floats
    freedom_above: Floats

    @property
    def uniforms(self) -> int:
        """How many uniform numbers a point takes."""
        return len(self.centre)

    def points(self, uniform: Floats) -> Floats:
        """Return points × dimensions from numbers that are uniform between 0 and 1."""
        share = self._share
        low = stdtrit(self.freedom_below, np.minimum(0.5 * uniform / share, 0.5)) * self.below
        high = stdtrit(self.freedom_above, np.maximum(1 - 0.5 * (1 - uniform) / (1 - share), 0.5)) * self.above
        return np.asarray(self.centre + np.where(uniform < share, low, high) @ self.axes.T)

    def log_density(self, points: Floats) -> Floats:
        """Return the log density at points × dimensions."""
        along = (points - self.centre) @ self.axes
        low = np.log(2 * self._share / self.below) + student(along / self.below, self.freedom_below)
        high = np.log(2 * (1 - self._share) / self.above) + student(along / self.above, self.freedom_above)
        return np.asarray(np.where(along < 0, low, high).sum(axis=1))

    @property
    def _share(self) -> Floats:
        """The probability of the negative side, so that the density has no step in the middle."""
        zero = np.zeros(len(self.centre))
        below, above = student(zero, self.freedom_below), student(zero, self.freedom_above)
        height = np.exp([below, above]) / np.array([self.below, self.above])
        return np.asarray(height[1] / height.sum(axis=0))


@dataclass(frozen=True, eq=False)
class LogHalfStudent:
    """Independent coordinates, each the logarithm of a half-Student number, or a Student number itself.

    The logarithm of a standard deviation that may be nothing has a left tail that falls like an exponential, as that of a
    half-Student number does: nothing lighter than that reaches it.

    Attributes:
        loose: by coordinate whether it is a logarithm.
        centre: location of the others.
        scale: of the half-Student number itself, or of the Student number.
        freedom: degrees of freedom.
    """

    loose: NDArray[np.bool_]
    centre: Floats
    scale: Floats
    freedom: float

    @property
    def uniforms(self) -> int:
        """How many uniform numbers a point takes."""
        return len(self.centre)

    def points(self, uniform: Floats) -> Floats:
        """Return points × dimensions from numbers that are uniform between 0 and 1."""
        half = np.log(self.scale) + np.log(stdtrit(self.freedom, 0.5 + 0.5 * uniform))
        return np.asarray(np.where(self.loose, half, self.centre + self.scale * stdtrit(self.freedom, uniform)))

    def log_density(self, points: Floats) -> Floats:
        """Return the log density at points × dimensions."""
        with np.errstate(over="ignore"):
            away = np.where(self.loose, np.exp(np.where(self.loose, points, 0.0)), points - self.centre) / self.scale
        each = student(away, self.freedom) - np.log(self.scale) + np.where(self.loose, np.log(2) + points, 0.0)
        return np.asarray(each.sum(axis=1))


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of such distributions, which takes one uniform number more a point: it chooses the part."""

    parts: Sequence[SplitStudent | LogHalfStudent]
    shares: Floats

    @property
    def uniforms(self) -> int:
        """How many uniform numbers a point takes."""
        return self.parts[0].uniforms + 1

    def points(self, uniform: Floats) -> Floats:
        """Return points × dimensions from numbers that are uniform between 0 and 1."""
        part = np.searchsorted(np.cumsum(self.shares)[:-1], uniform[:, 0], side="right")
        found = np.zeros((len(uniform), self.uniforms - 1))
        for number, one in enumerate(self.parts):
            found[part == number] = one.points(uniform[part == number, 1:])
        return found

    def log_density(self, points: Floats) -> Floats:
        """Return the log density at points × dimensions."""
        each = [np.log(share) + one.log_density(points) for share, one in zip(self.shares, self.parts, strict=True)]
        return np.asarray(np.logaddexp.reduce(each))
