"""The question of where deals are won."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc

from whywin.deals.need import Cells
from whywin.settings import check_settings
from whywin.winrates.fit import (
    faulty_crosses,
    faulty_periods,
    too_many_combinations,
    unfit_amounts,
    unfit_outcomes,
    unfit_segments,
    unknown_columns,
)


@dataclass(frozen=True)
class WinRates:
    """Where do we win, and did it really move?"""

    segments: Annotated[tuple[str, ...], MinLen(1), doc("columns whose levels are compared, such as region or industry")]
    cross: Annotated[
        tuple[tuple[str, str], ...], doc("pairs of segment columns whose combinations may differ beyond their sum")
    ] = ()
    rep: Annotated[str | None, doc("the column of who owns the deal; none when reps are not to be told apart")] = None
    time: Annotated[
        Literal["created", "closed"] | None,
        doc("the date that puts a deal into a period; created avoids most censoring"),
    ] = None
    grain: Annotated[Literal["month", "quarter", "year"], doc("the length of a period")] = "quarter"
    baseline: Annotated[tuple[str, ...], doc("the periods to compare with, such as 2023Q3; needs time")] = ()
    current: Annotated[tuple[str, ...], doc("the periods in question, such as 2023Q4; needs time")] = ()
    covariates: Annotated[
        tuple[str, ...],
        doc("columns of numbers known when a deal is created, such as amount: compared by bands that hold equally many"),
    ] = ()
    weight: Annotated[
        str | None, doc("a column of amounts: win rates are also told weighted by it, as the share of the money that was won")
    ] = None
    margin: Annotated[float, Ge(0), doc("a difference smaller than this, in points, is of no interest")] = 1.0
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    @property
    def period(self) -> str | None:
        """The derived column that holds a deal's period, or None without time."""
        return f"{self.time}_{self.grain}" if self.time else None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every column that splits the deals: segments, rep, period, and the bands of amounts."""
        return tuple(dict.fromkeys((*self.segments, *filter(None, (self.rep, self.period)), *self.banded)))

    @property
    def banded(self) -> tuple[str, ...]:
        """Columns of numbers that are cut into bands; a weight is one, since large deals may be won less often."""
        return tuple(dict.fromkeys((*self.covariates, *filter(None, (self.weight,)))))

    @property
    def cells(self) -> Cells:
        """Counts of deals by every dimension."""
        return Cells(self.dimensions, banded=self.banded, weight=self.weight)

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        columns, crosses, periods = unknown_columns(self, table), faulty_crosses(self), faulty_periods(self, table)
        amounts, combinations = unfit_amounts(self, table), too_many_combinations(self, table)
        return [*columns, *crosses, *periods, *unfit_outcomes(table), *unfit_segments(self, table), *amounts, *combinations]
