"""The question of whether what was tried worked, asked of a randomised trial."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.derived import derivable, with_derived
from whywin.errors import nearest
from whywin.settings import check_settings

FEWEST_UNITS = 2


@dataclass(frozen=True)
class Trial:
    """Did what we tried work?"""

    arm: Annotated[str, doc("the column that says which arm a deal's unit was assigned to")]
    control: Annotated[str, doc("the label of the arm that everything is compared with")]
    unit: Annotated[str, doc("the column that was randomised, such as rep: deals of one unit are not independent")]
    metric: Annotated[str, doc("the column that the trial is judged by; won is the win rate in points")] = "won"
    shares: Annotated[
        tuple[tuple[str, float], ...], doc("planned share of units by arm, as [arm, share]; equal shares when not given")
    ] = ()
    margin: Annotated[float, Ge(0), doc("an effect smaller than this, in points or the metric's unit, is of no interest")] = 0.0
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def planned(self, arms: list[str]) -> list[float]:
        """Return the planned share of each arm."""
        given = dict(self.shares)
        return [given.get(arm, 1 / len(arms)) for arm in arms]

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        missing = [
            f"question.{role}: the deals have no column {name!r}{nearest(name, table.columns)}"
            for role, name in (("arm", self.arm), ("unit", self.unit), ("metric", self.metric))
            if name not in table.columns and not derivable(name, table.columns)
        ]
        if missing:
            return missing
        closed = with_derived(table[table["won"].notna()], (self.arm, self.unit, self.metric))
        return [*self._faults_of_arms(closed), *self._faults_of_units(closed), *self._faults_of_metric(closed)]

    def _faults_of_arms(self, closed: pd.DataFrame) -> Iterator[str]:
        arms = sorted(closed[self.arm].dropna().astype(str).unique())
        empty = int(closed[self.arm].isna().sum())
        if empty:
            yield f"question.arm: {self.arm} is missing in {empty:,} closed deals; leave out deals that were in no arm before the export"
        if self.control not in arms:
            yield f"question.control: no deal is in an arm {self.control!r}{nearest(self.control, arms)}; there are {', '.join(arms)}"
        if len(arms) == 1:
            yield f"question.arm: all deals are in one arm, {arms[0]!r}; a comparison needs two"
        shares = dict(self.shares)
        if shares and (set(shares) != set(arms) or abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values()) <= 0):  # noqa: PLR2004
            yield f"question.shares: must name each arm ({', '.join(arms)}) with positive shares that sum to 1, got {shares}"

    def _faults_of_units(self, closed: pd.DataFrame) -> Iterator[str]:
        empty = int(closed[self.unit].isna().sum())
        if empty:
            yield f"question.unit: {self.unit} is missing in {empty:,} closed deals; the unit of randomisation must be known"
        pairs = closed[[self.unit, self.arm]].dropna().astype(str).drop_duplicates()
        both = pairs.loc[pairs[self.unit].duplicated(), self.unit].unique()
        if len(both):
            named = ", ".join(sorted(both)[:3])
            yield f"question.unit: {len(both):,} {self.unit}(s) have deals in more than one arm, such as {named}; name the unit that was randomised"
        else:
            for arm, count in pairs.groupby(self.arm).size().items():
                if count < FEWEST_UNITS:
                    yield f"question.unit: arm {arm!r} has {count} {self.unit}; its noise cannot be told with fewer than {FEWEST_UNITS}"

    def _faults_of_metric(self, closed: pd.DataFrame) -> Iterator[str]:
        values = closed[self.metric]
        if not pd.api.types.is_numeric_dtype(values):
            yield f"question.metric: {self.metric} must be a number, got labels such as {str(values.dropna().iloc[0])!r}"
        elif not values.notna().any():
            yield f"question.metric: {self.metric} is missing in every closed deal"
        elif (values.dropna() == values.dropna().iloc[0]).all():
            yield f"question.metric: {self.metric} is {values.dropna().iloc[0]:g} in every closed deal; there is nothing to compare"
