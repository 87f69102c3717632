"""Targeted maximum likelihood: predicted chances are moved, within 0 and 1, until weighted residuals are nothing.

Source: van der Laan and Rubin (2006), Targeted maximum likelihood learning, International Journal of Biostatistics 2, article 11.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

Floats = NDArray[np.float64]
FARTHEST: Final = 50.0  # in logits for each unit of weight, which is at least 1


@dataclass(frozen=True, eq=False)
class Targeted:
    """What targeting found.

    Attributes:
        effect: with treatment less without, on all units.
        with_treatment: mean outcome of all units under treatment.
        without_treatment: their mean outcome without it.
        moved: in logits for each unit of weight, how far predictions were moved under treatment and without it.
        influence: what each unit moves the effect by, times the number of units; the mean is 0.
    """

    effect: float
    with_treatment: float
    without_treatment: float
    moved: tuple[float, float]
    influence: Floats


def targeted(outcome: Floats, treated: NDArray[np.bool_], chance: Floats, without: Floats, given: Floats) -> Targeted:
    """Return the effect on all units of a treatment on an outcome of 0 and 1.

    Args:
        outcome: 0 or 1, n.
        treated: which units were treated.
        chance: the propensity of each unit, strictly between 0 and 1.
        without: the predicted chance of the outcome of each unit without treatment, strictly between 0 and 1.
        given: the same under treatment.
    """
    weights = 1 / chance, -1 / (1 - chance)
    predicted = logit(given), logit(without)
    moved = tuple(
        _moved(outcome[group], predicted[side][group], weights[side][group]) for side, group in enumerate((treated, ~treated))
    )
    upper, lower = (expit(predicted[side] + moved[side] * weights[side]) for side in (0, 1))
    effect = float((upper - lower).mean())
    rest = outcome - np.where(treated, upper, lower)
    influence = np.where(treated, *weights) * rest + upper - lower - effect
    return Targeted(effect, float(upper.mean()), float(lower.mean()), (moved[0], moved[1]), influence)


def _moved(outcome: Floats, predicted: Floats, weight: Floats) -> float:
    """Return by how much of the weight the predictions of a group must move for its weighted residuals to add up to nothing.

    Where nothing is enough, because all outcomes are alike, it is as far as makes predictions certain.
    """

    def left(distance: float) -> float:
        return float(weight @ (outcome - expit(predicted + distance * weight)))

    far = 1.0
    while left(far) > 0 or left(-far) < 0:  # what is left falls all the way
        if far > FARTHEST:
            return far if left(far) > 0 else -far
        far *= 2
    return float(brentq(left, -far, far, xtol=1e-14))
