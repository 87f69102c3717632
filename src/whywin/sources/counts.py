"""Counts kept between runs: only months whose deals changed are counted anew, and the sums are those of a full count to the last digit.

Cells are kept by the month in which their deals were created, beside a fingerprint of what was counted of that month: the labels, the
outcome and the weight of every closed deal. A run asks the engine for the fingerprints, which is one pass and a row a month, and counts
the months whose fingerprint is new. Deals, won deals and millionths of a weight are whole numbers, so that merging them is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.engine_counts import cells_there
from whywin.deals.fingerprints import BETWEEN, sums, text_there
from whywin.deals.need import Cells
from whywin.sources.writing import write_with

FORM: Final = 2  # of the file; another form is counted anew
HASHED: Final = ("duckdb", "postgres")  # engines whose own hash has 64 bits; elsewhere MD5 is summed
PRINT: Final = "fingerprint"
UNDATED: Final = 0  # the month of deals without a date


@dataclass(frozen=True)
class Kept:
    """A folder of counts.

    Attributes:
        folder: where the files lie, one for each need of a source.
        source: where the deals are, in words without secrets.
        contract: how they are read; deals read another way are counted apart.
    """

    folder: Path
    source: str
    contract: Contract

    def __call__(self, need: Cells, closed: Any, made: Mapping[str, Any]) -> pd.DataFrame:
        """Return the cells of closed deals as `cells_there` does, month by month, and keep them.

        Raises:
            DataError: the folder cannot be written to.
        """
        path = self.folder / f"{self._name(need, closed)}.parquet"
        old = _old(path, [*made, "deals", "won", "part", PRINT])
        cells, changed = refreshed(old, need, closed, made)
        if changed:
            write_with(path, lambda temporary: cells.to_parquet(temporary, index=False))
        return cells.drop(columns=["part", PRINT])

    def _name(self, need: Cells, closed: Any) -> str:
        backend = closed.get_backend()
        said = repr((FORM, self.source, self.contract, need, backend.name, backend.version))
        return sha256(said.encode()).hexdigest()[:16]


def refreshed(old: pd.DataFrame, need: Cells, closed: Any, made: Mapping[str, Any]) -> tuple[pd.DataFrame, tuple[int, ...]]:
    """Return the cells of every month, and the months that were counted anew or are gone.

    Args:
        old: cells with ``part`` (the month, such as 202401) and ``fingerprint``, as an earlier call returned them; no rows at first.
        need: the cells.
        closed: closed deals, as an Ibis table.
        made: the labels that they are counted by.
    """
    part = _part(closed)
    now = _prints(need, closed, made, part)
    before = dict(zip(old["part"], old[PRINT], strict=True)) if len(old) else {}
    changed = sorted(month for month, mark in now.items() if before.get(month) != mark)
    gone = sorted(set(before) - set(now))
    kept = old[~old["part"].isin([*changed, *gone])]
    if not changed:
        return kept.reset_index(drop=True), tuple(gone)
    some = closed if not len(kept) else closed.filter(part.isin(changed))
    fresh = cells_there(need, some, made, part)
    fresh[PRINT] = fresh["part"].map(now)
    return pd.concat([kept, fresh], ignore_index=True), (*changed, *gone)


def _part(closed: Any) -> Any:
    import ibis

    date = next((name for name in ("created", "closed") if name in closed.columns), None)
    if date is None:
        return ibis.literal(UNDATED)
    day = closed[date]
    return (day.year().cast("int64") * 100 + day.month()).fill_null(UNDATED)


def _prints(need: Cells, closed: Any, made: Mapping[str, Any], part: Any) -> dict[int, str]:
    """Return each month's fingerprint: its closed deals' number, and the sum of a hash of what is counted of each."""
    import ibis

    names = [*({need.weight} if need.weight else ()), "won"]
    counted = {f"key_{place}": label for place, label in enumerate(made.values())} | {
        f"of_{name}": closed[name] for name in names
    }
    taken = closed.select(**counted, part=part)
    kind = closed.get_backend().name
    if kind not in HASHED:
        found = sums(taken, sorted(counted), taken["part"])
        return {int(row.part): f"{row.deals} {row.first} {row.second}" for row in found.itertuples()}
    values = {name: taken[name] for name in sorted(counted)}
    # DuckDB hashes values as they are in a quarter of the time that a text of them takes
    number = ibis.struct(values).hash() if kind == "duckdb" else _line(values).hash()
    hashed = taken.select(part=taken["part"], number=number.cast("decimal(38, 0)"))
    found = hashed.group_by("part").aggregate(deals=hashed.count(), total=hashed["number"].sum().cast("string")).to_pandas()
    return {int(row.part): f"{row.deals} {row.total}" for row in found.itertuples()}


def _line(values: Mapping[str, Any]) -> Any:
    import ibis

    return ibis.literal(BETWEEN).join([text_there(value).fill_null("") for value in values.values()])


def _old(path: Path, columns: list[str]) -> pd.DataFrame:
    """Return kept cells; none where there are none, or where the file is not what was written."""
    nothing = pd.DataFrame(columns=columns)
    if not path.is_file():
        return nothing
    try:
        old = pd.read_parquet(path)
    except (OSError, ValueError):  # pyarrow's faults are ValueErrors
        return nothing
    return old if set(columns) <= set(old.columns) else nothing
