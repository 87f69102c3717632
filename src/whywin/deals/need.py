"""What a method says it needs of the deals, as data: the orchestrator reads it once, the method never fetches."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from whywin.deals.derived import sources_of, with_derived
from whywin.errors import QuestionError

SMALL: Final = 100  # a band's edge below this is written with its decimals


@dataclass(frozen=True)
class Columns:
    """These columns of every deal, one row a deal, in the table's order.

    `closed_only` leaves out deals that are still open (``won`` missing).
    """

    names: tuple[str, ...]
    closed_only: bool = True

    def sample(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the needed part of a deal table with a fresh 0…n-1 index."""
        names = list(dict.fromkeys(self.names))
        rows = table[
            list(dict.fromkeys(own for name in names for own in sources_of(name, table.columns)))
        ]  # no others are copied
        closed = table["won"].notna()
        if self.closed_only and not closed.all():
            rows = rows[closed]
        return with_derived(rows, names)[names].reset_index(drop=True)


@dataclass(frozen=True)
class Cells:
    """Counts of closed deals and of won deals in every non-empty combination of these columns.

    A missing label is a level of its own, named ``(missing)``; so is a missing number of a banded column.

    Attributes:
        by: the columns.
        banded: those of them that are numbers, to be cut at the quantiles of the closed deals into `bands` bands.
        bands: how many.
        weight: a column of numbers (an amount) to be summed beside the counts; missing ones count as nothing.
        half_life: days after which a deal counts half, before the latest date of `date`; None where all count alike.
        date: the date that a deal's age is reckoned from.
    """

    by: tuple[str, ...]
    banded: tuple[str, ...] = ()
    bands: int = 5
    weight: str | None = None
    half_life: float | None = None
    date: str | None = None

    def sample(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return one row a cell, sorted by `by`: its columns as strings, then ``deals`` and ``won`` as integers.

        With a weight also ``weight`` and ``weight_won``, its sums over closed and over won deals; with a half-life also
        ``counted`` and ``counted_won``, the deals with each counted by its age.
        """
        taken = {"deals", "won", "weight", "weight_won", "counted", "counted_won"} & set(self.by)
        if taken:
            raise QuestionError(
                f"the deals cannot be split by {', '.join(sorted(taken))}, the name of a count: rename the column"
            )
        rows = with_derived(table[table["won"].notna()], self.by)
        summed = self._summed(rows)
        if not self.by:
            return pd.DataFrame({name: [values.sum()] for name, values in summed.items()}).astype({"deals": int, "won": int})
        keys = {name: self._labels(rows[name], name) for name in self.by}
        cells = pd.DataFrame({**keys, **summed}).groupby(list(self.by), observed=True, sort=True)[list(summed)].sum()
        return cells.astype({"deals": int, "won": int}).reset_index()

    def _labels(self, values: pd.Series, name: str) -> pd.Series:
        return (banded(values, self.bands) if name in self.banded else values.astype("string")).fillna("(missing)")

    def _summed(self, rows: pd.DataFrame) -> dict[str, pd.Series]:
        won = rows["won"].astype(float)
        summed = {"deals": pd.Series(1, index=rows.index), "won": won}
        if self.weight:
            weight = rows[self.weight].astype(float).fillna(0.0)
            summed |= {"weight": weight, "weight_won": weight * won}
        if self.half_life and self.date:
            age = (rows[self.date].max() - rows[self.date]).dt.total_seconds() / 86_400
            counted = 0.5 ** (age / self.half_life)
            summed |= {"counted": counted.fillna(0.0), "counted_won": (counted * won).fillna(0.0)}
        return summed


def banded(values: pd.Series, bands: int) -> pd.Series:
    """Return numbers as labels of bands that hold equally many: "1: to 1,200", "2: 1,200 to 3,400", …, in order when sorted."""
    return cut(values, edges_of(values, bands))


def edges_of(values: pd.Series, bands: int) -> tuple[float, ...]:
    """Return the numbers at which bands that hold equally many meet, rising."""
    return tuple(np.unique(values.astype(float).quantile(np.linspace(0, 1, bands + 1)[1:-1]).to_numpy()).tolist())


def cut(values: pd.Series, edges: tuple[float, ...]) -> pd.Series:
    """Return numbers as labels of the bands that meet at these edges; a number at an edge belongs to the band below it."""
    number = values.astype(float)
    ends = [f"{edge:,.4g}" if abs(edge) < SMALL else f"{edge:,.0f}" for edge in edges]
    labels = [f"{first} to {last}" for first, last in pairwise(ends)]
    names = [f"to {ends[0]}", *labels, f"over {ends[-1]}"] if ends else ["any"]
    width = len(str(len(names)))
    codes = np.searchsorted(np.array(edges), number.to_numpy(), side="left")
    found = pd.Series(
        [f"{code + 1:0{width}d}: {names[code]}" if code < len(names) else None for code in codes], index=values.index
    )
    return found.where(number.notna()).astype("string")


Need = Columns | Cells
