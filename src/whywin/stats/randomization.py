"""Randomisation inference: what the statistic would have been under every other assignment that the design could have made.

Sources: Fisher (1935), The Design of Experiments; Chung and Romano (2013), Exact and asymptotically robust permutation tests,
Annals of Statistics 41, 484-507, and Wu and Ding (2021), Randomization tests for weak null hypotheses in randomized
experiments, JASA 116, 1898-1913, for the studentised statistic, which is exact when the effect is the same for everyone and
right in large trials when it is so on average only.
"""

from collections.abc import Callable
from itertools import combinations
from math import comb, prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whywin.stats.redrawn import Redrawn

Array = NDArray[np.float64]
Accepts = Callable[[NDArray[np.bool_]], NDArray[np.bool_]]
_CHUNK = 1_000_000
_AT_ONCE = 5000


def randomization(
    total: ArrayLike,
    size: ArrayLike,
    treated: ArrayLike,
    *,
    draws: int,
    rng: np.random.Generator,
    strata: ArrayLike | None = None,
    studentized: bool = True,
    accepts: Accepts | None = None,
) -> Redrawn:
    """Return the difference of two arms, in the mean of a deal, with its re-drawn assignments.

    With strata the difference is that of a regression with a column for each stratum, and units change arms within theirs.
    Under a null value every deal of a treated unit has its outcome shifted by it.

    Args:
        total: sum of the outcomes of each unit.
        size: number of deals of each unit, at least 1.
        treated: whether each unit is in the treated arm.
        draws: how many assignments to draw; all are enumerated when there are no more.
        rng: where they come from.
        strata: the stratum of each unit; a single one when not given.
        studentized: divide by the standard error (of CR0) in each draw; otherwise the plain difference is compared.
        accepts: from assignments, one a row, to whether the design would have accepted them; all when not given.
    """
    total, size = np.asarray(total, dtype=float), np.asarray(size, dtype=float)
    arm = np.asarray(treated, dtype=bool)
    groups = np.zeros(len(arm), dtype=np.int64) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    belongs = np.eye(groups.max() + 1)[groups]
    of_group = belongs.T @ size
    # the outcome under a null value h is `total - h · size · arm`; each part less its stratum's mean
    parts = [part - size * ((belongs.T @ part) / of_group)[groups] for part in (total, -size * arm)]
    assigned, complete = assignments(arm, groups, draws, rng) if accepts is None else accepted(arm, groups, draws, rng, accepts)
    rows = max(1, _CHUNK // len(arm))
    pieces = [_lines(assigned[i : i + rows], parts, size, belongs, of_group) for i in range(0, len(assigned), rows)]
    line, square = (np.concatenate([piece[i] for piece in pieces]) for i in (0, 1))
    seen, spread = _lines(arm[None, :], parts, size, belongs, of_group)
    if studentized:
        return Redrawn(float(seen[0, 0]), float(spread[0, 0]), line, square, complete)
    return Redrawn(float(seen[0, 0]), 1.0, line, np.tile([1.0, 0.0, 0.0], (len(line), 1)), complete)


def assignments(
    treated: NDArray[np.bool_], strata: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], bool]:
    """Return assignments with the same number of treated units in each stratum, one a row, and whether they are all.

    The one that was made is among them: somewhere when they are all, first when they are drawn.
    """
    places = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    if count_of(treated, strata) <= draws:
        choices = [np.array(list(combinations(range(len(at)), int(treated[at].sum()))), dtype=np.int64) for at in places]
        picked = np.meshgrid(*(np.arange(len(choice)) for choice in choices), indexing="ij")
        found = np.zeros((picked[0].size, len(treated)), dtype=bool)
        for at, choice, pick in zip(places, choices, picked, strict=True):
            np.put_along_axis(found, at[choice[pick.ravel()]], values=True, axis=1)
        return found, True
    drawn = np.tile(treated, (draws + 1, 1))
    for at in places:
        drawn[1:, at] = rng.permuted(drawn[1:, at], axis=1)
    return drawn, False


def accepted(
    treated: NDArray[np.bool_], strata: NDArray[np.int64], draws: int, rng: np.random.Generator, accepts: Accepts
) -> tuple[NDArray[np.bool_], bool]:
    """Return those of `assignments` that the design would have accepted, and whether they are all; the one that was made is kept.

    Drawing ends after 400 times as many draws as are wanted, with those that were found by then.
    """
    found, complete = assignments(treated, strata, min(draws, _AT_ONCE), rng)
    if not complete and count_of(treated, strata) <= draws:
        found, complete = assignments(treated, strata, draws, rng)
    if complete:
        return found[accepts(found) | (found == treated).all(axis=1)], True
    kept, count = [treated[None, :], found[1:][accepts(found[1:])]], 0
    for _ in range(400 * draws // _AT_ONCE + 1):
        count = sum(map(len, kept))
        if count > draws:
            break
        more = assignments(treated, strata, _AT_ONCE, rng)[0][1:]
        kept.append(more[accepts(more)])
    return np.concatenate(kept)[: draws + 1], False


def count_of(treated: ArrayLike, strata: ArrayLike) -> int:
    """Return how many assignments have the same number of treated units in each stratum."""
    arm, groups = np.asarray(treated, dtype=bool), np.asarray(strata)
    return prod(comb(int((groups == one).sum()), int(arm[groups == one].sum())) for one in np.unique(groups))


def _lines(assigned: NDArray[np.bool_], parts: list[Array], size: Array, belongs: Array, of_group: Array) -> tuple[Array, Array]:
    """Return each assignment's difference (offset, slope in the null value) and its CR0 variance (offset, slope, curvature)."""
    arm = assigned.astype(float)
    centred = arm - ((arm * size) @ belongs / of_group) @ belongs.T
    whole = (centred**2 @ size)[:, None]
    differences = [(centred @ part)[:, None] / whole for part in parts]
    scores = [centred * (part - size * centred * difference) / whole for part, difference in zip(parts, differences, strict=True)]
    square = [(scores[0] ** 2).sum(axis=1), 2 * (scores[0] * scores[1]).sum(axis=1), (scores[1] ** 2).sum(axis=1)]
    return np.hstack(differences), np.column_stack(square)
