"""The analysis of a trial at its planned end, by the unit that was randomised."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.evidence import Design, Estimate, Evidence
from whywin.stats.cluster import Contrast, arm_contrast, intracluster_correlation
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, need_of, scale_of


@dataclass(frozen=True)
class Fixed:
    """Difference of each arm to control, with CR2 standard errors by unit and Satterthwaite degrees of freedom.

    The estimand is the average deal's: units weigh by their deals. Sources: Bell and McCaffrey (2002), Survey Methodology 28,
    169-181; Pustejovsky and Tipton (2018), JBES 36, 672-683.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or the metric of every deal."""
        return need_of(question)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's mean and its difference to control, in percent and points for the win rate."""
        units = by_unit(question, sample)
        arms = arms_of(question, units)
        index = units["arm"].map({arm: place for place, arm in enumerate(arms)}).to_numpy(dtype=np.int64)
        total, size = units["total"].to_numpy(), units["deals"].to_numpy(dtype=float)
        scale, rate_unit, effect_unit, quantity = scale_of(question)
        estimates, rows = [], []
        for place, arm in enumerate(arms):
            deals = int(size[index == place].sum())
            mean = arm_contrast(total, size, index, np.eye(len(arms))[place])
            estimates.append(_estimate(question, quantity, arm, mean, deals, scale, rate_unit))
            rows.append({"arm": arm, "units": int((index == place).sum()), "deals": deals, "degrees": mean.degrees})
            if place:
                effect = arm_contrast(total, size, index, np.eye(len(arms))[place] - np.eye(len(arms))[0])
                both = deals + int(size[index == 0].sum())
                estimates.append(_estimate(question, "effect of assignment", arm, effect, both, scale, effect_unit))
                rows[-1] |= {"degrees": effect.degrees, "p_value": effect.p_value}
        estimates.sort(key=lambda row: row.quantity != "effect of assignment")
        correlation = intracluster_correlation(total, units["squares"].to_numpy(), size, index)
        clustering = pd.DataFrame(
            {
                "units": [len(units)],
                "deals per unit": [float(size.mean())],
                "variation of deals per unit": [float(size.std(ddof=1) / size.mean())],
                "correlation within a unit": [correlation],
            }
        )
        reps = units.assign(rate=scale * units["total"] / units["deals"])[["unit", "arm", "deals", "rate"]]
        return Evidence(tuple(estimates), tables={"arms": pd.DataFrame(rows), "clustering": clustering, "reps": reps})


def _estimate(question: Trial, quantity: str, arm: str, found: Contrast, deals: int, scale: float, unit: str) -> Estimate:
    low, high = (scale * end for end in found.interval(question.level))
    if unit == "percent":
        low, high = max(low, 0.0), min(high, 100.0)
    return Estimate(quantity, f"arm={arm}", scale * found.value, low, high, question.level, deals, unit)  # type: ignore[arg-type]
