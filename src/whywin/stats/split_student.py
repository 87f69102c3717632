"""A Student distribution about a point whose scale and tails differ by direction and by side: what importance samples are drawn from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Floats = NDArray[np.float64]


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

    def points(self, uniform: Floats) -> Floats:
        """Return points × dimensions from numbers that are uniform between 0 and 1."""
        share = self._share
        low = student.ppf(np.minimum(0.5 * uniform / share, 0.5), self.freedom_below) * self.below
        high = student.ppf(np.maximum(1 - 0.5 * (1 - uniform) / (1 - share), 0.5), self.freedom_above) * self.above
        return np.asarray(self.centre + np.where(uniform < share, low, high) @ self.axes.T)

    def log_density(self, points: Floats) -> Floats:
        """Return the log density at points × dimensions."""
        along = (points - self.centre) @ self.axes
        low = np.log(2 * self._share / self.below) + student.logpdf(along / self.below, self.freedom_below)
        high = np.log(2 * (1 - self._share) / self.above) + student.logpdf(along / self.above, self.freedom_above)
        return np.asarray(np.where(along < 0, low, high).sum(axis=1))

    @property
    def _share(self) -> Floats:
        """The probability of the negative side, so that the density has no step in the middle."""
        height = np.array([student.pdf(0, self.freedom_below) / self.below, student.pdf(0, self.freedom_above) / self.above])
        return np.asarray(height[1] / height.sum(axis=0))
