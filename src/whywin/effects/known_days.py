"""When columns become known: which of them are known only after the moment at which a deal is treated."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import pandas as pd

from whywin.deals.dates import dates
from whywin.errors import DataError


def late_at_landmark(question: Any) -> dict[str, str]:
    """Return the columns known only at an age beyond the one at which treatment is decided, each with that in words."""
    if question.landmark_days is None:
        return {}
    return {
        name: f"is known only at an age of {days:g} days, and treatment is decided at {question.landmark_days:g}"
        for name, days in question.known_days.items()
        if days > question.landmark_days
    }


def late_at_treatment(question: Any, table: pd.DataFrame) -> dict[str, str]:
    """Return the columns known only at an age at which deals had been treated already, each with how many, in words.

    Ages are counted in calendar days, since a treatment often has a date and no time.
    """
    if not question.known_days or question.treated_at is None:
        return {}
    if not {question.treatment, question.treated_at, "created"} <= set(table.columns):
        return {}
    try:
        when = dates(table[question.treated_at], question.treated_at)
    except DataError:  # said by the rules on times
        return {}
    age = (when.dt.normalize() - table["created"].dt.normalize()).dt.days
    age = age[pd.to_numeric(table[question.treatment], errors="coerce").eq(1) & age.notna()]
    early = {name: int((age < days).sum()) for name, days in question.known_days.items()}
    return {
        name: f"is known only at an age of {question.known_days[name]:g} days, and {count:,} of {len(age):,} treated deals were treated before that"
        for name, count in early.items()
        if count
    }


def faulty_known_days(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say what is wrong with the ages at which columns become known, and which nodes of a graph they rule out."""
    known: Mapping[str, float] = question.known_days
    for name, days in known.items():
        if name in {question.treatment, question.outcome}:
            yield f"known_days: {name!r} is the treatment or the outcome itself; leave it out"
        if not 0 <= days < inf:
            yield f"known_days: {name!r} must become known at an age of 0 days or more, got {days:g}; 0 is when the deal is created"
    if question.landmark_days is None and question.treated_at is None and any(days > 0 for days in known.values()):
        yield "known_days: the question does not say when deals are treated, so that nothing is known before it; set landmark_days or treated_at"
    if question.confounders:
        return
    for name, reason in late_at_treatment(question, table).items():
        if name in question.candidates and name not in question.adjust_anyway:
            yield f"graph: {name!r} {reason}; name it under known_after, or under adjust_anyway, and the grade falls to D"
