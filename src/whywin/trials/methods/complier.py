"""The effect of a treatment that not every deal of an assigned unit got."""

from dataclasses import dataclass
from math import isinf
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Gt, doc

from whywin.deals.need import Columns, Need
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.cluster import Contrast
from whywin.stats.complier import complier
from whywin.trials.period import as_number, dates_of, of_trial
from whywin.trials.question import Trial
from whywin.trials.units import by_unit, scale_of, sums_only, valued


@dataclass(frozen=True)
class Complier:
    """Effect of assignment first, then of the treatment itself on the deals that got it because they were assigned to it.

    Two-stage least squares on deals with assignment as the instrument, CR2 by unit; the interval is Anderson and Rubin's, which holds
    however few of the assigned deals are treated. It supposes that assignment works through the treatment only. Sources: Angrist, Imbens
    and Rubin (1996), JASA 91, 444-455; Anderson and Rubin (1949), Annals of Mathematical Statistics 20, 46-63.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    fewest_strength: Annotated[float, Gt(0), doc("the instrument is called weak when its F statistic is below this")] = 10.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question lacks."""
        found = sums_only(question, "complier")
        if question.primary.kind == "ratio":
            found.append("the primary metric is a ratio, and complier needs one value a deal; use fixed")
        if question.treated is None:
            found.append("it needs question.treated, the column that says which deals were treated")
        return found

    def need(self, question: Trial) -> Need:
        """The metric and the treatment of every deal."""
        names = (question.arm, question.unit, question.independent, *question.primary.columns, str(question.treated))
        return Columns(tuple(dict.fromkeys((*names, *dates_of(question)))))

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return effects of assignment, shares that it treats, effects of treatment, and a check of each instrument.

        Raises:
            QuestionError: assignment moves the treatment so little that the interval has no ends.
        """
        rows = valued(of_trial(question, sample), question.primary)
        taken = as_number(rows[str(question.treated)]).groupby(rows[question.unit].astype("string")).sum()
        units = by_unit(question, sample)
        units = units.assign(taken=units["unit"].map(taken).astype(float))
        scale, _, unit, _ = scale_of(question)
        estimates, checks, faults = [], [], []
        for arm in sorted(set(units["arm"]) - {question.control}):
            part = units[units["arm"].isin([question.control, arm])]
            total, treated, size = (part[name].to_numpy(dtype=float) for name in ("total", "taken", "deals"))
            found = complier(total, treated, size, part["arm"].eq(arm), part["cluster"].to_numpy(dtype=str))
            n, segment = int(size.sum()), f"arm={arm}"
            estimates.append(_row(question, "effect of assignment", segment, found.outcome, scale, n, unit))
            estimates.append(_row(question, "share treated by assignment", segment, found.treatment, 100.0, n, "points"))
            low, high = found.interval(question.level)
            checks.append(self._strength(question, arm, found.strength, found.treatment))
            if isinf(low) or isinf(high):
                faults.append(self._no_ends(question, arm, found.treatment))
                continue
            row = (scale * found.value, scale * min(low, found.value), scale * max(high, found.value), question.level, n, unit)
            estimates.append(Estimate("effect of delivery", segment, *row))
        if faults:
            raise QuestionError(faults)
        return Evidence(tuple(estimates), tuple(checks))

    def _strength(self, question: Trial, arm: str, strength: float, moved: Contrast) -> Check:
        says = (
            f"Assignment to {arm} raises the share of deals with {question.treated} by {100 * moved.value:.1f} points "
            f"(F = {min(strength, 9999):.0f}, needed {self.fewest_strength:g})."
        )
        return Check("weak_instrument", strength >= self.fewest_strength, "serious", says, min(strength, 1e9))

    def _no_ends(self, question: Trial, arm: str, moved: Contrast) -> str:
        return (
            f"complier: assignment to {arm} changes the share of deals with {question.treated} by {100 * moved.value:.1f} points, too little "
            f"to tell what the treatment itself does at level {question.level:g}; use fixed"
        )


def _row(question: Trial, quantity: str, segment: str, found: Contrast, scale: float, n: int, unit: str) -> Estimate:
    low, high = (scale * end for end in found.interval(question.level))
    return Estimate(quantity, segment, scale * found.value, low, high, question.level, n, unit)  # type: ignore[arg-type]
