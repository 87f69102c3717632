"""The question of where deals are won."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc

from whywin.settings import check_settings
from whywin.winrates.fit import faulty_crosses, faulty_periods, unfit_outcomes, unfit_segments, unknown_columns


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
        """Every column that splits the deals: segments, rep, period."""
        return tuple(dict.fromkeys((*self.segments, *filter(None, (self.rep, self.period)))))

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        columns, crosses, periods = unknown_columns(self, table), faulty_crosses(self), faulty_periods(self, table)
        return [*columns, *crosses, *periods, *unfit_outcomes(table), *unfit_segments(self, table)]
