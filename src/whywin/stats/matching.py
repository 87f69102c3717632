"""Matching on the propensity score, with standard errors that know it was estimated.

Sources: Abadie and Imbens (2006), Large sample properties of matching estimators for average treatment effects, Econometrica 74,
235-267; Abadie and Imbens (2011), Bias-corrected matching estimators for average treatment effects, JBES 29, 1-11; Abadie and
Imbens (2016), Matching on the estimated propensity score, Econometrica 84, 781-807. Letters are theirs.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whywin.stats.neighbours import Ground, Neighbours, Pool, on_line
from whywin.stats.propensity import Propensity

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHARED: Final = 4 / 3  # a variance of two values varies by 2/3 of its mean square, and two units share each
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
        freedom: degrees of freedom of the variance (Satterthwaite): few where it rests on a few units that were used often.
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
    freedom: float


@dataclass(frozen=True, eq=False)
class _Pairing:
    """Both groups in order, and the matches of each in the other; of the controls only where they are needed."""

    controls: Pool
    treated: Pool
    of_treated: Neighbours
    of_controls: Neighbours | None

    @property
    def sides(self) -> list[tuple[Pool, Neighbours, Pool]]:
        """(who is matched, their matches, from whom)."""
        there = [(self.treated, self.of_treated, self.controls)]
        return there if self.of_controls is None else [*there, (self.controls, self.of_controls, self.treated)]


@dataclass(frozen=True, eq=False)
class _Effects:
    """Each unit's own effect, where it is asked for, and what it takes to tell how sure their mean is."""

    uses: Floats
    squares: Floats
    own: Floats
    imputed: Floats
    kept: Bools
    asked: Bools
    effects: Floats
    count: int
    effect: float


def match(
    places: Floats | Ground,
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
    """Match each unit with its nearest of the other group, with replacement and all ties.

    Args:
        places: where each unit lies: on a line, by its propensity (in logits or as a share) or a single covariate; or on any ground.
        treated: which units were treated.
        outcome: what is compared.
        everyone: the mean effect over all units (ATE) rather than over the treated (ATT).
        neighbours: how many matches each unit has; more when several are equally near.
        caliper: units without a match so near, in standard deviations of `places`, are left out; a ground has its own.
        score: the propensity model that `places` come from, when it was estimated from these units.
        adjust_for: covariates whose remaining differences within matches are taken out by regression (2011).
        clusters: codes of groups within which outcomes are not independent.
    """
    ground = on_line(places, caliper) if isinstance(places, np.ndarray) else places
    pairing = _paired(ground, treated, neighbours, both=everyone or score is not None)
    found = _effects(pairing, treated, outcome, adjust_for, everyone=everyone)
    uses, count = found.uses, max(found.count, 1)
    deviations = found.effects - found.effect
    alike = [ground.alike(group, group) for group in (pairing.treated, pairing.controls)]
    noise = (uses**2 - found.squares + (2 * uses if everyone else 0.0)) * _own_variance(pairing, alike, found.own)
    known = (float((deviations[found.asked] ** 2).sum()) + float(noise.sum())) / count**2
    noisy = SHARED * float((noise**2).sum()) / count**4
    del noise
    variance = known
    if score is not None:
        slopes = _correction(ground, score, pairing, alike, found, everyone=everyone) / count
        moved = np.zeros(len(slopes)) if everyone else _moved_target(score, deviations, found.kept) / count
        variance += _of_the_score(score, slopes, moved)
    variance = max(variance, 0.0)
    freedom = 2 * variance**2 / noisy if noisy > 0 else np.inf
    weight = np.where(found.asked, 1.0, 0.0) + uses
    if clusters is not None:
        trend, residual = _fitted(ground.line, treated, found.own, np.where(found.asked, deviations, np.nan))
        influence = np.where(found.asked, trend, 0.0) + np.where(treated, weight, -weight) * residual
        variance += max(_excess(influence / count, clusters), 0.0)
    without = float(np.where(treated, found.imputed, outcome)[found.asked].sum()) / count
    stands = found.asked | (uses > 0)
    return Matched(found.effect, without + found.effect, without, variance, known, found.count, stands, weight, uses, freedom)


def matched_effect(
    ground: Ground, treated: Bools, outcome: Floats, *, everyone: bool, neighbours: int = 1, adjust_for: Floats | None = None
) -> float:
    """Return the effect that `match` finds, to the last bit, without what it takes to tell how sure it is."""
    pairing = _paired(ground, treated, neighbours, both=everyone)
    return _effects(pairing, treated, outcome, adjust_for, everyone=everyone).effect


def _paired(ground: Ground, treated: Bools, neighbours: int, *, both: bool) -> _Pairing:
    controls, units = ground.pool(~treated), ground.pool(treated)
    of_controls = ground.matches(units, controls, neighbours) if both else None
    return _Pairing(controls, units, ground.matches(controls, units, neighbours), of_controls)


def _effects(pairing: _Pairing, treated: Bools, outcome: Floats, adjust_for: Floats | None, *, everyone: bool) -> _Effects:
    uses, squares = _uses(pairing, len(outcome))
    own, zero, one = _transformed(outcome, treated, adjust_for, uses, everyone=everyone)
    imputed, kept = _imputed(pairing, outcome, zero, one)
    asked = kept if everyone else kept & treated
    effects = np.where(treated, outcome - imputed, imputed - outcome)
    count = int(asked.sum())
    if not everyone:
        uses[treated] = 0.0
        squares[treated] = 0.0
    return _Effects(uses, squares, own, imputed, kept, asked, effects, count, float(effects[asked].sum()) / max(count, 1))


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
    for (units, matches, source), values in zip(pairing.sides, (zero, one), strict=False):
        predicted = outcome[units.rows] - values[units.rows]
        imputed[units.rows] = predicted + matches.mean(values[source.rows])
        kept[units.rows] = matches.count > 0
    return imputed, kept


def _own_variance(pairing: _Pairing, alike: list[Neighbours], values: Floats) -> Floats:
    """Return each unit's outcome variance given where it lies: the sample variance of it and its nearest of the same group."""
    variance = np.zeros(len(values))
    for group, near in zip((pairing.treated, pairing.controls), alike, strict=True):
        variance[group.rows] = near.variance(values[group.rows])
    return variance


def _of_the_score(score: Propensity, slopes: Floats, moved: Floats) -> float:
    """Return what estimating the propensity adds to the variance: c' and the derivative of the target against its coefficients.

    With c the covariance of the effect and the likelihood's slope, A what turns that slope into coefficients and V their covariance
    matrix, it is 2 (m - c)' A c + (m - c)' V (m - c): for an unpenalised fit, where A = V, m' V m - c' V c as in the paper.
    """
    pull = moved - slopes
    return float(2 * pull @ score.covariance @ slopes + pull @ score.spread @ pull)


def _correction(
    ground: Ground, score: Propensity, pairing: _Pairing, alike: list[Neighbours], found: _Effects, *, everyone: bool
) -> Floats:
    """Return c of Abadie and Imbens (2016), times the count: how the outcomes move with the covariates at a given score.

    It is a sum of local covariances of columns and values, each among a point's two nearest of a group; every one of them is a sum
    over the point's neighbours, so that the whole is one sum over the units, with one amount each.
    """
    amounts = np.zeros(len(found.own))
    sides = ((pairing.treated, pairing.controls), (pairing.controls, pairing.treated))
    for (group, other), own_near in zip(sides, alike, strict=True):
        inside = found.own[group.rows]
        for points in (group, other):
            near = own_near if points is group else ground.alike(group, points)
            part = _share(score.chance[points.rows], treated=group is pairing.treated, everyone=everyone)
            if everyone:
                part[~found.asked[points.rows]] = 0.0
            part /= np.maximum(near.count - 1.0, 1.0)
            amounts[group.rows] += near.given(part, len(inside)) * inside
            amounts[group.rows] -= near.given(part * near.mean(inside), len(inside))
    return score.standard.pulled(amounts)


def _share(chance: Floats, *, treated: bool, everyone: bool) -> Floats:
    """Return how much the outcomes of a group weigh at a propensity: of those asked for, as often as the group is not there."""
    rest = 1 - chance if treated else chance.copy()
    return rest if everyone else chance * rest


def _moved_target(score: Propensity, deviations: Floats, kept: Bools) -> Floats:
    """Return the derivative of the effect on the treated, times the count, by the coefficients of the propensity."""
    return score.standard.pulled(np.where(kept, score.chance * (1 - score.chance) * deviations, 0.0))


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
