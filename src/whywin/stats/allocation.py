"""Drawing assignments: by hashes, in groups with exact numbers, in matched pairs, and balanced on covariates.

Source of the balanced draws and their threshold: Morgan and Rubin (2012), Rerandomization to improve covariate balance in
experiments, Annals of Statistics 40, 1263-1282.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

Array = NDArray[np.float64]
Places = NDArray[np.int64]
_AT_ONCE = 2000
_MOST = 200_000


def uniform(key: str, name: str) -> float:
    """Return the number from 0 to 1 that belongs to a name under a key: the same for ever, and evenly spread over names."""
    return int.from_bytes(sha256(f"{key}\x1f{name}".encode()).digest()[:8], "big") / 2**64


def allocated(groups: Places, order: Array, shares: Sequence[float], start: float) -> Places:
    """Return the arm of each unit, 0…k-1: within each group as near to the shares as whole units allow.

    What is left over by rounding goes to arms by a systematic draw, so that each unit's chance of an arm is its share; with two
    arms the draw runs on from group to group, so that the arms' totals are as even as the shares allow too.

    Args:
        groups: group of each unit, 0…g-1.
        order: a random number of each unit, which decides who in its group gets which arm.
        shares: planned shares, which sum to 1.
        start: a random number from 0 to 1, which decides about what is left over.
    """
    arm = np.zeros(len(groups), dtype=np.int64)
    edges = np.cumsum(shares)
    edges[-1] = 1.0
    before = 0
    for group in range(int(groups.max()) + 1):
        rows = np.flatnonzero(groups == group)
        rows = rows[np.argsort(order[rows], kind="stable")]
        if len(shares) == 2:
            after = before + len(rows)
            first = np.floor(after * edges[0] + start + 1e-12) - np.floor(before * edges[0] + start + 1e-12)
            counts = np.array([first, len(rows) - first], dtype=np.int64)
            before = after
        else:
            counts = _rounded(len(rows), np.asarray(shares), (start + 0.6180339887498949 * group) % 1)
        arm[rows] = np.repeat(np.arange(len(shares)), counts)
    return arm


def _rounded(count: int, shares: Array, start: float) -> Places:
    """Return whole numbers that sum to a count, each the floor or the ceiling of its share of it, with that chance."""
    wanted = count * shares
    whole = np.floor(wanted + 1e-12)
    ends = np.cumsum(wanted - whole)
    ends[-1] = round(float(ends[-1]))
    steps = np.floor(ends + start + 1e-12)
    return np.asarray(whole + np.diff(steps, prepend=np.floor(start)), dtype=np.int64)


def matched(covariates: Array) -> Places:
    """Return the pair of each unit, 0…: those that are alike together; an odd one out joins the nearest pair.

    Pairs are taken greedily by distance in standardised covariates, then partners are exchanged while that lowers the sum of
    the distances.
    """
    count = len(covariates)
    if count < 4:  # one pair, or three together
        return np.zeros(count, dtype=np.int64)
    apart = _distances(covariates)
    left = list(range(count))
    pairs: list[list[int]] = []
    while len(left) > 1:
        within = apart[np.ix_(left, left)]
        first, second = np.unravel_index(int(np.argmin(within)), within.shape)
        pairs.append(sorted([left[int(first)], left[int(second)]]))
        left = [one for one in left if one not in pairs[-1]]
    _exchange(pairs, apart)
    for single in left:
        nearest = min(range(len(pairs)), key=lambda place: float(apart[single, pairs[place]].sum()))
        pairs[nearest].append(single)
    found = np.zeros(count, dtype=np.int64)
    for place, pair in enumerate(sorted(pairs)):
        found[pair] = place
    return found


def _distances(covariates: Array) -> Array:
    spread = covariates.std(axis=0)
    scaled = covariates / np.where(spread > 0, spread, 1.0)
    apart = np.sqrt(((scaled[:, None, :] - scaled[None, :, :]) ** 2).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    return np.asarray(apart)


def _exchange(pairs: list[list[int]], apart: Array) -> None:
    improved = True
    while improved:
        improved = False
        for i in range(len(pairs)):
            for j in range(i + 1, len(pairs)):
                (a, b), (c, d) = pairs[i], pairs[j]
                now = apart[a, b] + apart[c, d]
                for one, other in (([a, c], [b, d]), ([a, d], [b, c])):
                    if apart[one[0], one[1]] + apart[other[0], other[1]] < now - 1e-12:
                        pairs[i], pairs[j] = sorted(one), sorted(other)
                        improved = True
                        break


def imbalance(covariates: Array, arms: NDArray[np.int64]) -> Array:
    """Return the Mahalanobis distance of the arms' means from one another for assignments, one a row.

    For two arms it is Morgan and Rubin's M; about chi-square over all draws, with `degrees_of` degrees of freedom.

    Args:
        covariates: units × covariates.
        arms: arm of each unit, draws × units, 0…k-1; each arm has a unit.
    """
    centred = covariates - covariates.mean(axis=0)
    inverse = np.linalg.pinv(centred.T @ centred / (len(centred) - 1), hermitian=True)
    found = np.zeros(len(arms))
    for arm in range(int(arms.max()) + 1):
        inside = (arms == arm).astype(float)
        mean = (inside @ centred) / inside.sum(axis=1, keepdims=True)
        found += inside.sum(axis=1) * np.einsum("dk,kl,dl->d", mean, inverse, mean)
    return found


def threshold(covariates: Array, arms: int, acceptance: float) -> float:
    """Return the imbalance that this share of all draws stays below, by the chi-square distribution."""
    rank = int(np.linalg.matrix_rank(covariates - covariates.mean(axis=0)))
    return float(chi2.ppf(acceptance, max(rank, 1) * (arms - 1)))


def rerandomised(covariates: Array, arm: Places, groups: Places, acceptance: float, rng: np.random.Generator) -> Places | None:
    """Return the first of many draws that is balanced enough, with the same numbers of each arm in each group; None if none is."""
    top = threshold(covariates, int(arm.max()) + 1, acceptance)
    for _ in range(_MOST // _AT_ONCE):
        draws = shuffled(arm, groups, _AT_ONCE, rng)
        good = np.flatnonzero(imbalance(covariates, draws) <= top)
        if len(good):
            return np.asarray(draws[good[0]])
    return None


def shuffled(arm: Places, groups: Places, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return draws of the arms, one a row, with the same numbers of each in each group."""
    found = np.tile(arm, (draws, 1))
    for group in np.unique(groups):
        at = np.flatnonzero(groups == group)
        found[:, at] = rng.permuted(found[:, at], axis=1)
    return np.asarray(found)


def accepting(
    covariates: Array, arms: Places, both: NDArray[np.bool_], arm: int, acceptance: float
) -> Callable[[NDArray[np.bool_]], NDArray[np.bool_]]:
    """Return what says of assignments of one arm and control whether `rerandomised` would have accepted them.

    Args:
        covariates: units × covariates.
        arms: the arm that each unit was assigned to, control 0.
        both: which units are of the arm or of control; the others stay where they are.
        arm: the arm.
        acceptance: the share of draws that is accepted.
    """
    top = threshold(covariates, int(arms.max()) + 1, acceptance)

    def accepts(treated: NDArray[np.bool_]) -> NDArray[np.bool_]:
        whole = np.tile(arms, (len(treated), 1))
        whole[:, both] = np.where(treated, arm, 0)
        return np.asarray(imbalance(covariates, whole) <= top * (1 + 1e-9))

    return accepts
