"""What a normal posterior of an effect says of a decision."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm


@dataclass(frozen=True)
class Decision:
    """Chances and expected losses.

    Attributes:
        better: chance that the effect is above zero.
        loss_of_treating: what is lost on average by treating where the effect is negative.
        loss_of_control: what is lost on average by not treating where it is positive.
        negligible: chance that the effect lies within the region of practical equivalence.
    """

    better: float
    loss_of_treating: float
    loss_of_control: float
    negligible: float


def decision(mean: float, sd: float, margin: float = 0.0) -> Decision:
    """Return what a normal posterior with this mean and standard deviation says; a positive effect is good.

    Source: Stucchio (2015), Bayesian A/B testing at VWO, for the expected loss; Kruschke (2018), Rejecting or accepting parameter
    values in Bayesian estimation, AMPPS 1, 270-280, for the region of practical equivalence.
    """
    z = mean / sd
    gain = float(sd * norm.pdf(z) + mean * norm.cdf(z))
    near = float(norm.cdf((margin - mean) / sd) - norm.cdf((-margin - mean) / sd))
    return Decision(float(norm.cdf(z)), gain - mean, gain, near)


def decision_of_draws(draws: np.ndarray, margin: float = 0.0) -> Decision:
    """Return the same from draws of an effect."""
    return Decision(
        float((draws > 0).mean()),
        float(np.maximum(-draws, 0).mean()),
        float(np.maximum(draws, 0).mean()),
        float((np.abs(draws) < margin).mean()),
    )
