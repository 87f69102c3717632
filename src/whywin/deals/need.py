"""What a method says it needs of the deals, as data: the orchestrator reads it once, the method never fetches."""

from dataclasses import dataclass

import pandas as pd

from whywin.deals.derived import with_derived
from whywin.errors import QuestionError


@dataclass(frozen=True)
class Columns:
    """These columns of every deal, one row a deal, in the table's order.

    `closed_only` leaves out deals that are still open (``won`` missing).
    """

    names: tuple[str, ...]
    closed_only: bool = True

    def sample(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the needed part of a deal table with a fresh 0…n-1 index."""
        rows = table[table["won"].notna()] if self.closed_only else table
        return with_derived(rows, self.names)[list(dict.fromkeys(self.names))].reset_index(drop=True)


@dataclass(frozen=True)
class Cells:
    """Counts of closed deals and of won deals in every non-empty combination of these columns.

    A missing label is a level of its own, named ``(missing)``.
    """

    by: tuple[str, ...]

    def sample(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return one row a cell: the columns of `by` as strings, then ``deals`` and ``won`` as integers, sorted by `by`."""
        taken = {"deals", "won"} & set(self.by)
        if taken:
            raise QuestionError(
                f"the deals cannot be split by {', '.join(sorted(taken))}, the name of a count: rename the column"
            )
        rows = with_derived(table[table["won"].notna()], self.by)
        if not self.by:
            return pd.DataFrame({"deals": [len(rows)], "won": [int(rows["won"].sum())]})
        keys = {name: rows[name].astype("string").fillna("(missing)") for name in self.by}
        cells = rows.assign(**keys).groupby(list(self.by), observed=True, sort=True)["won"].agg(["size", "sum"])
        return cells.rename(columns={"size": "deals", "sum": "won"}).astype(int).reset_index()


Need = Columns | Cells
