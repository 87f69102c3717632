"""An effect on the scale of risk ratios, on which what is unobserved is measured."""

from dataclasses import dataclass
from typing import Final

import pandas as pd

from whywin.evidence import Estimate
from whywin.stats.sensitivity import ratio_of_difference

NOTHING: Final = 1e-9


@dataclass(frozen=True)
class RiskRatios:
    """An effect as a risk ratio, with its interval; `without` is the rate without treatment, or nothing for a number."""

    value: float
    low: float
    high: float
    without: float | None = None


def risk_ratios(row: Estimate, outcomes: pd.DataFrame | None, deviation: float) -> RiskRatios | None:
    """Return an effect as risk ratios, or None where the answer does not say what outcomes would have been.

    Of a rate: the rate without treatment plus the effect, to the rate without treatment, which is taken as known. Of a number: what the
    difference in standard deviations of the outcome corresponds to (VanderWeele and Ding, 2017).
    """
    if outcomes is None:
        return None
    if row.unit != "points":
        value, low, high = (ratio_of_difference(number, deviation) if deviation > 0 else 1.0 for number in _numbers(row))
        return RiskRatios(value, low, high)
    without = max(float(outcomes.set_index("treatment")["mean"]["without"]), 0.0)
    value, low, high = (_ratio(without, number) for number in _numbers(row))
    return RiskRatios(value, low, high, without)


def _numbers(row: Estimate) -> tuple[float, float, float]:
    return row.value, row.low, row.high


def _ratio(without: float, effect: float) -> float:
    """Return the risk ratio; where nobody would have won without treatment, any effect at all is beyond every ratio."""
    if without > NOTHING:
        return max((without + effect) / without, 0.0)
    return float("inf") if effect > 0 else float(effect == 0)
