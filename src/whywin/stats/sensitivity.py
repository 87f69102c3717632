"""How strong something unobserved would have to be to explain an effect away.

Source: VanderWeele and Ding (2017), Sensitivity analysis in observational research: introducing the E-value, Annals of Internal
Medicine 167, 268-274.
"""

import math


def e_value(ratio: float) -> float:
    """Return the E-value of a risk ratio.

    An unobserved confounder would have to be tied to treatment and to outcome by a risk ratio of at least this size each, beyond
    what is adjusted for, to move the ratio to 1.
    """
    if ratio == 1 or ratio <= 0 or math.isinf(ratio):
        return 1.0 if ratio == 1 else math.inf
    above = max(ratio, 1 / ratio)
    return above + math.sqrt(above * (above - 1))


def ratio_of_difference(difference: float, deviation: float) -> float:
    """Return the risk ratio that a difference of means corresponds to, given the outcome's standard deviation.

    The constant .91 is the authors', from log odds ratios of a continuous outcome cut in two.
    """
    return math.exp(0.91 * difference / deviation)
