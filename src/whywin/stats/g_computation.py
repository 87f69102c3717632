"""Standardisation: what a linear outcome model predicts with and without treatment, averaged over the units that are asked for.

Sources: Robins (1986), A new approach to causal inference in mortality studies with a sustained exposure period, Mathematical Modelling
7, 1393-1512 (the g-formula); Newey and McFadden (1994), Large sample estimation and hypothesis testing, Handbook of Econometrics 4,
chapter 36 (the sandwich of two steps).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whywin.stats.influence import variance_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Standardised:
    """What standardisation found.

    Attributes:
        effect: with treatment less without.
        with_treatment: mean predicted outcome of the units asked for when all of them are treated.
        without_treatment: their mean predicted outcome when none is.
        variance: of the effect; it knows that the units asked for are a sample.
    """

    effect: float
    with_treatment: float
    without_treatment: float
    variance: float


def standardised_outcomes(
    columns: Floats,
    outcome: Floats,
    with_treatment: Floats,
    without_treatment: Floats,
    *,
    asked: NDArray[np.bool_] | None = None,
    pooled: bool = False,
    clusters: NDArray[np.int64] | None = None,
) -> Standardised:
    """Fit least squares to what was observed, and predict each unit twice.

    Args:
        columns: regressors as observed, n × p, an intercept, the treatment and its products included.
        outcome: what is explained, n.
        with_treatment: the same regressors had the unit been treated, n × p.
        without_treatment: the same regressors had it not.
        asked: whose mean effect is wanted; everyone's when not given.
        pooled: whether all units share one spread about the model; otherwise each has its own (the sandwich).
        clusters: codes of groups within which units are not independent; not together with `pooled`.
    """
    count = len(outcome)
    rows = np.ones(count, dtype=bool) if asked is None else asked
    inverse = np.linalg.pinv(columns.T @ columns / count, rcond=1e-13, hermitian=True)
    coefficients = np.linalg.lstsq(columns, outcome, rcond=None)[0]
    upper, lower = with_treatment @ coefficients, without_treatment @ coefficients
    effect = float((upper - lower)[rows].mean())
    slope = (with_treatment - without_treatment)[rows].mean(axis=0)
    rest = outcome - columns @ coefficients
    target = np.where(rows, upper - lower - effect, 0.0) / rows.mean()
    if pooled:
        spread = float(rest @ rest) / (count - np.linalg.matrix_rank(columns))
        variance = variance_of(target) + spread * float(slope @ inverse @ slope) / count
    else:
        variance = variance_of(target + rest * (columns @ (inverse @ slope)), clusters)
    return Standardised(effect, float(upper[rows].mean()), float(lower[rows].mean()), variance)
