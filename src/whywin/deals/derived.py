"""Columns that follow from the contract's own: periods of a date, and the length of the sales cycle."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import pandas as pd

PERIODS: Final = {"week": "W", "month": "M", "quarter": "Q", "year": "Y"}
LARGE: Final = 1_000_000  # deals from which on texts are held as codes with a list of them
DERIVED: Final = {f"{date}_{grain}": (date, code) for date in ("created", "closed") for grain, code in PERIODS.items()}


def derivable(name: str, columns: Iterable[str]) -> bool:
    """Whether a column that is not in the table can be computed from those that are."""
    there = set(columns)
    if name == "cycle_days":
        return {"created", "closed"} <= there
    return name in DERIVED and DERIVED[name][0] in there


def sources_of(name: str, columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of a table that a column follows from: itself when it is there."""
    if name in set(columns):
        return (name,)
    return ("created", "closed") if name == "cycle_days" else (DERIVED[name][0],)


def with_derived(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Return the table with the derived columns among `names` added: ``created_quarter`` as "2024Q1", ``cycle_days`` in days."""
    missing = [name for name in dict.fromkeys(names) if name not in table.columns]
    added: dict[str, pd.Series] = {}
    for name in missing:
        if name == "cycle_days":
            added[name] = (table["closed"] - table["created"]).dt.days
        else:
            date, code = DERIVED[name]
            dates = table[date]
            codes, periods = pd.factorize(dates.dt.to_period(code))  # each period is made a text once, not that of each deal
            named = pd.Index([str(period) for period in periods], dtype="str")
            known = pd.Series(pd.Categorical.from_codes(codes, categories=named), index=table.index)
            added[name] = known if len(table) > LARGE else known.astype("string")
    return table.assign(**added)


def period_span(labels: Sequence[str], grain: str) -> str:
    """Return periods by name: more than two that follow one another by the first and the last, as in 2023Q1–2023Q4."""
    try:
        places = pd.PeriodIndex(labels, freq=PERIODS[grain]).astype("int64")
    except ValueError:
        return ", ".join(labels)
    follow = len(labels) > 2 and all(later - earlier == 1 for earlier, later in pairwise(places))  # noqa: PLR2004 - two are named
    return f"{labels[0]}–{labels[-1]}" if follow else ", ".join(labels)
