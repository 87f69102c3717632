"""Nearest neighbours on a line, by sorting: which units of a pool are nearest to each point, ties included."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pool:
    """Units sorted by where they lie on a line.

    Attributes:
        rows: which row of the data each of them is.
        places: where each of them lies, ascending.
    """

    rows: NDArray[np.intp]
    places: Floats


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For each point, its nearest units: a run of the sorted pool.

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
        """Return the mean of the units' values (in the pool's order) for each point; 0 where it has none."""
        before = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray((before[self.last] - before[self.first]) / np.maximum(self.count, 1.0), dtype=np.float64)

    def variance(self, values: Floats) -> Floats:
        """Return the sample variance of the units' values for each point; 0 where it has fewer than two."""
        spread = self.count * (self.mean(values**2) - self.mean(values) ** 2) / np.maximum(self.count - 1.0, 1.0)
        return np.where(self.count > 1, np.maximum(spread, 0.0), 0.0)

    def given(self, amounts: Floats, size: int) -> Floats:
        """Give each point's amount to every one of its units; return what each unit of the pool received in all."""
        there = self.last > self.first
        steps = np.bincount(self.first[there], amounts[there], size + 1) - np.bincount(self.last[there], amounts[there], size + 1)
        return np.asarray(np.cumsum(steps)[:size], dtype=np.float64)


def pool(places: Floats, members: NDArray[np.bool_]) -> Pool:
    """Return the members of a group sorted by place."""
    rows = np.flatnonzero(members)
    rows = rows[np.argsort(places[rows], kind="stable")]
    return Pool(rows, places[rows])


def nearest(units: Pool, points: Floats, count: int, tie: float, caliper: float = np.inf) -> Neighbours:
    """Return the `count` units nearest to each point, and all that are as near as the last of them.

    Distances that differ by at most `tie` are equal, so that neither the order of the rows nor rounding decides who is matched.
    Units further away than the caliper are left out.
    """
    padded = np.concatenate([[-np.inf], units.places, [np.inf]])
    above = np.searchsorted(units.places, points, side="left") + 1
    below = above - 1
    reach = np.zeros(len(points))
    for _ in range(min(count, len(units.places))):
        down, up = points - padded[below], padded[above] - points
        downwards = down <= up
        reach = np.where(downwards, down, up)
        below -= downwards
        above += ~downwards
    reach = np.minimum(reach, caliper) + tie
    first = np.searchsorted(units.places, points - reach, side="left")
    last = np.searchsorted(units.places, points + reach, side="right")
    return Neighbours(first, last)
