"""Weighting by the propensity score, with standard errors that know it was estimated.

The propensity and the two means solve one set of estimating equations, so that one sandwich covers both. Each unit stands in it with
what leaving it out would move, not with its bare residual: a unit of great weight draws the mean, and the propensity, to itself, and the
plain sandwich is then too narrow (by a twentieth with 1,000 units and strong selection).
Sources: Horvitz and Thompson (1952), JASA 47, 663-685; Hájek (1971), in Foundations of Statistical Inference, 236; Lunceford and
Davidian (2004), Stratification and weighting via the propensity score in estimation of causal treatment effects, Statistics in
Medicine 23, 2937-2960; MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix estimators with improved
finite sample properties, Journal of Econometrics 29, 305-325 (leaving out); Li, Morgan and Zaslavsky (2018), Balancing covariates via
propensity score weighting, JASA 113, 390-400.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from whywin.stats.influence import variance_of
from whywin.stats.propensity import Propensity

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Target = Literal["treated", "all", "overlap"]

NOTHING: Final = 1e-12
MANY: Final = 2000  # clusters, of which each is too small to bend the propensity's information noticeably


@dataclass(frozen=True, eq=False)
class Weighted:
    """What weighting found.

    Attributes:
        effect: the difference of the two weighted means.
        with_treatment: mean outcome of the target population under treatment.
        without_treatment: its mean outcome without it.
        variance: of the effect, with the propensity estimated, and for clusters when they were given.
        variance_known: of the effect, as if the weights were given.
        weight: what each unit weighs, 0 where it is left out.
        kept: which units stand in the comparison.
    """

    effect: float
    with_treatment: float
    without_treatment: float
    variance: float
    variance_known: float
    weight: Floats
    kept: Bools


def weigh(
    score: Propensity,
    treated: Bools,
    outcome: Floats,
    *,
    target: Target,
    stabilised: bool = True,
    trim: float = 0.0,
    clusters: NDArray[np.int64] | None = None,
    spread: bool = True,
) -> Weighted:
    """Compare weighted means of treated and untreated units.

    Args:
        score: the propensity model, fitted to these units.
        treated: which units were treated.
        outcome: what is compared.
        target: whose effect: of the treated (ATT), of all (ATE), or of the overlap population, in which a unit counts e (1 - e).
        stabilised: divide by the sum of the weights (Hájek), not by the size of the target population (Horvitz and Thompson);
            the overlap population has no size, so that its weights are always stabilised.
        trim: units whose propensity is nearer than this to 1, or for all and for the overlap to 0, are left out.
        clusters: codes of groups within which units are not independent.
        spread: tell the variance too; without it both variances are not a number.
    """
    kept = _kept(score.chance, target, trim)
    weight, slope = (np.where(kept, values, 0.0) for values in _weights(score.chance, treated, target))
    asked = kept & (treated | (target == "all"))
    size = None if stabilised or target == "overlap" else asked
    sides = [_side(outcome, group, weight, slope, size) for group in (treated, ~treated)]
    upper, lower = (side.mean for side in sides)
    if not spread:
        return Weighted(upper - lower, upper, lower, np.nan, np.nan, weight, kept)
    variance = _left_out(score, treated, sides) if clusters is None else _clusters_left_out(score, treated, sides, clusters)
    given = [side.own * (len(outcome) / side.total) for side in sides]
    variance_known = variance_of(given[0] - given[1], clusters)
    return Weighted(upper - lower, upper, lower, variance, variance_known, weight, kept)


@dataclass(frozen=True, eq=False)
class _Side:
    """One group's weighted mean: what it is divided by, each unit's part in it, and how the propensity's coefficients pull on it."""

    mean: float
    total: float
    part: Floats  # of each unit in `total`
    own: Floats
    pull: Floats


def _left_out(score: Propensity, treated: Bools, sides: list[_Side]) -> float:
    """Return the variance from what leaving out each unit moves, the propensity's coefficients included, to first order."""
    spread = score.columns @ score.covariance
    reach = (spread * score.columns).sum(axis=1)
    step = (treated - score.chance) / np.maximum(1 - score.chance * (1 - score.chance) * reach, NOTHING)
    moves = np.zeros(len(treated))
    for side, sign in zip(sides, (1.0, -1.0), strict=True):
        drift = step * (spread @ (side.pull @ score.columns) - reach * side.pull)
        moves += sign * (side.own + drift) / np.maximum(side.total - side.part, NOTHING * side.total)
    return float((moves**2).sum())


def _clusters_left_out(score: Propensity, treated: Bools, sides: list[_Side], clusters: NDArray[np.int64]) -> float:
    """Return the variance from what leaving out each cluster moves (CV3 of MacKinnon, Nielsen and Webb, 2023, JBES 41, 965-977)."""
    whole = np.linalg.pinv(score.covariance, hermitian=True)
    pulls = [side.pull @ score.columns for side in sides]
    order = np.argsort(clusters, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1)
    moves = []
    for rows in groups:
        columns, chance = score.columns[rows], score.chance[rows]
        inverse = score.covariance
        if len(groups) <= MANY:
            inside = columns.T @ (columns * (chance * (1 - chance))[:, None])
            inverse = np.linalg.pinv(whole - inside, rcond=1e-10, hermitian=True)
        step = inverse @ ((treated[rows] - chance) @ columns)
        upper, lower = (
            (side.own[rows].sum() + step @ (pull - side.pull[rows] @ columns))
            / max(side.total - side.part[rows].sum(), NOTHING * side.total)
            for side, pull in zip(sides, pulls, strict=True)
        )
        moves.append(upper - lower)
    return float(np.square(moves).sum()) * (len(moves) - 1) / len(moves)


def _side(outcome: Floats, group: Bools, weight: Floats, slope: Floats, asked: Bools | None) -> _Side:
    """Return a group's weighted mean: of the sum of the weights, or where `asked` is given of how many are asked for."""
    inside, moving = np.where(group, weight, 0.0), np.where(group, slope, 0.0)
    total = float(inside.sum() if asked is None else asked.sum())
    mean = float(inside @ outcome) / total
    if asked is None:
        return _Side(mean, total, inside, inside * (outcome - mean), moving * (outcome - mean))
    return _Side(mean, total, np.zeros(len(outcome)), inside * outcome - np.where(asked, mean, 0.0), moving * outcome)


def _kept(chance: Floats, target: Target, trim: float) -> Bools:
    kept = chance <= 1 - trim
    return kept if target == "treated" else kept & (chance >= trim)


def _weights(chance: Floats, treated: Bools, target: Target) -> tuple[Floats, Floats]:
    """Return each unit's weight and its derivative by the linear predictor of the propensity."""
    rest = np.maximum(1 - chance, 1e-12)
    given = np.maximum(chance, 1e-12)
    if target == "treated":
        odds = given / rest
        return np.where(treated, 1.0, odds), np.where(treated, 0.0, odds)
    if target == "overlap":
        product = chance * rest
        return np.where(treated, rest, given), np.where(treated, -product, product)
    return np.where(treated, 1 / given, 1 / rest), np.where(treated, -rest / given, given / rest)
