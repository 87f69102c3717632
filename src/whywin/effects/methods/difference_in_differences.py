"""What changed where something was adopted, beyond what changed where it was not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, doc
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.adopting import Adjustment, Adopting, adopting, by_time, need_of_adoption
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.staggered import NEVER, Form, GroupTime, Mean, band, group_times, mean_of
from whywin.stats.two_way import two_way


@dataclass(frozen=True)
class DifferenceInDifferences:
    """The effect on the deals of groups that adopted, where groups may adopt at different times.

    Each cohort (the groups that adopt in a period) is compared in each period with groups that have not adopted, from before to after; the
    effects are then averaged over the treated deals, so that no early adopter ever serves as a control. With one cohort and two periods it is
    the classic difference of two differences. It rests on parallel trends: without adoption both would have changed alike (given what is
    adjusted for). Errors are clustered by the adopting group, scaled for few groups, with Welch's degrees of freedom; the intervals by time
    since adoption hold all at once. Deals created before their group's day within the period of adoption are left out.
    Sources: Callaway and Sant'Anna (2021), Journal of Econometrics 225, 200-230; Sant'Anna and Zhao (2020), Journal of Econometrics 219,
    101-122.
    """

    adjustment: Annotated[Adjustment, doc("how confounders are adjusted for, where the question names any")] = "doubly_robust"
    controls: Annotated[Literal["never", "not_yet"], doc("groups that never adopt, or all that have not adopted yet")] = "not_yet"
    before: Annotated[
        Literal["last", "all"],
        doc("compare with the last period before adoption, or with all of them: more precise, and trusts trends longer"),
    ] = "last"
    draws: Annotated[int, Ge(99), doc("draws of the multiplier bootstrap for intervals that hold all at once")] = 1999
    design: ClassVar[Design] = "natural"
    requires: ClassVar[tuple[str, ...]] = ("pre_trends",)

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say what the question lacks."""
        lacking = [] if question.adopted else ["the question names no group and adopted; add them, or leave this method out"]
        if question.estimand != "treated":
            lacking.append(f"tells the effect on the treated, and the question asks for {question.estimand}; ask for treated")
        return lacking

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, the groups, and their days of adoption."""
        return need_of_adoption(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect on the treated deals, the same by time since adoption, and the effects by cohort and period.

        Raises:
            QuestionError: no cohort can be compared.
        """
        deals, cells = self.cells(question, sample)
        after = tuple(cell for cell in cells if cell.since >= 0)
        if not after:
            raise QuestionError(
                f"adopted: no {question.period} has two groups or more that adopt in it, with deals before and after and controls; compare by a longer period"
            )
        times = by_time(deals.given, cells)
        later = {since: one for since, one in times.items() if since >= 0}
        reach = dict(zip(later, band(tuple(later.values()), question.level, rng, self.draws), strict=True))
        tables = {
            "event_study": _event_study(question, deals, times, reach, cells),
            "group_time": _group_time(question, deals, cells),
            "two_way": _two_way(question, deals),
        }
        rows = (_estimate(question, deals, mean_of(deals.given, after)), *_by_time(question, deals, later, reach))
        return Evidence(rows, tuple(_remarks(question, deals, cells)), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units."""
        deals, cells = self.cells(question, sample)
        return deals.comparison.scale * mean_of(deals.given, [cell for cell in cells if cell.since >= 0]).value

    def cells(self, question: Effect, sample: pd.DataFrame) -> tuple[Adopting, tuple[GroupTime, ...]]:
        """Return the deals by group and period, and the effect on each cohort in each of them."""
        deals = adopting(question, sample, self.adjustment)
        form: Form = "outcome_regression" if self.adjustment == "outcome_regression" else "doubly_robust"
        return deals, group_times(deals.given, form, self.controls, self.before)


def _estimate(question: Effect, deals: Adopting, mean: Mean) -> Estimate:
    value, low, high = (deals.comparison.scale * number for number in (mean.value, *mean.interval(question.level)))
    return Estimate(question.quantity, "all", value, low, high, question.level, mean.observations, deals.comparison.unit)


def _by_time(question: Effect, deals: Adopting, later: dict[int, Mean], reach: dict[int, float]) -> Iterator[Estimate]:
    """Yield the effect by time since adoption; its intervals hold all at once."""
    scale, unit = deals.comparison.scale, deals.comparison.unit
    for since, one in later.items():
        half = reach[since] * one.error
        ends = (scale * (one.value - half), scale * (one.value + half))
        segment = f"{question.period}s_since_adoption={since}"
        yield Estimate(question.quantity, segment, scale * one.value, *ends, question.level, one.observations, unit)


def _event_study(
    question: Effect, deals: Adopting, times: dict[int, Mean], reach: dict[int, float], cells: tuple[GroupTime, ...]
) -> pd.DataFrame:
    scale, rows = deals.comparison.scale, []
    for since, one in times.items():
        low, high = one.interval(question.level)
        half = reach.get(since, np.nan) * one.error
        rows.append(
            {
                "since": since,
                "effect": scale * one.value,
                "low": scale * low,
                "high": scale * high,
                "band_low": scale * (one.value - half),
                "band_high": scale * (one.value + half),
                "cohorts": sum(cell.since == since for cell in cells),
                "deals": one.observations,
            }
        )
    return pd.DataFrame(rows)


def _group_time(question: Effect, deals: Adopting, cells: tuple[GroupTime, ...]) -> pd.DataFrame:
    scale, rows = deals.comparison.scale, []
    for cell in cells:
        mean = mean_of(deals.given, [cell])
        low, high = mean.interval(question.level)
        effect = {"effect": scale * cell.value, "low": scale * low, "high": scale * high, "deals": cell.observations}
        rows.append({"cohort": deals.label(cell.cohort), "period": deals.label(cell.period), "since": cell.since, **effect})
    return pd.DataFrame(rows)


def _two_way(question: Effect, deals: Adopting) -> pd.DataFrame:
    """Return what two-way fixed effects would say, for those who know it from elsewhere, and how far it uses treated deals as controls."""
    found, scale = two_way(deals.given), deals.comparison.scale
    half = float(student.ppf(0.5 + question.level / 2, max(len(deals.given.cohort) - 1, 1))) * found.error
    ends = {"low": scale * (found.value - half), "high": scale * (found.value + half)}
    return pd.DataFrame([{"effect": scale * found.value, **ends, "negative": 100 * found.negative}])


def _remarks(question: Effect, deals: Adopting, cells: tuple[GroupTime, ...]) -> Iterator[Check]:
    """Say whose effect is not told: of groups alone in their period, of those that adopted before the first, and of days in between."""
    given = deals.given
    told = {cell.cohort for cell in cells if cell.since >= 0}
    untold = int(((given.cohort != NEVER) & ~np.isin(given.cohort, list(told))).sum())
    says = (
        f"The effect is that on {int(np.isin(given.cohort, list(told)).sum())} of {len(given.cohort)} groups; {untold} that adopted are left out, "
        f"being alone in their {question.period} or without deals before or controls, and {deals.partly:,} deals created in the {question.period} of "
        "adoption before its day."
    )
    yield Check("cohorts", untold == 0, "note", says, float(untold))
