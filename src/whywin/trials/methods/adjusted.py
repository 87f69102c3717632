"""The analysis of a trial adjusted for what was known of the units before it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Need
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.before_after import adjusted_contrast
from whywin.stats.cluster import arm_contrast
from whywin.stats.ratios import cuped
from whywin.trials.pre_period import known_before, need_with_before
from whywin.trials.question import Trial
from whywin.trials.units import by_unit, scale_of, sums_only


@dataclass(frozen=True)
class Adjusted:
    """Difference of each arm to control, adjusted at the level of the unit for what was known before, with CR2 errors.

    The covariates are the unit's own metric before the trial (deals created and closed before `start`, drawn towards the mean of all
    as far as the unit had few deals) and the means of the columns of `before`. Adjusting deal by deal would take a unit's past for many
    independent facts. Sources: Deng, Xu, Kohavi and Walker (2013), Improving the sensitivity of online controlled experiments by
    utilizing pre-experiment data, WSDM; Lin (2013), Annals of Applied Statistics 7, 295-318, for slopes of each arm's own.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    slopes: Annotated[
        Literal["shared", "by_arm"],
        doc("one slope for all arms (CUPED), or one an arm (Lin), which is safer with unequal arms and costs degrees of freedom"),
    ] = "shared"
    prior_deals: Annotated[
        float, Ge(0), doc("how many deals at the mean of all a unit's past is mixed with, so that few deals count little")
    ] = 5.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question lacks."""
        found = sums_only(question, "adjusted")
        if question.start is None and not question.before:
            found.append(
                "nothing is known from before the trial; give question.start, or columns in question.before, or use fixed"
            )
        return found

    def need(self, question: Trial) -> Need:
        """The metric of every deal, and what was known before."""
        return need_with_before(question)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's adjusted difference to control, and the table ``adjustment``.

        Raises:
            QuestionError: there are too few units to adjust for so many covariates.
        """
        scale, _, unit, _ = scale_of(question)
        units = by_unit(question, sample)
        known = known_before(question, sample, units, self.prior_deals)
        estimates, rows = [], []
        for arm in sorted(set(units["arm"]) - {question.control}):
            both = units["arm"].isin([question.control, arm]).to_numpy(dtype=bool)
            part, before = units[both], known.loc[both].to_numpy(dtype=float)
            total, size = part["total"].to_numpy(dtype=float), part["size"].to_numpy(dtype=float)
            treated, cluster = part["arm"].eq(arm).to_numpy(dtype=bool), part["cluster"].to_numpy(dtype=str)
            try:
                found = adjusted_contrast(total, size, treated, before, interacted=self.slopes == "by_arm", clusters=cluster)
            except ValueError as error:
                raise QuestionError(
                    f"adjusted: in arm {arm} {error}; give fewer columns in question.before, or use fixed"
                ) from None
            plain = arm_contrast(total, size, treated.astype(np.int64), [-1.0, 1.0], cluster)
            low, high = (scale * end for end in found.interval(question.level))
            row = (scale * found.value, low, high, question.level, int(part["deals"].sum()), unit)
            estimates.append(Estimate("effect of assignment", f"arm={arm}", *row))
            rows.append(
                {
                    "arm": arm, "units": len(part), "covariates": before.shape[1],
                    "correlation": cuped(total / size, before[:, 0]).correlation, "p_value": found.p_value, "degrees": found.degrees,
                    "error": scale * found.standard_error, "error_unadjusted": scale * plain.standard_error,
                }
            )  # fmt: skip
        table = pd.DataFrame(rows)
        return Evidence(tuple(estimates), (_gain(table),), {"adjustment": table})


def _gain(table: pd.DataFrame) -> Check:
    """Say what the adjustment was worth."""
    ratio = float((table["error_unadjusted"] / table["error"]).mean())
    worth = "as many" if abs(ratio**2 - 1) < 0.05 else f"{ratio**2:.1f} times as many"  # noqa: PLR2004 - a twentieth more is none
    says = f"Adjusted for what was known before, the trial tells as much as one with {worth} units that is not."
    return Check("adjustment", ratio >= 1, "note", says, ratio)
