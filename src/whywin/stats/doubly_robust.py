"""Effects that are right when either the propensity or the outcome model is: augmented inverse probability weighting.

Sources: Robins, Rotnitzky and Zhao (1994), Estimation of regression coefficients when some regressors are not always observed, JASA
89, 846-866; Hahn (1998), On the role of the propensity score in efficient semiparametric estimation of average treatment effects,
Econometrica 66, 315-331 (for the treated); Chernozhukov and others (2018), Econometrics Journal 21, C1-C68 (cross-fitting).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Augmented:
    """What augmented weighting found.

    Attributes:
        effect: with treatment less without.
        with_treatment: mean outcome of the target population under treatment.
        without_treatment: its mean outcome without it.
        influence: what each unit moves the effect by, times the number of units; the mean is 0.
        weight: what each unit weighs in the correction of the outcome model.
    """

    effect: float
    with_treatment: float
    without_treatment: float
    influence: Floats
    weight: Floats


def augmented(
    outcome: Floats,
    treated: Bools,
    chance: Floats,
    without: Floats,
    with_treatment: Floats | None = None,
    *,
    stabilised: bool = True,
    clusters: NDArray[np.int64] | None = None,
) -> Augmented:
    """Return the effect on all units, or on the treated when outcomes under treatment are not given.

    Args:
        outcome: what is compared.
        treated: which units were treated.
        chance: the propensity of each unit, strictly between 0 and 1 wherever it is divided by.
        without: the predicted outcome of each unit without treatment.
        with_treatment: the predicted outcome of each unit under treatment; None asks for the effect on the treated.
        stabilised: divide the weighted residuals by the sum of the weights, so that a few large weights cannot run away.
        clusters: codes of groups that are left out together, when it is reckoned what leaving out would move.
    """
    if with_treatment is None:
        weight = np.where(treated, 1.0, chance / (1 - chance))
        rest, own = _corrected(outcome - without, ~treated, weight, float(treated.sum()), clusters, stabilised=stabilised)
        share = float(treated.mean())
        mean = float(outcome[treated].mean())
        lower = float(without[treated].mean()) + rest
        influence = np.where(treated, (outcome - without - (mean - lower) - rest) / share, 0.0) - own
        return Augmented(mean - lower, mean, lower, influence - influence.mean(), weight)
    weight = np.where(treated, 1 / chance, 1 / (1 - chance))
    size = float(len(outcome))
    above, own_above = _corrected(outcome - with_treatment, treated, weight, size, clusters, stabilised=stabilised)
    below, own_below = _corrected(outcome - without, ~treated, weight, size, clusters, stabilised=stabilised)
    upper, lower = float(with_treatment.mean()) + above, float(without.mean()) + below
    influence = with_treatment - without + own_above - own_below
    return Augmented(upper - lower, upper, lower, influence - influence.mean(), weight)


def _corrected(
    residual: Floats, group: Bools, weight: Floats, size: float, clusters: NDArray[np.int64] | None, *, stabilised: bool
) -> tuple[float, Floats]:
    """Return the weighted mean residual of a group, and what each unit moves it by, times the number of units.

    A stabilised mean is moved by what leaving the unit (or its cluster) out would move it by, so that units that carry much of the weight,
    and so draw the mean to themselves, do not look more certain than they are (the jackknife of a weighted mean; Miller, 1974,
    Biometrika 61, 1-15).
    """
    inside = np.where(group, weight, 0.0)
    if not stabilised:
        return float(inside @ residual) / size, inside * residual * (len(residual) / size)
    total = float(inside.sum())
    mean = float(inside @ residual) / total
    left = inside if clusters is None else np.bincount(clusters, inside)[clusters]
    return mean, inside * (residual - mean) * (len(residual) / np.maximum(total - left, 1e-12 * total))
