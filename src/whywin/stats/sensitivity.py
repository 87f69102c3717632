"""How strong something unobserved would have to be to explain an effect away.

Sources: VanderWeele and Ding (2017), Sensitivity analysis in observational research: introducing the E-value, Annals of Internal
Medicine 167, 268-274; Ding and VanderWeele (2016), Sensitivity analysis without assumptions, Epidemiology 27, 368-377;
VanderWeele (2017), On a square-root transformation of the odds ratio for a common outcome, Epidemiology 28, e58-e60.
"""

import math
import sys


def e_value(ratio: float) -> float:
    """Return the E-value of a risk ratio.

    An unobserved confounder would have to be tied to treatment and to outcome by a risk ratio of at least this size each, beyond
    what is adjusted for, to move the ratio to 1.
    """
    if ratio == 1 or ratio <= 0 or math.isinf(ratio):
        return 1.0 if ratio == 1 else math.inf
    above = max(ratio, 1 / ratio)
    return above + math.sqrt(above * (above - 1))


def e_value_of_interval(low: float, high: float) -> float:
    """Return the E-value of the end nearest to 1 of a risk ratio's interval: 1 where the interval holds 1."""
    return 1.0 if low <= 1 <= high else e_value(low if low > 1 else high)


def bounding_factor(with_treatment: float, with_outcome: float) -> float:
    """Return how far a confounder tied to treatment and to outcome by these risk ratios can move a risk ratio: a factor of at least 1."""
    return with_treatment * with_outcome / (with_treatment + with_outcome - 1)


def ratio_of_difference(difference: float, deviation: float) -> float:
    """Return the risk ratio that a difference of means corresponds to, given the outcome's standard deviation.

    The constant .91 is the authors', from log odds ratios of a continuous outcome cut in two. Infinite where no float holds it.
    """
    power = 0.91 * difference / deviation
    return math.exp(power) if power < math.log(sys.float_info.max) else math.inf


def ratio_of_odds(odds_ratio: float, *, rare: bool) -> float:
    """Return the risk ratio that an odds ratio corresponds to: itself for a rare outcome (below 15 %), else its square root."""
    return odds_ratio if rare else math.sqrt(odds_ratio)


def ratio_of_hazards(hazard_ratio: float, *, rare: bool) -> float:
    """Return the risk ratio that a hazard ratio corresponds to: itself for a rare outcome (below 15 % at the end of follow-up)."""
    if rare:
        return hazard_ratio
    return float((1 - 0.5 ** math.sqrt(hazard_ratio)) / (1 - 0.5 ** math.sqrt(1 / hazard_ratio)))
