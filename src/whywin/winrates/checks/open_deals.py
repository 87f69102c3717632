"""Whether deals that are still open could turn the answer."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Le, doc

from whywin.deals.need import Columns
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.winrates.question import WinRates

FORECAST: Final = "final win rate"  # what a method that accounts for open deals answers with


@dataclass(frozen=True)
class OpenDeals:
    """Few deals of the current periods are still open: those that closed early are not like the rest, which are not counted.

    Without current periods the latest period is looked at. By closing date a period holds no open deals, but the quick wins and
    losses of young deals all the same, so the share of open deals among all is told.
    """

    most_percent: Annotated[float, Ge(0), Le(100), doc("percent of the current periods' deals that may still be open")] = 5.0
    serious_percent: Annotated[float, Ge(0), Le(100), doc("above this percent a comparison of periods is not to be trusted")] = (
        20.0
    )

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Columns | None:
        """Outcome and period of every deal, open ones too; nothing without time."""
        return Columns(("won", question.period), closed_only=False) if question.period else None

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check of the deals: whether they are few, or the answer forecasts how they end."""
        del rng
        if sample is None or sample[question.period].dropna().empty:
            return ()
        looked_at, inside = _looked_at(question, sample)
        is_open = sample.loc[inside, "won"].isna()
        percent = 100 * float(is_open.mean())
        count = f"{int(is_open.sum()):,} of the {len(is_open):,} deals {looked_at} are still open ({percent:.1f} %)"
        if percent <= self.most_percent:
            few = f"{count}, too few to turn the answer."
            return (Check("open_deals", passed=True, severity="note", says=few, value=percent),)
        if answers and any(estimate.quantity == FORECAST for estimate in answers[0].evidence.estimates):
            says = f"{count}; the answer forecasts how they end."
            return (Check("open_deals", passed=True, severity="note", says=says, value=percent),)
        compared = bool(question.baseline and question.current)
        serious = compared and percent > self.serious_percent
        says = f"{count} and not accounted for: deals that close early are not like the rest, so these rates may be too high or too low."
        return (Check("open_deals", passed=False, severity="serious" if serious else "note", says=says, value=percent),)


def _looked_at(question: WinRates, sample: pd.DataFrame) -> tuple[str, pd.Series]:
    period = sample[question.period]
    if question.time == "closed":
        return "in the table", pd.Series(True, index=sample.index)  # noqa: FBT003 - the value itself
    current = question.current or (str(period.dropna().max()),)
    return f"created in {', '.join(current)}", period.isin(current)
