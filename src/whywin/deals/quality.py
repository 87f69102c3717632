"""How good a deal table is, by dimension."""

from collections.abc import Container, Mapping
from typing import Final

import numpy as np
import pandas as pd

from whywin.deals.contract import STANDARD, Contract
from whywin.deals.patterns import patterns
from whywin.deals.rules import Typed
from whywin.deals.table import Quality

DIMENSIONS: Final = ("completeness", "validity", "uniqueness", "consistency", "timeliness")
STALE: Final = 0.99  # an open deal older than this quantile of closed deals' cycles is stale


def quality_of(understood: Typed, cases: pd.DataFrame, contract: Contract, copies: int = 0) -> Quality:
    """Score a table as it came, before any row is left out.

    Each dimension is the share of the rows (completeness: of the cells) without a fault, in percent; the score is their mean.
    """
    table = understood.table
    rows = len(table)
    scores = {name: 100 * (1 - cases.loc[cases["dimension"] == name, "row"].nunique() / rows) for name in DIMENSIONS}
    says = {name: _says(cases[cases["dimension"] == name], rows) for name in DIMENSIONS}
    scores["completeness"], says["completeness"] = _completeness(understood)
    late, told = scores["timeliness"], says["timeliness"]
    scores["timeliness"], says["timeliness"] = _timeliness(table, contract)
    if late < 100:  # noqa: PLR2004 - rows that are later than the export
        scores["timeliness"] = float(np.nanmin([late, scores["timeliness"]]))
        says["timeliness"] = f"{told} {says['timeliness']}"
    twins = int(_described(table).duplicated().sum())
    if twins and "deal_id" not in understood.raw:  # with an id, two deals may well be alike
        scores["uniqueness"] = min(scores["uniqueness"], 100 * (1 - twins / rows))
        says["uniqueness"] += f" {twins:,} rows are alike and have no id to tell them apart."
    if copies:
        says["uniqueness"] += f" {copies:,} rows alike in every column were counted once."
    dimensions = pd.DataFrame(
        {"dimension": DIMENSIONS, "score": [scores[n] for n in DIMENSIONS], "says": [says[n] for n in DIMENSIONS]}
    )
    return Quality(float(dimensions["score"].mean()), dimensions, patterns(table, twins))


def _described(table: pd.DataFrame) -> pd.DataFrame:
    """What tells deals apart other than the id and what follows from the outcome."""
    return table.drop(columns=["deal_id", "won"])


def _says(cases: pd.DataFrame, rows: int) -> str:
    if not len(cases):
        return f"No fault in {rows:,} rows."
    kinds = (cases["column"] + " " + cases["says"]).value_counts()
    listed = "; ".join(f"{kind}: {count:,}" for kind, count in kinds.head(3).items())
    return f"{cases['row'].nunique():,} of {rows:,} rows have a fault ({listed})."


def _completeness(understood: Typed) -> tuple[float, str]:
    table = understood.table
    filled = {
        name: float(table[name].notna().mean())
        for name in table.columns
        if name not in {"won", "closed", "outcome", "cycle_days"}
    }
    if "closed" in table and table["won"].notna().any():
        filled["closed"] = float(table.loc[table["won"].notna(), "closed"].notna().mean())
    return completeness(filled, understood.raw)


def completeness(filled: Mapping[str, float], columns: Container[str]) -> tuple[float, str]:
    """Return the score of completeness and what it rests on.

    Args:
        filled: share of the cells that are filled, by column.
        columns: the columns that are there.
    """
    empty = {name: 1 - share for name, share in filled.items() if share < 1}
    worst = sorted(empty, key=lambda name: -empty[name])[:3]
    listed = "; ".join(f"{name} is missing in {100 * empty[name]:.1f} %" for name in worst)
    unmapped = [name for name in STANDARD if name not in columns and name != "cycle_days"]
    absent = f" Not mapped: {', '.join(unmapped)}." if unmapped else ""
    return 100 * float(np.mean(list(filled.values()))), (f"{listed}." if listed else "No cell is missing.") + absent


def _timeliness(table: pd.DataFrame, contract: Contract) -> tuple[float, str]:
    if not {"created", "closed"} <= set(table.columns):
        return float("nan"), "Without dates it cannot be told."
    cycle = (table["closed"] - table["created"]).dt.days
    unfinished = table["outcome"].eq("open").fillna(value=False) & table["created"].notna()
    if not unfinished.any() or not cycle.notna().any():
        return 100.0, "No deal is open, so that none can be stale."
    last = pd.Timestamp(contract.as_of) if contract.as_of else table[["created", "closed"]].max().max()
    limit = cycle.quantile(STALE)
    stale = int(((last - table.loc[unfinished, "created"]).dt.days > limit).sum())
    count = int(unfinished.sum())
    return 100 * (
        1 - stale / count
    ), f"{stale:,} of {count:,} open deals are older than {limit:.0f} days, the age by which 99 % had closed."
