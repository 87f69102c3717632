"""The analysis of a trial that may be looked at whenever one likes, by the unit that was randomised."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, doc
from scipy.stats import norm
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.evidence import Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.cluster import arm_contrast
from whywin.stats.confidence_sequence import asymptotic_p_value, multiplier
from whywin.trials.question import Trial
from whywin.trials.units import need_of, pairs_of, scale_of, sums_only


@dataclass(frozen=True)
class Anytime:
    """Difference of each arm to control, with an asymptotic confidence sequence whose observations are the units.

    It needs no plan of looks and pays for that with width. Its scale is tuned to the number of units: tuned to 5,000, as is
    usual for customers, it would be three times as wide with 40 reps. The sequence is asymptotic in units; what repeated looks
    at the same units do is held by the experiment `peeking`. The multiplier is carried from the normal to Student's
    distribution with CR2's degrees of freedom. Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), Time-uniform
    central limit theory and asymptotic confidence sequences, arXiv 2103.06476.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    looks: ClassVar[Literal["one", "several"]] = "several"
    tuning: Annotated[
        int | None, Ge(2), doc("number of units at which the sequence is narrowest; those that there are when not given")
    ] = None

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question asks that it cannot tell."""
        return sums_only(question, "anytime")

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or the metric of every deal."""
        return need_of(question, *question.dealt_by)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's difference to control, in points for the win rate, and the table ``sequences``."""
        scale, _, unit, _ = scale_of(question)
        alpha = 1 - question.level
        estimates, rows = [], []
        for pair in pairs_of(question, sample):
            units = len(set(pair.cluster))
            effect = arm_contrast(pair.total, pair.size, pair.treated, [-1.0, 1.0], pair.cluster)
            reach = multiplier(units, alpha, self.tuning or units)
            half = scale * float(student.isf(norm.sf(reach), effect.degrees)) * effect.standard_error
            value = scale * effect.value
            low, high = value - half, value + half
            if unit == "points":
                low, high = max(low, -100.0), min(high, 100.0)
            estimates.append(
                Estimate("effect of assignment", f"arm={pair.arm}", value, low, high, question.level, pair.deals, unit)
            )
            z = float(norm.isf(max(effect.p_value / 2, 1e-300)))
            p_value = asymptotic_p_value(z, units, alpha, self.tuning or units)
            rows.append({"arm": pair.arm, "p_value": p_value, "multiplier": reach, "degrees": effect.degrees})
        return Evidence(tuple(estimates), tables={"sequences": pd.DataFrame(rows)})
