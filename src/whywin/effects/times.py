"""When deals were treated: what a column of dates must keep so that risk sets can be made of it."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import pandas as pd

from whywin.deals.dates import dates
from whywin.errors import DataError

DATES: Final = ("created", "closed")


def faulty_times(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say in what the times of treatment contradict the treatment, or the deals' lives."""
    name = question.treated_at
    if name is None:
        return
    missing = [column for column in DATES if column not in table]
    for column in missing:
        yield f"treated_at: needs the age of each deal, and the deals have no column {column}; map it under deals: columns"
    if name not in table:
        near = get_close_matches(name, list(map(str, table.columns)), n=1)
        yield f"treated_at: the deals have no column {name!r}{f'; did you mean {near[0]!r}?' if near else ''}"
    if missing or name not in table or question.treatment not in table:
        return
    try:
        when = dates(table[name], name)
    except DataError as error:
        yield from (f"treated_at: {fault}" for fault in error.faults)
        return
    treated = pd.to_numeric(table[question.treatment], errors="coerce").astype("float64")
    blank = table[name].isna() | (table[name].astype("string").str.strip() == "").fillna(value=False)
    for broken, says in _contradictions(table, when, treated, ~blank & when.isna()):
        if broken.any():
            example = f", such as {table.loc[broken, 'deal_id'].iloc[0]!r}" if "deal_id" in table else ""
            yield f"treated_at: {int(broken.sum()):,} deals {says}{example}; mend {name!r} or {question.treatment!r}, or leave them out"


def _contradictions(
    table: pd.DataFrame, when: pd.Series, treated: pd.Series, unread: pd.Series
) -> Iterator[tuple[pd.Series, str]]:
    day, created, closed = (values.dt.normalize() for values in (when, table["created"], table["closed"]))
    yield unread, "have something there that is no date"
    yield treated.isna() & table["won"].isna(), "are open and do not say whether they were treated"
    yield treated.eq(1) & when.isna() & ~unread, "were treated and do not say when"
    yield treated.eq(0) & when.notna(), "were not treated and say when they were"
    yield day < created, "were treated before they were created"
    yield day > closed, "were treated after they were closed"
