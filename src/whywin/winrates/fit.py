"""Whether a question about win rates fits a table of deals: every reason why not, one sentence each."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final

import pandas as pd

from whywin.deals.derived import DERIVED, derivable, sources_of, with_derived

MOST_LEVELS: Final = 50
_KNOWN_LATER: Final = ("cycle_days", "closed", "won")
_NO_SEGMENT: Final = {"outcome": "the outcome itself", "won": "the outcome itself", "deal_id": "different for every deal"}


def unknown_columns(question: Any, table: pd.DataFrame) -> list[str]:
    """Columns that the question names and the deals neither have nor can derive, with the nearest names that they have."""
    named = [("segments", name) for name in question.segments] + ([("rep", question.rep)] if question.rep else [])
    named += [("covariates", name) for name in question.covariates] + ([("weight", question.weight)] if question.weight else [])
    faults = [
        f"{field}: the deals have no column {name!r}; {_nearest(name, _choices(table))}"
        for field, name in dict.fromkeys(named)
        if not _there(name, table)
    ]
    if question.time and question.time not in table.columns:
        faults.append(
            f"time: the deals have no column {question.time!r}, so no periods; map it under deals: columns, or leave time out"
        )
    return faults


def faulty_crosses(question: Any) -> list[str]:
    """Pairs to be crossed that name no dimension of the question, name one twice, or stand there twice."""
    faults, seen = [], set()
    known = question.dimensions
    for first, second in question.cross:
        faults += [
            f"cross: {name!r} of [{first}, {second}] is no dimension of the question; {_nearest(name, known)}"
            for name in dict.fromkeys((first, second))
            if name not in known
        ]
        if first == second:
            faults.append(f"cross: [{first}, {second}] crosses a column with itself; name two different ones")
        elif frozenset((first, second)) in seen:
            faults.append(f"cross: [{first}, {second}] stands there twice; leave one out")
        seen.add(frozenset((first, second)))
    return faults


def faulty_periods(question: Any, table: pd.DataFrame) -> list[str]:
    """Periods that cannot be compared: without a time, on one side only, on both sides, or without closed deals."""
    sides = {"baseline": question.baseline, "current": question.current}
    given = [name for name, labels in sides.items() if labels]
    if not given:
        return []
    if question.time is None:
        return [f"{' and '.join(given)}: periods need time; set time: created or time: closed"]
    faults = []
    if len(given) == 1:
        other = next(name for name in sides if name not in given)
        faults.append(f"{other}: empty while {given[0]} names {', '.join(sides[given[0]])}; a change needs both")
    both = sorted(set(question.baseline) & set(question.current))
    if both:
        faults.append(f"baseline and current: both name {', '.join(both)}; a period can stand on one side only")
    if question.time in table.columns:
        faults += _absent_periods(question, table, sides)
    return faults


def _absent_periods(question: Any, table: pd.DataFrame, sides: dict[str, tuple[str, ...]]) -> list[str]:
    there = sorted(_values(table, question.period).dropna().unique())
    known = f"{', '.join(there[:12])}{f' and {len(there) - 12} more' if len(there) > 12 else ''}" or "none"  # noqa: PLR2004 - a line's worth
    return [
        f"{side}: no closed deal has the {question.grain} {label!r} of {question.time}; there are {known}"
        for side, labels in sides.items()
        for label in labels
        if label not in there
    ]


def unfit_amounts(question: Any, table: pd.DataFrame) -> list[str]:
    """Covariates and weights that are no numbers, that one value fills, or that are negative where they are to be summed."""
    faults: list[str] = []
    named = [("covariates", name) for name in question.covariates] + ([("weight", question.weight)] if question.weight else [])
    for field, name in dict.fromkeys(named):
        if name in question.segments:
            faults.append(f"{field}: {name!r} is a segment too; leave it out of one of them")
        elif name in _KNOWN_LATER:
            faults.append(
                f"{field}: {name!r} is known only when a deal has ended, so it says nothing of its chances; leave it out"
            )
        elif name in table.columns and table["won"].notna().any():
            faults += _unfit_amount(field, name, _values(table, name))
    return faults


def _unfit_amount(field: str, name: str, values: pd.Series) -> Iterable[str]:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        yield f"{field}: {name!r} holds no numbers but {values.dtype}; name a column of numbers, or put it under segments"
        return
    negative = values.index[values < 0]
    if field == "weight" and len(negative):
        yield f"weight: {name!r} is negative in {len(negative):,} closed deals, first in row {negative[0]}; mend them or leave weight out"
    if values.nunique() < 2:  # noqa: PLR2004 - one value compares nothing
        yield f"{field}: {name!r} is the same in all closed deals; leave it out"


def too_many_combinations(question: Any, table: pd.DataFrame) -> list[str]:
    """Crossed pairs with more combinations than there are closed deals."""
    closed = int(table["won"].notna().sum())
    faults = []
    for pair in question.cross:
        if not all(_there(name, table) for name in pair):
            continue
        first, second = (_values(table, name).nunique(dropna=False) for name in pair)
        if first * second > closed > 0:
            faults.append(
                f"cross: [{pair[0]}, {pair[1]}] makes {first * second:,} cells of {closed:,} closed deals; "
                f"group the levels, or leave the pair out"
            )
    return faults


def unfit_outcomes(table: pd.DataFrame) -> list[str]:
    """Deals among which nothing can be compared: none closed, all won, or all lost."""
    won = table["won"].dropna()
    if won.empty:
        return [
            f"outcome: none of the {len(table):,} deals is closed; map the labels of won and lost deals under deals: won and lost"
        ]
    share = float(won.mean())
    if share in {0.0, 1.0}:
        word, other = ("won", "lost") if share else ("lost", "won")
        return [f"outcome: all {len(won):,} closed deals are {word}, so nothing compares; check the labels under deals: {other}"]
    return []


def unfit_segments(question: Any, table: pd.DataFrame) -> list[str]:
    """Segment columns that split nothing, split too finely, or hold the outcome itself."""
    if not table["won"].notna().any():
        return []
    faults = []
    for name in dict.fromkeys(question.segments):
        if name in _NO_SEGMENT:
            faults.append(f"segments: {name!r} is {_NO_SEGMENT[name]} and can be no segment; leave it out")
        elif _there(name, table):
            faults += _unfit(name, _values(table, name), own_group=name == question.rep)
    return faults


def _unfit(name: str, values: pd.Series, *, own_group: bool) -> Iterable[str]:
    labels = values.drop_duplicates().astype("string").fillna("(missing)")  # texts of every deal would be gigabytes
    levels = labels.nunique()
    if levels == 1:
        only = labels.iloc[0]
        yield f"segments: {name!r} has one level among the closed deals, {only!r}; a segment needs two or more"
    elif levels > MOST_LEVELS and not own_group:
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
            kind = "a date" if pd.api.types.is_datetime64_any_dtype(values) else "numeric"
            yield f"segments: {name!r} is {kind} with {levels:,} levels; a segment may have {MOST_LEVELS}: cut it into bands"
        elif 2 * levels > len(values):
            yield f"segments: {name!r} has {levels:,} levels among {len(values):,} closed deals; group them, or leave it out"


def _values(table: pd.DataFrame, name: str) -> pd.Series:
    """Return one column of the closed deals, and no more of them: a table of ten million is not copied for it."""
    columns = table[list(sources_of(name, table.columns))]
    return with_derived(columns[table["won"].notna()], (name,))[name]


def _there(name: str, table: pd.DataFrame) -> bool:
    return name in table.columns or derivable(name, table.columns)


def _choices(table: pd.DataFrame) -> list[str]:
    derived = [name for name in DERIVED if derivable(name, table.columns)]
    return [*(name for name in map(str, table.columns) if name not in _NO_SEGMENT), *derived]


def _nearest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    lower = {choice.lower(): choice for choice in known}
    near = [lower[match] for match in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(known)}"
