"""Nearest neighbours by Mahalanobis's distance, within a caliper on the propensity and within strata, ties included.

Units that lie at the same point are counted, not listed, so that columns of few values cost little.
Sources: Mahalanobis (1936), Proceedings of the National Institute of Sciences of India 2, 49-55; Rosenbaum and Rubin (1985),
Constructing a control group using multivariate matched sampling methods that incorporate the propensity score, American Statistician
39, 33-38 (within a caliper on the propensity).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from whywin.stats.neighbours import TIE, Bools, Floats, Places, Pool, spread

ALIKE: Final = 3
ROUNDED: Final = 9  # decimals of a standard deviation beyond which points are the same


@dataclass(frozen=True, eq=False)
class Links:
    """For each point, its nearest units: links from places of points to places of units.

    Attributes:
        linked: 1 where units at a place are matches of points at a place, places × places.
        units: the place of each unit of the pool.
        points: the place of each point.
    """

    linked: csr_array
    units: NDArray[np.intp]
    points: NDArray[np.intp]

    @property
    def count(self) -> Floats:
        """How many units each point has."""
        return self._sums(np.ones(len(self.units)))

    def mean(self, values: Floats) -> Floats:
        """Return the mean of the units' values for each point; 0 where it has none."""
        return self._sums(values) / np.maximum(self.count, 1.0)

    def variance(self, values: Floats) -> Floats:
        """Return the sample variance of the units' values for each point; 0 where it has fewer than two."""
        return spread(self.count, self.mean(values), self.mean(values**2))

    def given(self, amounts: Floats, size: int) -> Floats:
        """Give each point's amount to every one of its units; return what each unit of the pool received in all."""
        at_places = np.bincount(self.points, amounts, self.linked.shape[0])
        return np.asarray((self.linked.T @ at_places)[self.units[:size]])

    def _sums(self, values: Floats) -> Floats:
        at_places = np.bincount(self.units, values, self.linked.shape[1])
        return np.asarray((self.linked @ at_places)[self.points])


@dataclass(frozen=True, eq=False)
class Space:
    """Units in a space whose plain distances are Mahalanobis's, each of a stratum.

    Attributes:
        line: the propensity of each unit, in logits.
        reach: how far from its own a match's propensity may be, in logits.
        place: which of the places each unit lies at.
        points: coordinates of each place.
        scores: propensity of each place, in logits.
        strata: stratum of each place.
    """

    line: Floats
    reach: float
    place: NDArray[np.intp]
    points: Floats
    scores: Floats
    strata: NDArray[np.int64]

    def pool(self, members: Bools) -> Pool:
        """Return the members of a group; their places are numbers of points."""
        rows = np.flatnonzero(members)
        return Pool(rows, self.place[rows])

    def matches(self, units: Pool, points: Pool, count: int) -> Links:
        """Return the nearest units of the same stratum within the caliper."""
        return self._linked(units, points, count, self.reach, beyond=False)

    def alike(self, units: Pool, points: Pool) -> Links:
        """Return each unit and the two nearest to it, as Stata's `teffects nnmatch` does; a stratum with fewer looks beyond itself."""
        return self._linked(units, points, ALIKE, np.inf, beyond=True)

    def distances(self, points: Places, units: Places) -> Floats:
        """Return the distances between places; infinite beyond the caliper or the stratum."""
        gaps = self.points[points][:, None, :] - self.points[units][None, :, :]
        apart = np.sqrt((gaps**2).sum(axis=2))
        barred = (np.abs(self.scores[points][:, None] - self.scores[units]) > self.reach) | (
            self.strata[points][:, None] != self.strata[units]
        )
        return np.where(barred, np.inf, apart)

    def _linked(self, units: Pool, points: Pool, count: int, reach: float, *, beyond: bool) -> Links:
        """Link every place of points with the places of units that hold its nearest."""
        there, number = np.unique(units.places, return_counts=True)
        asked = np.unique(points.places)
        starts: list[NDArray[np.intp]] = []
        ends: list[NDArray[np.intp]] = []
        for stratum in np.unique(self.strata[asked]):
            from_, to = asked[self.strata[asked] == stratum], np.flatnonzero(self.strata[there] == stratum)
            if beyond and number[to].sum() < count:
                to = np.arange(len(there))
            if not len(to):
                continue
            finder = _by_tree if np.isinf(reach) else _by_score
            found = finder(self, from_, there[to], number[to], count, reach)
            starts += [np.full(len(near), at) for at, near in zip(from_, found, strict=True)]
            ends += [there[to][near] for near in found]
        start, end = (np.concatenate([np.empty(0, dtype=np.intp), *parts]) for parts in (starts, ends))
        size = len(self.points)
        linked = csr_array((np.ones(len(start)), (start, end)), shape=(size, size))
        return Links(linked, units.places.astype(np.intp), points.places.astype(np.intp))


def in_space(covariates: Floats, score: Floats, caliper: float | None = None, strata: NDArray[np.int64] | None = None) -> Space:
    """Put units where plain distances are Mahalanobis's by the covariance of all units; directions without variation count nothing.

    Args:
        covariates: as numbers, one row a unit.
        score: the propensity, in logits.
        caliper: how far a match's score may be, in its standard deviations.
        strata: codes of groups beyond which nobody is matched.
    """
    centred = covariates - covariates.mean(axis=0)
    deviation = centred.std(axis=0)
    scaled = centred / np.where(deviation > 0, deviation, 1.0)
    values, vectors = np.linalg.eigh(scaled.T @ scaled / max(len(scaled) - 1, 1))
    kept = values > 1e-9 * max(float(values.max(initial=0.0)), 1e-300)
    white = scaled @ (vectors[:, kept] / np.sqrt(values[kept]))
    codes = np.zeros(len(score), dtype=np.int64) if strata is None else strata
    spacing = float(score.std()) or 1.0
    keys = np.column_stack([np.round(white, ROUNDED), np.round(score / spacing, ROUNDED), codes]) + 0.0
    _, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    reach = np.inf if caliper is None else caliper * float(score.std())
    return Space(score, reach, place.ravel(), white[first], score[first], codes[first])


def _by_tree(
    space: Space, points: NDArray[np.intp], units: NDArray[np.intp], number: NDArray[Any], count: int, _reach: float
) -> list[Any]:
    """Return, for each place of points, which of the places of units hold the nearest `count` units."""
    tree = cKDTree(space.points[units])
    most = min(count, len(units))
    apart, which = tree.query(space.points[points], k=np.arange(1, most + 1))
    enough = np.minimum((np.cumsum(number[which], axis=1) < count).sum(axis=1), most - 1)
    furthest = apart[np.arange(len(points)), enough]
    return list(tree.query_ball_point(space.points[points], furthest * (1 + TIE) + TIE, return_sorted=True))


def _by_score(
    space: Space, points: NDArray[np.intp], units: NDArray[np.intp], number: NDArray[Any], count: int, reach: float
) -> list[Any]:
    """Return the same among the units whose score is within reach of the point's."""
    order = np.argsort(space.scores[units], kind="stable")
    scores = space.scores[units][order]
    first = np.searchsorted(scores, space.scores[points] - reach, side="left")
    last = np.searchsorted(scores, space.scores[points] + reach, side="right")
    found = []
    for at, low, high in zip(points, first, last, strict=True):
        near = order[low:high]
        apart = np.sqrt(((space.points[units[near]] - space.points[at]) ** 2).sum(axis=1))
        by_distance = np.argsort(apart, kind="stable")
        enough = int(np.searchsorted(np.cumsum(number[near][by_distance]), count))
        limit = float(apart[by_distance[min(enough, len(near) - 1)]]) if len(near) else 0.0
        found.append(near[apart <= limit * (1 + TIE) + TIE])
    return found
