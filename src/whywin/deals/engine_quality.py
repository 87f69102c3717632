"""How good a table is that stays in its engine: the same scores as in memory, from counts that the engine makes."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.fingerprints import seconds
from whywin.deals.in_engine import NO, OWN, Breach
from whywin.deals.quality import DIMENSIONS, STALE, completeness
from whywin.deals.table import Quality

DAY: Final = 86_400
UNSEEN: Final = "Suspicious patterns were not looked for: the deals stayed in their engine."


def audited(table: Any, found: Sequence[Breach]) -> pd.Series:
    """Count in one query: rows, rows that break each rule, each dimension's and any rule, cells that are filled, the last day."""
    counted = {"rows": table.count(), "bad": any_of([breach.broken for breach in found]).ifelse(1, 0).sum()}
    counted |= {f"rule_{place}": breach.broken.ifelse(1, 0).sum() for place, breach in enumerate(found)}
    for name in DIMENSIONS:
        broken = [breach.broken for breach in found if breach.dimension == name]
        if broken:
            counted[f"rows_{name}"] = any_of(broken).ifelse(1, 0).sum()
    closed = table["won"].notnull()
    counted |= {"closed_deals": closed.ifelse(1, 0).sum()}
    for name in table.columns:
        if name not in {"won", "outcome", "cycle_days"} and not name.startswith(OWN):
            column = table[name]
            there = (column.notnull() & ~column.isnan()) if column.type().is_floating() else column.notnull()
            counted[f"filled_{name}"] = (there & closed if name == "closed" else there).ifelse(1, 0).sum()
    for name in ("created", "closed"):
        if name in table.columns:
            counted[f"last_{name}"] = table[name].max()
    return table.aggregate(**counted).to_pandas().iloc[0].fillna(0)


def any_of(columns: Sequence[Any]) -> Any:
    """Return whether any of some Ibis columns of truth values is true."""
    return reduce(or_, columns)


def quality_there(table: Any, found: Sequence[Breach], audit: pd.Series, contract: Contract, copies: int) -> Quality:
    """Score an Ibis table as `deals.quality.quality_of` scores one in memory; patterns are not looked for, and that is said."""
    rows = int(audit["rows"])
    scores, says = {}, {}
    for name in DIMENSIONS:
        bad = int(audit.get(f"rows_{name}", 0))
        scores[name] = 100 * (1 - bad / rows)
        kinds = [(int(audit[f"rule_{at}"]), f"{one.column} {one.says}") for at, one in enumerate(found) if one.dimension == name]
        listed = "; ".join(f"{kind}: {count:,}" for count, kind in sorted(kinds, reverse=True)[:3] if count)
        says[name] = f"{bad:,} of {rows:,} rows have a fault ({listed})." if bad else f"No fault in {rows:,} rows."
    scores["completeness"], says["completeness"] = _completeness(table, audit)
    late, told = scores["timeliness"], says["timeliness"]
    scores["timeliness"], says["timeliness"] = _timeliness(table, audit, contract)
    if late < 100:  # noqa: PLR2004 - rows that are later than the export
        scores["timeliness"] = float(np.nanmin([late, scores["timeliness"]]))
        says["timeliness"] = f"{told} {says['timeliness']}"
    if copies:
        says["uniqueness"] += f" {copies:,} rows alike in every column were counted once."
    says["validity"] += f" {UNSEEN}"
    dimensions = pd.DataFrame(
        {"dimension": DIMENSIONS, "score": [scores[n] for n in DIMENSIONS], "says": [says[n] for n in DIMENSIONS]}
    )
    return Quality(float(dimensions["score"].mean()), dimensions, ())


def _completeness(table: Any, audit: pd.Series) -> tuple[float, str]:
    names = [str(name).removeprefix("filled_") for name in audit.index if str(name).startswith("filled_")]
    filled = {name: float(audit[f"filled_{name}"]) / float(audit["rows"]) for name in names if name != "closed"}
    if "closed" in names and audit["closed_deals"]:
        filled["closed"] = float(audit["filled_closed"]) / float(audit["closed_deals"])
    return completeness(filled, table.columns)


def _timeliness(table: Any, audit: pd.Series, contract: Contract) -> tuple[float, str]:
    if not {"created", "closed"} <= set(table.columns):
        return float("nan"), "Without dates it cannot be told."
    length = (seconds(table["closed"]) - seconds(table["created"])) / DAY
    cycles = table.select(days=length.floor().cast("int64")).drop_null().group_by("days").aggregate(deals=lambda t: t.count())
    counts = cycles.to_pandas().sort_values("days")
    unfinished = (table["outcome"] == "open").fill_null(NO) & table["created"].notnull()
    waiting = table.filter(unfinished)
    if not len(counts) or not (count := int(waiting.count().to_pandas())):
        return 100.0, "No deal is open, so that none can be stale."
    limit = _quantile(counts["days"].to_numpy(float), counts["deals"].to_numpy(int), STALE)
    given = contract.as_of or max(pd.Timestamp(audit[f"last_{name}"]) for name in ("created", "closed"))
    age = ((int(pd.Timestamp(given).timestamp()) - seconds(waiting["created"])) / DAY).floor()
    stale = int((age > limit).ifelse(1, 0).sum().to_pandas() or 0)
    return 100 * (
        1 - stale / count
    ), f"{stale:,} of {count:,} open deals are older than {limit:.0f} days, the age by which 99 % had closed."


def _quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """Return the quantile of values that stand so many times, between neighbours in a straight line, as NumPy's default."""
    place = share * (counts.sum() - 1)
    ends = np.cumsum(counts)
    low, high = (values[np.searchsorted(ends, at, side="right")] for at in (np.floor(place), np.ceil(place)))
    return float(low + (high - low) * (place - np.floor(place)))
