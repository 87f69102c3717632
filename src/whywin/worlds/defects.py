"""Defects of data entry, injected where it is known which row has which."""

from typing import Final

import numpy as np
import pandas as pd

from whywin.stats.streams import stream

DEFECTS: Final = (
    "duplicate id",
    "closed before created",
    "unknown outcome label",
    "created missing",
    "negative amount",
    "misspelt region",
)


def inject(table: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table with a share of its rows spoilt, one defect a row, and the list of them (columns row, defect).

    The first six of the rows are spared, so that an id that is used twice has its first use elsewhere.
    """
    count = round(share * len(table))
    if not count:
        return table, pd.DataFrame({"row": pd.Series(dtype="int64"), "defect": pd.Series(dtype="string")})
    rng = stream(seed, "defects")
    rows = np.sort(rng.choice(np.arange(6, len(table)), size=min(count, len(table) - 6), replace=False))
    kinds = np.array(DEFECTS, dtype=object)[rng.integers(len(DEFECTS), size=len(rows))]
    needs_closing = np.isin(kinds, ["closed before created", "created missing"]) & table["closed"].iloc[rows].isna().to_numpy()
    kinds[needs_closing] = "negative amount"
    spoilt = table.copy()
    for kind in DEFECTS:
        _spoil(spoilt, rows[kinds == kind], kind)
    return spoilt, pd.DataFrame({"row": rows, "defect": kinds})


def _spoil(table: pd.DataFrame, rows: np.ndarray, kind: str) -> None:
    at = table.index[rows]
    match kind:
        case "duplicate id":
            table.loc[at, "deal_id"] = table["deal_id"].iloc[rows % 6].to_numpy()
        case "closed before created":
            table.loc[at, "closed"] = table.loc[at, "created"] - pd.Timedelta(days=3)
        case "unknown outcome label":
            table.loc[at, "outcome"] = "Wonn"
        case "created missing":
            table.loc[at, "created"] = pd.NaT
        case "negative amount":
            table.loc[at, "amount"] = -table.loc[at, "amount"]
        case "misspelt region":
            table.loc[at, "region"] = table.loc[at, "region"].astype(str).str.lower()
