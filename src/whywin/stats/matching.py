"""Matching on the propensity score, with standard errors that know it was estimated.

Sources: Abadie and Imbens (2006), Large sample properties of matching estimators for average treatment effects, Econometrica 74,
235-267; Abadie and Imbens (2011), Bias-corrected matching estimators for average treatment effects, JBES 29, 1-11; Abadie and
Imbens (2016), Matching on the estimated propensity score, Econometrica 84, 781-807. Letters are theirs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whywin.stats.neighbours import Neighbours, Pool, nearest, pool
from whywin.stats.propensity import Propensity

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIE: Final = 1e-9  # in standard deviations of where the units lie
NOTHING: Final = 1e-9  # a use smaller than this is what rounding leaves of no use


@dataclass(frozen=True, eq=False)
class Matched:
    """What matching found.

    Attributes:
        effect: the mean difference between what was and what the matches say would have been; 0 when nobody has a match.
        with_treatment: mean outcome of the compared units under treatment, observed or imputed.
        without_treatment: their mean outcome without it.
        variance: of the effect, with the correction for the estimated propensity (2016), and for clusters when they were given.
        variance_known: of the effect, as if the propensity were known (2006).
        asked: how many units the effect is the mean of.
        kept: which units stand in the comparison, for themselves or as a match; those without a match within the caliper do not.
        weight: how much each unit weighs in the comparison: 1 for itself where its effect is asked for, and its uses as a match.
        uses: how much each unit was used as a match: the sum over those it stands for of 1 / (number of their matches).
    """

    effect: float
    with_treatment: float
    without_treatment: float
    variance: float
    variance_known: float
    asked: int
    kept: Bools
    weight: Floats
    uses: Floats


@dataclass(frozen=True, eq=False)
class _Pairing:
    """Both groups sorted by place, and the matches of each in the other."""

    controls: Pool
    treated: Pool
    of_treated: Neighbours  # runs of `controls`, one for each of `treated`
    of_controls: Neighbours  # runs of `treated`, one for each of `controls`
    tie: float

    @property
    def sides(self) -> tuple[tuple[Pool, Neighbours, Pool], tuple[Pool, Neighbours, Pool]]:
        """(who is matched, their matches, from whom), for the treated and for the controls."""
        return (self.treated, self.of_treated, self.controls), (self.controls, self.of_controls, self.treated)


def match(
    places: Floats,
    treated: Bools,
    outcome: Floats,
    *,
    everyone: bool,
    neighbours: int = 1,
    caliper: float | None = None,
    score: Propensity | None = None,
    adjust_for: Floats | None = None,
    clusters: NDArray[np.int64] | None = None,
) -> Matched:
    """Match each unit with its nearest of the other group on a line, with replacement and all ties.

    Args:
        places: where each unit lies: its propensity, in logits or as a share, or a single covariate.
        treated: which units were treated.
        outcome: what is compared.
        everyone: the mean effect over all units (ATE) rather than over the treated (ATT).
        neighbours: how many matches each unit has; more when several are equally near.
        caliper: units without a match so near, in standard deviations of `places`, are left out.
        score: the propensity model that `places` come from, when it was estimated from these units.
        adjust_for: covariates whose remaining differences within matches are taken out by regression (2011).
        clusters: codes of groups within which outcomes are not independent.
    """
    pairing = _paired(places, treated, neighbours, caliper)
    uses, squares = _uses(pairing, len(outcome))
    own, zero, one = _transformed(outcome, treated, adjust_for, uses, everyone=everyone)
    imputed, kept = _imputed(pairing, outcome, zero, one)
    asked = kept & (treated | everyone)
    effects = np.where(treated, outcome - imputed, imputed - outcome)
    count = int(asked.sum())
    effect = float(effects[asked].sum()) / max(count, 1)
    if not everyone:
        uses, squares = np.where(treated, 0.0, uses), np.where(treated, 0.0, squares)
    factor = uses**2 - squares + (2 * uses if everyone else 0.0)
    noise = float((factor * _own_variance(pairing, own)).sum())
    known = (float(((effects[asked] - effect) ** 2).sum()) + noise) / max(count, 1) ** 2
    variance = known
    if score is not None:
        slopes = _correction(score, pairing, own, asked, everyone=everyone)
        variance -= float(slopes @ score.covariance @ slopes)
        moved = np.zeros(len(slopes)) if everyone else _moved_target(score, effects - effect, kept, count)
        variance += float(moved @ score.covariance @ moved)
    weight = np.where(asked, 1.0, 0.0) + uses
    if clusters is not None:
        trend, residual = _fitted(places, treated, own, np.where(asked, effects - effect, np.nan))
        influence = np.where(asked, trend, 0.0) + np.where(treated, weight, -weight) * residual
        variance += max(_excess(influence / max(count, 1), clusters), 0.0)
    without = float(np.where(treated, imputed, outcome)[asked].sum()) / max(count, 1)
    return Matched(effect, without + effect, without, max(variance, 0.0), known, count, asked | (uses > 0), weight, uses)


def _paired(places: Floats, treated: Bools, neighbours: int, caliper: float | None) -> _Pairing:
    spread = float(places.std())
    tie = TIE * spread
    limit = np.inf if caliper is None else caliper * spread
    controls, units = pool(places, ~treated), pool(places, treated)
    of_treated = nearest(controls, units.places, neighbours, tie, limit)
    return _Pairing(controls, units, of_treated, nearest(units, controls.places, neighbours, tie, limit), tie)


def _uses(pairing: _Pairing, size: int) -> tuple[Floats, Floats]:
    """Return K and K': the sums over a unit's uses as a match of 1 / M and of 1 / M²."""
    uses, squares = np.zeros(size), np.zeros(size)
    for _, matches, source in pairing.sides:
        part = 1.0 / np.maximum(matches.count, 1.0)
        uses[source.rows] = matches.given(part, len(source.rows))
        squares[source.rows] = matches.given(part**2, len(source.rows))
    used = uses > NOTHING
    return np.where(used, uses, 0.0), np.where(used, squares, 0.0)


def _transformed(
    outcome: Floats, treated: Bools, adjust_for: Floats | None, uses: Floats, *, everyone: bool
) -> tuple[Floats, Floats, Floats]:
    """Return each unit's own residual, and the outcomes less the regressions without and with treatment."""
    if adjust_for is None:
        centred = outcome - outcome.mean()
        return centred, centred, centred
    zero = outcome - _regressed(outcome, adjust_for, ~treated, uses)
    if not everyone:
        return zero, zero, zero
    one = outcome - _regressed(outcome, adjust_for, treated, uses)
    return np.where(treated, one, zero), zero, one


def _regressed(outcome: Floats, covariates: Floats, group: Bools, uses: Floats) -> Floats:
    """Return what a linear regression within a group, each unit weighted by its uses, predicts for everyone."""
    columns = np.column_stack([np.ones(len(outcome)), covariates - covariates.mean(axis=0)])
    root = np.sqrt(uses[group])
    coefficients = np.linalg.lstsq(columns[group] * root[:, None], outcome[group] * root, rcond=None)[0]
    return np.asarray(columns @ coefficients)


def _imputed(pairing: _Pairing, outcome: Floats, zero: Floats, one: Floats) -> tuple[Floats, Bools]:
    """Return each unit's imputed outcome under the other treatment, and who has a match at all."""
    imputed, kept = np.zeros(len(outcome)), np.zeros(len(outcome), dtype=bool)
    for (units, matches, source), values in zip(pairing.sides, (zero, one), strict=True):
        predicted = outcome[units.rows] - values[units.rows]
        imputed[units.rows] = predicted + matches.mean(values[source.rows])
        kept[units.rows] = matches.count > 0
    return imputed, kept


def _own_variance(pairing: _Pairing, values: Floats) -> Floats:
    """Return each unit's outcome variance given its score: the sample variance of it and its nearest of the same group."""
    variance = np.zeros(len(values))
    for group in (pairing.treated, pairing.controls):
        variance[group.rows] = nearest(group, group.places, 2, pairing.tie).variance(values[group.rows])
    return variance


def _correction(score: Propensity, pairing: _Pairing, values: Floats, asked: Bools, *, everyone: bool) -> Floats:
    """Return c of Abadie and Imbens (2016): how the outcomes move with the covariates at a given score."""
    slopes = np.zeros(score.columns.shape[1])
    for group, rest in ((pairing.treated, 1 - score.chance), (pairing.controls, score.chance)):
        share = np.where(asked, rest, 0.0) if everyone else score.chance * rest
        for points in (pairing.treated, pairing.controls):
            slopes += _local_covariance(score.columns, values, share, points, group, pairing.tie)
    return slopes / max(float(asked.sum()), 1.0)


def _local_covariance(columns: Floats, values: Floats, share: Floats, points: Pool, group: Pool, tie: float) -> Floats:
    """Return the sum over points of share × the sample covariance of columns and values among its two nearest of a group.

    Each covariance is a sum over the point's neighbours, so the whole is one sum over the group, with one weight a unit.
    """
    near = nearest(group, points.places, 2, tie)
    part = share[points.rows] / np.maximum(near.count - 1.0, 1.0)
    inside = values[group.rows]
    received, average = near.given(part, len(inside)), near.given(part * near.mean(inside), len(inside))
    return np.asarray((received * inside - average) @ columns[group.rows])


def _moved_target(score: Propensity, deviations: Floats, kept: Bools, count: int) -> Floats:
    """Return the derivative of the effect on the treated by the coefficients of the propensity."""
    pull = np.where(kept, score.chance * (1 - score.chance) * deviations, 0.0)
    return np.asarray(pull @ score.columns) / max(count, 1)


def _fitted(places: Floats, treated: Bools, values: Floats, deviations: Floats) -> tuple[Floats, Floats]:
    """Return smooth cubics over `places`: of the effects' deviations where there are any, and the outcomes' rest in each group."""
    place = (places - places.mean()) / max(float(places.std()), 1e-300)
    curve = np.column_stack([place**power for power in range(4)])
    residual = np.zeros(len(values))
    for group in (treated, ~treated):
        residual[group] = values[group] - curve[group] @ np.linalg.lstsq(curve[group], values[group], rcond=None)[0]
    there = np.isfinite(deviations)
    return np.asarray(curve @ np.linalg.lstsq(curve[there], deviations[there], rcond=None)[0]), residual


def _excess(influence: Floats, clusters: NDArray[np.int64]) -> float:
    """Return what clusters add to the variance: the products of different units of one cluster."""
    sums = np.bincount(clusters, influence)
    groups = int((np.bincount(clusters) > 0).sum())
    return float((sums**2).sum() * groups / max(groups - 1, 1) - (influence**2).sum())
