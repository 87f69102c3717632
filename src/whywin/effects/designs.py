"""Whether a question describes its natural experiment so that it fits a table of deals: every reason why not, one sentence each."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.dates import dates
from whywin.deals.derived import derivable
from whywin.errors import nearest

FEWEST_SCORES: Final = 10  # different scores on each side of a threshold: fewer carry no parabola
FEWEST_GROUPS: Final = 2  # groups of a kind: the spread between them cannot be told from one


def faulty_designs(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say what is wrong with an instrument, a threshold or an adoption that the question names."""
    yield from _faulty_halves(question)
    named = [("score", question.score), ("group", question.group), ("adopted", question.adopted)]
    for field, name in named:
        if name is not None and not _there(name, table):
            yield f"{field}: the deals have no column {name!r}{nearest(name, [str(column) for column in table.columns])}"
    closed = table[table["won"].notna()]
    for name in question.instruments:
        if name in closed:
            yield from _faulty_instrument(name, closed[name])
    if question.score in closed and question.threshold is not None:
        yield from _faulty_score(question, closed)
    if question.adopted in closed and question.group in closed:
        yield from _faulty_adoption(question, closed)


def _faulty_halves(question: Any) -> Iterator[str]:
    if (question.score is None) != (question.threshold is None):
        given, missing = ("score", "threshold") if question.threshold is None else ("threshold", "score")
        yield f"{missing}: missing beside {given}; a threshold needs both: the column of the score, and the score from which deals are treated"
    if (question.group is None) != (question.adopted is None):
        given, missing = ("group", "adopted") if question.adopted is None else ("adopted", "group")
        yield f"{missing}: missing beside {given}; an adoption needs both: the column of who adopts, and the column of the day on which they did"


def _faulty_instrument(name: str, values: pd.Series) -> Iterator[str]:
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        yield f"instruments: {name!r} must be a number, such as 1 where encouraged and 0 elsewhere; make a column of numbers"
    elif values.isna().any():
        yield f"instruments: {name!r} is missing in {int(values.isna().sum()):,} closed deals; fill it, or leave these deals out"
    elif values.nunique() < 2:  # noqa: PLR2004 - one value moves nothing
        yield f"instruments: {name!r} has one value only, so that it moves nothing; name another"


def _faulty_score(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    values = closed[question.score]
    if not pd.api.types.is_numeric_dtype(values):
        yield f"score: {question.score!r} must be a number; name the column that the threshold is about"
        return
    if values.isna().any():
        yield f"score: {question.score!r} is missing in {int(values.isna().sum()):,} closed deals; fill it, or leave these deals out"
    if question.score in {*question.confounders, question.treatment, question.outcome}:
        yield f"score: {question.score!r} is a confounder, the treatment or the outcome too; leave it out of the other"
    for side, inside in (("below", values < question.threshold), ("at or above", values >= question.threshold)):
        count = int(values[inside].nunique())
        if count < FEWEST_SCORES:
            ends = f"they range from {values.min():g} to {values.max():g}"
            yield f"threshold: {count} different scores of closed deals lie {side} {question.threshold:g}, fewer than {FEWEST_SCORES}; {ends}"


def _faulty_adoption(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    if "created" not in closed:
        yield "adopted: needs the day on which each deal was created, and the deals have no column created; map it under deals: columns"
        return
    day = dates(closed[question.adopted], question.adopted)
    unread = int((day.isna() & closed[question.adopted].notna()).sum())
    if unread:
        yield f"adopted: {question.adopted!r} is no date in {unread:,} closed deals; write it like 2024-03-31, and leave it empty where the group never adopted"
        return
    several = day.astype("string").fillna("never").groupby(closed[question.group].astype("string")).nunique()
    if (several > 1).any():
        shown = str(several[several > 1].index[0])
        yield f"adopted: {int((several > 1).sum())} of {question.group!r} have more than one date, such as {shown!r}; a group adopts once, and stays with it"
        return
    yield from _faulty_contrast(question, closed, day)


def _faulty_contrast(question: Any, closed: pd.DataFrame, day: pd.Series) -> Iterator[str]:
    treated = (closed["created"] >= day).to_numpy()
    if question.treatment in closed:
        given = pd.to_numeric(closed[question.treatment], errors="coerce").to_numpy(dtype=float)
        apart = int((np.isin(given, [0.0, 1.0]) & ((given == 1) != treated)).sum())
        if apart:
            rule = f"1 just where a deal was created on or after {question.adopted!r}"
            yield f"treatment: {question.treatment!r} is not {rule}, in {apart:,} closed deals; make them agree"
    first = day.groupby(closed[question.group].astype("string")).first()
    start = closed["created"].min()
    if int((first > start).sum()) < FEWEST_GROUPS:
        yield f"adopted: fewer than {FEWEST_GROUPS} of {question.group!r} adopt after the first deal, so that there is no before and after to compare"
    if int(first.isna().sum()) < FEWEST_GROUPS and first.nunique() < FEWEST_GROUPS:
        yield f"adopted: all of {question.group!r} adopt on the same day, so that there is nobody to compare with; add groups that never did, or did later"


def _there(name: str, table: pd.DataFrame) -> bool:
    return name in table.columns or derivable(name, table.columns)
