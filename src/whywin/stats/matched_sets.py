"""Matching without replacement: every control stands in one set at most, and the sets are what varies.

Sources: Rosenbaum (1989), Optimal matching for observational studies, JASA 84, 1024-1032; Hansen (2004), Full matching in an
observational study of coaching for the SAT, JASA 99, 609-618; Stuart (2010), Matching methods for causal inference: a review and a
look forward, Statistical Science 25, 1-21 (greedy, the largest propensity first); Abadie and Spiess (2022), Robust post-matching
inference, JASA 117, 983-995 (errors by set, of the regression after matching too); Cameron, Gelbach and Miller (2011), Robust
inference with multiway clustering, JBES 29, 238-249 (sets and clusters together).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from whywin.stats.matching import Matched
from whywin.stats.neighbours import Bools, Floats, Ground, Line, Pool

Sets = NDArray[np.int64]

NOBODY: Final = -1


def greedy_sets(ground: Ground, treated: Bools, score: Floats, neighbours: int = 1) -> Sets:
    """Give each treated unit its nearest control that is still free, the largest score first; once around for each neighbour.

    Treated units of equal scores go in the order of their rows, and of controls that are equally near the first row is taken.

    Returns:
        The set of each unit, -1 for those in none. Every set has one treated unit and at most `neighbours` controls.
    """
    controls, units = ground.pool(~treated), ground.pool(treated)
    order = np.lexsort((units.rows, -score[units.rows]))
    find = _FreeOnLine(ground, controls) if isinstance(ground, Line) else _FreeAnywhere(ground, controls)
    sets = np.full(len(treated), NOBODY, dtype=np.int64)
    waiting = [(int(units.rows[at]), units.places[at]) for at in order]
    for _ in range(neighbours):
        served = []
        for row, place in waiting:
            taken = find.take(place)
            if taken != NOBODY:
                sets[row] = sets[taken] = row
                served.append((row, place))
        waiting = served
    return sets


def optimal_sets(ground: Ground, treated: Bools) -> Sets:
    """Pair treated units with controls so that as many as can be are paired and the sum of their distances is least."""
    controls, units = ground.pool(~treated), ground.pool(treated)
    apart = ground.distances(units.places, controls.places)
    allowed = np.isfinite(apart)
    beyond = 1.0 + (float(apart[allowed].max(initial=0.0)) + 1.0) * min(apart.shape)
    sets = np.full(len(treated), NOBODY, dtype=np.int64)
    for one, other in zip(*linear_sum_assignment(np.where(allowed, apart, beyond)), strict=True):
        if allowed[one, other]:
            sets[units.rows[one]] = sets[controls.rows[other]] = units.rows[one]
    return sets


def full_sets(ground: Ground, treated: Bools) -> Sets:
    """Put everyone into sets of one treated unit and its controls, or one control and its treated, at the least sum of distances.

    That is the cheapest collection of pairs in which everyone stands: everyone's cheapest pair, and where two can share one, what that
    saves, the most of which is an assignment. Units beyond everyone's caliper stand in none.
    """
    controls, units = ground.pool(~treated), ground.pool(treated)
    apart = ground.distances(units.places, controls.places)
    cheapest = apart.min(axis=1), apart.min(axis=0)
    with np.errstate(invalid="ignore"):
        saved = cheapest[0][:, None] + cheapest[1][None, :] - apart
    saved = np.where(np.isfinite(apart), np.maximum(saved, 0.0), 0.0)
    chosen = np.zeros(apart.shape, dtype=bool)
    one, other = linear_sum_assignment(-saved)
    chosen[one, other] = saved[one, other] > 0
    for at in np.flatnonzero(~chosen.any(axis=1) & np.isfinite(cheapest[0])):
        chosen[at, apart[at].argmin()] = True
    for at in np.flatnonzero(~chosen.any(axis=0) & np.isfinite(cheapest[1])):
        chosen[apart[:, at].argmin(), at] = True
    one, other = np.nonzero(chosen)
    for at in np.argsort(-apart[one, other], kind="stable"):  # a pair whose both ends stand in others joins two sets for nothing
        if chosen[one[at]].sum() > 1 and chosen[:, other[at]].sum() > 1:
            chosen[one[at], other[at]] = False
    one, other = np.nonzero(chosen)
    return _joined(units.rows[one], controls.rows[other], len(treated))


def total_distance(ground: Ground, treated: Bools, sets: Sets) -> float:
    """Return the sum over sets of the distances between treated and controls."""
    controls, units = ground.pool(~treated & (sets >= 0)), ground.pool(treated & (sets >= 0))
    apart = ground.distances(units.places, controls.places)
    same = sets[units.rows][:, None] == sets[controls.rows][None, :]
    return float(apart[same].sum())


def compare_sets(
    sets: Sets,
    treated: Bools,
    outcome: Floats,
    *,
    adjust_for: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Matched:
    """Compare the treated units of the sets with their controls, each set as often as it has treated units (ATT).

    Args:
        sets: the set of each unit, negative for those in none.
        treated: which units were treated.
        outcome: what is compared.
        adjust_for: covariates whose remaining differences are taken out by a regression in each group of the matched units.
        clusters: codes of groups within which outcomes are not independent; sets and groups then count both.
    """
    rows = np.flatnonzero(sets >= 0)
    codes = np.unique(sets[rows], return_inverse=True)[1]
    inside = treated[rows]
    those, others = np.bincount(codes, inside), np.bincount(codes, ~inside)
    own = np.where(inside, 1.0, (those / np.maximum(others, 1.0))[codes])
    weight = np.zeros(len(treated))
    weight[rows] = own
    asked = int(inside.sum())
    stands = np.asarray(weight > 0)
    uses = np.where(treated, 0.0, weight)
    if not asked:
        return Matched(0.0, 0.0, 0.0, 0.0, 0.0, 0, stands, weight, uses, 0.0)
    effect, influence = _regressed(outcome[rows], inside, own, None if adjust_for is None else adjust_for[rows])
    by_set = _clustered(influence, codes)
    variance = by_set if clusters is None else max(by_set, _both_ways(influence, codes, clusters[rows]))
    with_treatment = float(outcome[rows][inside].mean())
    return Matched(
        effect, with_treatment, with_treatment - effect, variance, by_set, asked, stands, weight, uses, float(codes.max())
    )


def _regressed(outcome: Floats, treated: Bools, weight: Floats, covariates: Floats | None) -> tuple[float, Floats]:
    """Return the coefficient of treatment of the weighted regression, a slope of each covariate in each group, and its influences."""
    design = np.column_stack([np.ones(len(outcome)), treated])
    if covariates is not None:
        centred = covariates - covariates[treated].mean(axis=0)
        centred = centred / np.maximum(centred.std(axis=0), 1e-300)
        design = np.column_stack([design, centred, centred * treated[:, None]])
    inverse = np.linalg.pinv(design.T @ (design * weight[:, None]), rcond=1e-12, hermitian=True)
    coefficients = inverse @ (design.T @ (weight * outcome))
    residual = weight * (outcome - design @ coefficients)
    return float(coefficients[1]), np.asarray((design @ inverse[1]) * residual)


def _clustered(influence: Floats, codes: NDArray[np.int64]) -> float:
    sums = np.bincount(codes, influence)
    groups = int((np.bincount(codes) > 0).sum())
    return float((sums**2).sum()) * groups / max(groups - 1, 1)


def _both_ways(influence: Floats, codes: NDArray[np.int64], clusters: NDArray[np.int64]) -> float:
    both = np.unique(np.column_stack([codes, clusters]), axis=0, return_inverse=True)[1].ravel()
    return _clustered(influence, codes) + _clustered(influence, clusters) - _clustered(influence, both)


def _joined(ones: NDArray[np.intp], others: NDArray[np.intp], size: int) -> Sets:
    """Return sets in which everyone stands who is paired with the same unit."""
    sets = np.full(size, NOBODY, dtype=np.int64)
    found = connected_components(csr_array((np.ones(len(ones)), (ones, others)), shape=(size, size)), directed=False)[1]
    sets[ones], sets[others] = found[ones], found[others]
    return sets


class _FreeAnywhere:
    """The controls that are still free, looked through one by one."""

    def __init__(self, ground: Ground, controls: Pool) -> None:
        self.ground, self.controls = ground, controls
        self.free = np.ones(len(controls.rows), dtype=bool)

    def take(self, place: float) -> int:
        """Take the nearest that is free; return its row, or -1."""
        left = np.flatnonzero(self.free)
        if not len(left):
            return NOBODY
        apart = self.ground.distances(np.array([place], dtype=self.controls.places.dtype), self.controls.places[left])[0]
        nearest = int(apart.argmin())
        if not np.isfinite(apart[nearest]):
            return NOBODY
        self.free[left[nearest]] = False
        return int(self.controls.rows[left[nearest]])


class _FreeOnLine:
    """The controls of a line that are still free: the next free one on either side of each, by paths that walking shortens."""

    def __init__(self, ground: Line, controls: Pool) -> None:
        self.reach, self.tie = ground.reach, ground.tie
        self.rows, self.array = controls.rows.tolist(), controls.places
        self.places = [-np.inf, *controls.places.tolist(), np.inf]
        self.up, self.down = list(range(len(self.places))), list(range(len(self.places)))
        self.first = np.searchsorted(controls.places, controls.places, side="left").tolist()

    def take(self, place: float) -> int:
        """Take the nearest that is free; return its row, or -1."""
        above = _end(self.up, int(np.searchsorted(self.array, place)) + 1)
        below = _end(self.down, above - 1)
        if below:  # of those at one place the first row
            below = _end(self.up, self.first[below - 1] + 1)
        under, over = place - self.places[below], self.places[above] - place
        tied = below > 0 and above <= len(self.rows) and abs(under - over) <= self.tie
        lower = self.rows[below - 1] < self.rows[above - 1] if tied else under < over
        at = below if lower else above
        if not min(under, over) <= self.reach + self.tie or not 0 < at <= len(self.rows):
            return NOBODY
        self.up[at], self.down[at] = at + 1, at - 1
        return int(self.rows[at - 1])


def _end(path: list[int], at: int) -> int:
    """Return where a path ends, and let all that lie on it lead there."""
    end = at
    while path[end] != end:
        end = path[end]
    while path[at] != end:
        path[at], at = end, path[at]
    return end
