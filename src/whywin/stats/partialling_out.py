"""The effect in what is left of outcome and treatment after both were predicted: the partially linear model.

Sources: Robinson (1988), Root-N-consistent semiparametric regression, Econometrica 56, 931-954; Chernozhukov and others (2018),
Double/debiased machine learning, Econometrics Journal 21, C1-C68; the influence of the averaging over units is that of Semenova and
Chernozhukov (2021), Debiased machine learning of conditional average treatment effects, Econometrics Journal 24, 264-289.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Partialled:
    """A mean effect from residuals on residuals.

    Attributes:
        effect: mean over the units asked for of the effect that the model gives each.
        effects: the effect that the model gives each unit.
        influence: what each unit moves the mean effect by, times the number of units; the mean is 0.
        weight: what each unit's outcome weighs in the mean effect: positive for treated, negative for untreated units, as a rule.
    """

    effect: float
    effects: Floats
    influence: Floats
    weight: Floats


def partialled_out(
    outcome_rest: Floats, treatment_rest: Floats, moderators: Floats, coefficients: Floats, asked: NDArray[np.bool_]
) -> Partialled:
    """Return the mean effect under least-squares coefficients, and what each unit adds to it.

    Args:
        outcome_rest: outcome less its prediction, n.
        treatment_rest: treatment less its prediction, n.
        moderators: what the effect moves with, n × q, a column of ones first.
        coefficients: of the regression of `outcome_rest` on `moderators` times `treatment_rest`, q.
        asked: whose mean effect is wanted.
    """
    count = len(outcome_rest)
    columns = moderators * treatment_rest[:, None]
    rest = outcome_rest - columns @ coefficients
    effects = moderators @ coefficients
    effect = float(effects[asked].mean())
    direction = np.linalg.pinv(columns.T @ columns / count, rcond=1e-10, hermitian=True) @ moderators[asked].mean(axis=0)
    weight = columns @ direction
    influence = weight * rest + np.where(asked, effects - effect, 0.0) / asked.mean()
    return Partialled(effect, np.asarray(effects), np.asarray(influence), np.asarray(weight))
