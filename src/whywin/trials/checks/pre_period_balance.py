"""Whether the arms were alike before the trial."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Need
from whywin.evidence import Answered, Check
from whywin.stats.cluster import arm_contrast
from whywin.trials.metric import TIMED
from whywin.trials.pre_period import known_before, need_with_before
from whywin.trials.question import Trial
from whywin.trials.units import by_unit


@dataclass(frozen=True)
class PrePeriodBalance:
    """Units that chance assigned were alike before the trial: their own metric, and the columns of `before`, must not differ by arm.

    Each covariate of each arm is compared with control, CR2 by unit, and the smallest p-value is multiplied by their number.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.01
    prior_deals: Annotated[float, Ge(0), doc("how many deals at the mean of all a unit's past is mixed with")] = 5.0

    def need(self, question: Trial) -> Need | None:
        """What was known before, where anything was."""
        return need_with_before(question) if question.start is not None or question.before else None

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check about the whole run; none where nothing is known from before, or the metric cannot be summed."""
        if sample is None or question.primary.kind in {"quantile", *TIMED}:
            return ()
        units = by_unit(question, sample)
        known = known_before(question, sample, units, self.prior_deals)
        found = {}
        for arm in sorted(set(units["arm"]) - {question.control}):
            both = units["arm"].isin([question.control, arm]).to_numpy(dtype=bool)
            treated, cluster = units["arm"][both].eq(arm).to_numpy(dtype=np.int64), units["cluster"][both].to_numpy(dtype=str)
            for name in known:
                values = known.loc[both, name].to_numpy(dtype=float)
                gap = arm_contrast(values, np.ones(len(values)), treated, [-1.0, 1.0], cluster)
                found[name, arm] = gap.p_value, gap.value / float(values.std(ddof=1) or 1.0)
        if not found:
            return ()
        name, arm = min(found, key=lambda key: found[key][0])
        p_value, distance = min(1.0, found[name, arm][0] * len(found)), found[name, arm][1]
        what = f"their {question.metric}" if name == "before" else name
        says = (
            f"Before the trial {question.unit}s of {arm} and {question.control} differed in {what} by {abs(distance):.2f} standard "
            f"deviations, the most of {len(found)} comparison{'s' * (len(found) > 1)} (p = {p_value:.2g})."
        )
        return (Check("pre_period_balance", p_value >= self.alpha, "serious", says, p_value),)
