"""Nearest neighbours on a line, by sorting: which units of a pool are nearest to each point, ties included."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[Any]  # where units lie: numbers on a line, or the numbers of points in a space

TIE: Final = 1e-9  # in standard deviations of where the units lie
APART: Final = 4.0  # ranges between one stratum and the next, so that none is within another's reach


@dataclass(frozen=True, eq=False)
class Pool:
    """Units of one group, in the order of where they lie.

    Attributes:
        rows: which row of the data each of them is.
        places: where each of them lies: ascending on a line, or the number of its point in a space.
    """

    rows: NDArray[np.intp]
    places: Places


class Neighbours(Protocol):
    """For each point, its nearest units of a pool; values and amounts are in the pool's, or in the points', order."""

    @property
    def count(self) -> Floats:
        """How many units each point has."""

    def mean(self, values: Floats) -> Floats:
        """Return the mean of the units' values for each point; 0 where it has none."""

    def variance(self, values: Floats) -> Floats:
        """Return the sample variance of the units' values for each point; 0 where it has fewer than two."""

    def given(self, amounts: Floats, size: int) -> Floats:
        """Give each point's amount to every one of its units; return what each unit of the pool received in all."""


class Ground(Protocol):
    """Where units lie, and which of a group are nearest to which."""

    @property
    def line(self) -> Floats:
        """One number a unit that tells most about where it lies."""

    def pool(self, members: Bools) -> Pool:
        """Return the members of a group in order."""

    def matches(self, units: Pool, points: Pool, count: int) -> Neighbours:
        """Return the `count` units nearest to each point, all that are as near as the last, none beyond the caliper or stratum."""

    def alike(self, units: Pool, points: Pool) -> Neighbours:
        """Return the few units nearest to each point, however far, from its own stratum where that has enough."""

    def distances(self, points: Places, units: Places) -> Floats:
        """Return the distances between places; infinite beyond the caliper or the stratum."""


@dataclass(frozen=True, eq=False)
class Runs:
    """For each point, its nearest units on a line: a run of the sorted pool.

    Attributes:
        first: where the run begins in the pool.
        last: where it ends (exclusive); equal to `first` where there is no unit within the caliper.
    """

    first: NDArray[np.intp]
    last: NDArray[np.intp]

    @property
    def count(self) -> Floats:
        """How many units each point has."""
        return (self.last - self.first).astype(np.float64)

    def mean(self, values: Floats) -> Floats:
        """Return the mean of the units' values for each point; 0 where it has none."""
        sums = self._sums(values)
        sums /= np.maximum(self.count, 1.0)
        return sums

    def variance(self, values: Floats) -> Floats:
        """Return the sample variance of the units' values for each point; 0 where it has fewer than two."""
        return spread(self.count, self.mean(values), self.mean(values**2))

    def _sums(self, values: Floats) -> Floats:
        before = np.zeros(len(values) + 1)
        np.cumsum(values, out=before[1:])
        sums = before[self.last]
        sums -= before[self.first]
        return sums

    def given(self, amounts: Floats, size: int) -> Floats:
        """Give each point's amount to every one of its units; return what each unit of the pool received in all."""
        there = self.last > self.first
        steps = np.bincount(self.first[there], amounts[there], size + 1) - np.bincount(self.last[there], amounts[there], size + 1)
        return np.asarray(np.cumsum(steps)[:size], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Line:
    """Units on a line, each of a stratum.

    Attributes:
        line: where each unit lies.
        reach: how far a match may be.
        tie: distances that differ by no more are equal.
        shifted: the places with one stratum behind another, further apart than any match may be.
    """

    line: Floats
    reach: float
    tie: float
    shifted: Floats

    def pool(self, members: Bools) -> Pool:
        """Return the members of a group sorted by stratum and place."""
        return pool(self.shifted, members)

    def matches(self, units: Pool, points: Pool, count: int) -> Runs:
        """Return the nearest units within reach."""
        return nearest(units, points.places, count, self.tie, self.reach)

    def alike(self, units: Pool, points: Pool) -> Runs:
        """Return the two nearest units; where a stratum has fewer than two, one of the stratum beside it."""
        return nearest(units, points.places, 2, self.tie)

    def distances(self, points: Places, units: Places) -> Floats:
        """Return the distances between places; infinite beyond reach."""
        apart = np.abs(points[:, None] - units[None, :])
        return np.where(apart <= self.reach + self.tie, apart, np.inf)


def on_line(places: Floats, caliper: float | None = None, strata: NDArray[np.int64] | None = None) -> Line:
    """Put units on a line; the caliper is in standard deviations of the places, and nobody is matched beyond a stratum."""
    deviation = float(places.std())
    reach = np.inf if caliper is None else caliper * deviation
    if strata is None:
        return Line(places, reach, TIE * deviation, places)
    length = float(np.ptp(places)) or 1.0
    return Line(places, min(reach, 1.5 * length), TIE * deviation, places + APART * length * strata)


def spread(count: Floats, mean: Floats, squares: Floats) -> Floats:
    """Return sample variances from counts, means and means of squares, in the place of the last; 0 where there are fewer than two."""
    squares -= mean**2
    squares *= count
    squares /= np.maximum(count - 1.0, 1.0)
    squares[count <= 1] = 0.0
    return np.maximum(squares, 0.0, out=squares)


def pool(places: Floats, members: Bools) -> Pool:
    """Return the members of a group sorted by place."""
    rows = np.flatnonzero(members)
    rows = rows[np.argsort(places[rows], kind="stable")]
    return Pool(rows, places[rows])


def nearest(units: Pool, points: Floats, count: int, tie: float, caliper: float = np.inf) -> Runs:
    """Return the `count` units nearest to each point, and all that are as near as the last of them.

    Distances that differ by at most `tie` are equal, so that neither the order of the rows nor rounding decides who is matched.
    Units further away than the caliper are left out.
    """
    padded = np.concatenate([[-np.inf], units.places, [np.inf]])
    above = np.searchsorted(units.places, points, side="left") + 1
    below = above - 1
    reach = np.zeros(len(points))
    for _ in range(min(count, len(units.places))):
        reach, up = points - padded[below], padded[above] - points
        downwards = reach <= up
        np.copyto(reach, up, where=~downwards)
        below -= downwards
        above += ~downwards
    far = reach > caliper
    np.minimum(reach, caliper, out=reach)
    reach += tie
    above -= 1
    first, last = below, above
    unclear = np.flatnonzero(far | (padded[below] >= points - reach) | (padded[above + 1] <= points + reach))
    first[unclear] = np.searchsorted(units.places, points[unclear] - reach[unclear], side="left")
    last[unclear] = np.searchsorted(units.places, points[unclear] + reach[unclear], side="right")
    return Runs(first, last)
