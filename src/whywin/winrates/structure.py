"""Which effects a model of a question has: its dimensions, which of them cross, and which follow one another in time."""

from dataclasses import dataclass

import pandas as pd

from whywin.deals.derived import PERIODS
from whywin.winrates.pieces import Pieces, pieces_of
from whywin.winrates.question import WinRates

MISSING = "(missing)"


@dataclass(frozen=True)
class Structure:
    """What a hierarchical model is made of.

    Attributes:
        dimensions: the columns whose levels have effects.
        cross: the pairs whose combinations have effects beyond their sum.
        walks: the dimensions whose levels follow one another as a random walk.
        periods: all periods from the first to the last, those without deals too; empty without a walk over periods.
        period: the column of the periods, where there is one.
        overdispersed: whether cells differ beyond what their effects and chance explain.
    """

    dimensions: tuple[str, ...]
    cross: tuple[tuple[str, str], ...] = ()
    walks: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    period: str | None = None
    overdispersed: bool = False

    @property
    def moving(self) -> tuple[str, ...]:
        """The dimensions whose levels may change in their own way from period to period."""
        return tuple(name for pair in self.cross if self.period in pair for name in pair if name != self.period)

    def pieces(self, cells: pd.DataFrame) -> Pieces:
        """Return the model of a table of cells; of weighted counts (``counted``) where there are any."""
        levels = {self.period: self.periods} if self.period and self.periods else {}
        counts = cells
        if "counted" in cells:
            counts = cells.assign(deals=cells["counted"], won=cells["counted_won"])
        return pieces_of(counts, self.dimensions, self.cross, walks=self.walks, levels=levels, overdispersed=self.overdispersed)


def structure_of(
    question: WinRates, cells: pd.DataFrame, *, walk: bool = True, moving: bool = True, overdispersed: bool = False
) -> Structure:
    """Return the structure that a question asks for.

    Args:
        question: what is asked.
        cells: its cells, for the periods that there are.
        walk: whether periods follow one another; where some deals have no period they cannot.
        moving: whether each segment column may change in its own way from period to period.
        overdispersed: whether cells differ beyond their effects.
    """
    period = question.period
    cross = question.cross
    if period and moving:
        cross = (*cross, *((name, period) for name in question.segments if name != period))
    cross = tuple({frozenset(pair): pair for pair in reversed(cross)}.values())[::-1]
    periods: tuple[str, ...] = ()
    if period and walk and not (cells[period] == MISSING).any():
        ends = pd.PeriodIndex([cells[period].min(), cells[period].max()], freq=PERIODS[question.grain])
        periods = tuple(map(str, pd.period_range(*ends)))
    walks = (*((period,) if period and periods else ()), *question.banded)
    return Structure(question.dimensions, cross, walks, periods, period, overdispersed)
