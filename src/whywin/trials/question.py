"""The question of whether what was tried worked, asked of a randomised trial."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
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
    strata: Annotated[
        tuple[str, ...], doc("columns within whose levels the units were randomised; each is the same in all deals of a unit")
    ] = ()
    looks: Annotated[
        tuple[tuple[date, float], ...],
        doc("planned looks, as [date, share of the final information], the last share 1; one look at the end when not given"),
    ] = ()
    look_date: Annotated[str, doc("the date by which a deal falls to a look: it counts from the first look on or after it")] = (
        "closed"
    )
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
            for role, name in self._columns()
            if name not in table.columns and not derivable(name, table.columns)
        ]
        if missing:
            return [*missing, *self._faults_of_plan()]
        closed = with_derived(table[table["won"].notna()], [name for _, name in self._columns()])
        return [
            *self._faults_of_arms(closed),
            *self._faults_of_units(closed),
            *self._faults_of_metric(closed),
            *self._faults_of_strata(closed),
            *self._faults_of_plan(),
            *self._faults_of_dates(closed),
        ]

    def _columns(self) -> Iterator[tuple[str, str]]:
        yield from (("arm", self.arm), ("unit", self.unit), ("metric", self.metric))
        yield from (("strata", name) for name in self.strata)
        if self.looks:
            yield "look_date", self.look_date

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

    def _faults_of_strata(self, closed: pd.DataFrame) -> Iterator[str]:
        taken = sorted({self.unit, self.arm, self.metric} & set(self.strata))
        if taken or len(set(self.strata)) < len(self.strata):
            named = f"{', '.join(taken)} is the question's own" if taken else "a column is named twice"
            yield f"question.strata: {named}; name columns that were known of a {self.unit} when it was assigned, each once"
            return
        levels = closed[[self.unit, self.arm, *self.strata]].dropna(subset=[self.unit, self.arm]).astype("string")
        for name in self.strata:
            pairs = levels[[self.unit, name]].fillna("(missing)").drop_duplicates()
            several = sorted(pairs.loc[pairs[self.unit].duplicated(), self.unit].unique())
            if several:
                yield (
                    f"question.strata: {name} changes within {len(several):,} {self.unit}(s), such as {', '.join(several[:3])}; "
                    f"a stratum is what was known of a {self.unit} when it was assigned"
                )
        if not self.strata:
            return
        there = levels.fillna("(missing)").groupby(list(self.strata))[self.arm].agg(set)
        for arm in sorted(set(levels[self.arm]) - {self.control}):
            if not there.map({arm, self.control}.issubset).any():
                yield f"question.strata: no stratum of {', '.join(self.strata)} has {self.unit}s of both {arm!r} and {self.control!r}"

    def _faults_of_plan(self) -> Iterator[str]:
        shares = [share for _, share in self.looks]
        listed = ", ".join(f"{share:g}" for share in shares)
        if any(not 0 < share <= 1 for share in shares):
            yield f"question.looks: a share of the information must be above 0 and at most 1, got {listed}"
        elif shares and (shares[-1] != 1 or any(later <= earlier for earlier, later in pairwise(shares))):
            yield f"question.looks: the shares of the information must rise from look to look and end at 1, got {listed}"
        if any(later <= earlier for (earlier, _), (later, _) in pairwise(self.looks)):
            yield f"question.looks: the dates must rise from look to look, got {', '.join(str(day) for day, _ in self.looks)}"

    def _faults_of_dates(self, closed: pd.DataFrame) -> Iterator[str]:
        if self.looks and not pd.api.types.is_datetime64_any_dtype(closed[self.look_date]):
            yield f"question.look_date: {self.look_date} must be a date, got {str(closed[self.look_date].iloc[0])!r}; use closed or created"
        elif self.looks and closed[self.look_date].isna().any():
            count = int(closed[self.look_date].isna().sum())
            yield f"question.look_date: {self.look_date} is missing in {count:,} closed deals, which then belong to no look"
