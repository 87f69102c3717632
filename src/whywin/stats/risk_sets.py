"""Matching within risk sets: each treated unit with units that were as old, still open, and not treated yet.

The nearest by the hazard of being treated are taken, and what still differs is taken out by a regression among them. A match that is
treated later is followed until then: those that are not treated later stand for it, each weighted by how unlikely that was. Influence
values are summed by unit, which may stand in many comparisons, before they are squared.
Sources: Li, Propert and Rosenbaum (2001), Balanced risk set matching, JASA 96, 870-882; Lu (2005), Propensity score matching with
time-dependent covariates, Biometrics 61, 721-728; Abadie and Imbens (2011), Bias-corrected matching estimators for average treatment
effects, JBES 29, 1-11; Robins and Finkelstein (2000), Correcting for noncompliance and dependent censoring in an AIDS clinical trial
with inverse probability of censoring weighted log-rank tests, Biometrics 56, 779-788; MacKinnon and White (1985), Some
heteroskedasticity-consistent covariance matrix estimators with improved finite sample properties, Journal of Econometrics 29, 305-325.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from whywin.stats.influence import variance_of
from whywin.stats.neighbours import Pool, nearest
from whywin.stats.propensity import standardised
from whywin.stats.proportional_hazards import Baseline, ProportionalHazards

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIE: Final = 1e-9  # in standard deviations of the score
NOTHING: Final = 1e-9  # a use smaller than this is what rounding leaves of no use
LEVERAGE: Final = 0.99  # a unit that decides the regression alone counts as if it did so nearly


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Who is matched with whom.

    Attributes:
        asked: the treated units that have a match.
        at_risk: units that stand as untreated in the risk set of a treated one at least once.
        uses: how much each unit is used as a match, whatever became of it later.
        uses_untreated: likewise, but only until it is treated itself, weighted by one over the chance to remain untreated so long.
        left: how many treated units have no one to be matched with.
    """

    asked: Bools
    at_risk: Bools
    uses: Floats
    uses_untreated: Floats
    left: int


@dataclass(frozen=True, eq=False)
class Contrast:
    """The mean difference between the treated and their matches.

    Attributes:
        effect: with_treatment less without_treatment.
        with_treatment: mean outcome of the treated units that are asked about.
        without_treatment: what their matches say it would have been.
        variance: of the effect, over units, or over clusters when they were given.
    """

    effect: float
    with_treatment: float
    without_treatment: float
    variance: float


def risk_sets(
    model: ProportionalHazards, age: Floats, treated: Bools, known: Bools, neighbours: int, caliper: float | None = None
) -> RiskSets:
    """Match each treated unit with the nearest of its risk set by the score, with replacement and all ties.

    Args:
        model: of the hazard of being treated; matches are of the same stratum.
        age: when each unit was treated, or when it was last seen untreated.
        treated: which units were treated.
        known: which units have an outcome; the others are at risk, but can neither ask nor answer.
        neighbours: how many matches each treated unit has; more when several are equally near.
        caliper: treated units without a match so near, in standard deviations of the score, are left out.
    """
    size, spread = len(age), float(model.linear.std())
    asked, at_risk, uses, until = np.zeros(size, bool), np.zeros(size, bool), np.zeros(size), np.zeros(size)
    limit = np.inf if caliper is None else caliper * spread
    for baseline in model.baselines:
        members = baseline.rows[known[baseline.rows]]
        members = members[np.argsort(model.linear[members], kind="stable")]
        happened, own = treated[members], age[members]
        lived = _lived(model, baseline, age, treated)
        for moment in baseline.ages:
            still = members[own > moment]
            units = Pool(still, model.linear[still])
            rows = members[happened & (own == moment)]
            near = nearest(units, model.linear[rows], neighbours, TIE * spread, limit)
            found = near.count > 0
            asked[rows[found]] = True
            at_risk[units.rows] |= bool(len(rows))
            received = near.given(np.where(found, 1 / np.maximum(near.count, 1.0), 0.0), len(units.rows))
            uses[units.rows] += received
            gone = np.exp(-np.exp(model.linear[units.rows]) * baseline.until(np.array([moment]))[0])
            until[units.rows] += received * gone * lived[units.rows]
    uses, until = (np.where(number > NOTHING, number, 0.0) for number in (uses, until))
    return RiskSets(asked, at_risk, uses, until, int((treated & known).sum() - asked.sum()))


def _lived(model: ProportionalHazards, baseline: Baseline, age: Floats, treated: Bools) -> Floats:
    """Return one over the chance of each untreated unit to remain so from its beginning to its end; 0 for the treated."""
    rows = baseline.rows
    lived = np.zeros(len(age))
    just_before = np.searchsorted(baseline.ages, age[rows], side="left")
    total = np.concatenate([[0.0], baseline.cumulative])[just_before]
    lived[rows] = np.where(treated[rows], 0.0, np.exp(np.exp(model.linear[rows]) * total))
    return lived


def contrast(
    outcome: Floats, covariates: Floats, asked: Bools, uses: Floats, clusters: NDArray[np.int64] | None = None
) -> Contrast:
    """Return the mean difference between the treated and their matches, less what a regression among the matches says of covariates.

    Args:
        outcome: of each unit; looked at only where it is asked or used.
        covariates: one row a unit.
        asked: the treated units.
        uses: how much each unit counts as a match.
        clusters: codes of groups within which units are not independent.
    """
    columns, used = standardised(covariates), uses > 0
    known = np.where(asked | used, outcome, 0.0)
    count = int(asked.sum())
    gram = columns[used].T @ (columns[used] * uses[used, None])
    inverse = np.linalg.pinv(gram, rcond=1e-10, hermitian=True)
    slopes = inverse @ (columns.T @ (uses * known))
    rest = known - columns @ slopes
    reach = uses * ((columns @ inverse) * columns).sum(axis=1)
    pull = columns @ inverse @ columns[asked].sum(axis=0)
    observed, predicted = float(known[asked].mean()), float((columns[asked] @ slopes).mean())
    effect = observed - predicted
    own = np.where(asked, rest - effect, 0.0) - uses * pull * rest / (1 - np.minimum(reach, LEVERAGE))
    whole = variance_of(own * (len(own) / count), clusters)
    return Contrast(effect, observed, predicted, whole)
